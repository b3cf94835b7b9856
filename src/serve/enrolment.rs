//! Enrolment, wired: which authority signs, and which broker boxes are sent to.

use care::enrolment::{Authority, Enrolment};
use vitals::Timestamp;

use crate::failure::{Failure, OrFail};
use crate::serve::config::{Broker, Config};

/// The authority that the configuration names, else the data directory's, made at `now` if it is missing.
pub(crate) fn authority(config: &Config, now: Timestamp) -> Result<Authority, Failure> {
    let authority = match &config.gateways.authority {
        Some(pair) => Authority::from_files(&pair.certificate, &pair.key).or_wrong_input("gateways")?,
        None => Authority::open(&config.data, now).or_fail()?,
    };
    Ok(authority.with_gateway_life(config.gateways.certificate_life))
}

/// Enrolment for boxes that reach the broker as the configuration says, else as this server does: at `broker`.
pub(crate) fn enrolment(config: &Config, broker: &str, now: Timestamp) -> Result<Enrolment, Failure> {
    Ok(Enrolment::new(authority(config, now)?, config.gateways.broker.as_deref().unwrap_or(broker)))
}

/// The broker's addresses: as this server knows it, and as boxes do. The embedded one has none that a box could use.
pub(crate) fn broker_urls(config: &Config) -> Vec<&str> {
    let own = match &config.broker {
        Broker::External(url) => Some(url.as_str()),
        Broker::Embedded(_) => None,
    };
    config.gateways.broker.as_deref().into_iter().chain(own).collect()
}
