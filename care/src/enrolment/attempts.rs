//! How often one may guess: ten wrong codes or requests from one address in ten minutes, three hundred from everywhere.
//!
//! Forty bits, at most some hundred live codes and 43,200 guesses a day: one chance in a quarter of a million that a day of
//! guessing from everywhere finds one. Kept in memory: a restart forgives.
//!
//! **Invariant:** only failures count, so a house full of new boxes is never kept out by its own success.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use vitals::Timestamp;

const WINDOW_MS: i64 = 10 * Timestamp::MINUTE_MS;
const FAILURES_OF_ONE_MAX: u32 = 10;
const FAILURES_OF_ALL_MAX: u32 = 300;

/// Where a request came from, as far as guessing goes. An IPv6 home has a /64 to itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Source(Option<IpAddr>);

impl Source {
    /// The request came from `address`; `None` where nobody knows.
    #[must_use]
    pub fn of(address: Option<IpAddr>) -> Self {
        Self(address.map(|address| match address.to_canonical() {
            IpAddr::V4(address) => address.into(),
            IpAddr::V6(address) => {
                let [a, b, c, d, ..] = address.segments();
                std::net::Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
            }
        }))
    }
}

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Some(address) => address.fmt(f),
            None => f.write_str("an unknown address"),
        }
    }
}

/// Who failed how often. See the module.
#[derive(Debug, Default)]
pub struct Attempts(Mutex<Failures>);

#[derive(Debug, Default)]
struct Failures {
    of_all: Window,
    of_one: HashMap<Source, Window>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Window {
    began: Option<Timestamp>,
    failures: u32,
}

impl Window {
    /// How long the window at `now` still lasts, ms; 0 when it is over or a clock went back.
    fn left_ms(self, now: Timestamp) -> i64 {
        let gone = self.began.map_or(WINDOW_MS, |began| now.millis_since(began));
        if (0..WINDOW_MS).contains(&gone) { WINDOW_MS - gone } else { 0 }
    }

    fn wait_ms(self, now: Timestamp, failures_max: u32) -> i64 {
        if self.failures >= failures_max { self.left_ms(now) } else { 0 }
    }

    fn failed(&mut self, now: Timestamp) {
        if self.left_ms(now) == 0 {
            *self = Self { began: Some(now), failures: 0 };
        }
        self.failures = self.failures.saturating_add(1);
    }
}

impl Attempts {
    /// Whether `source` may try at `now`.
    ///
    /// # Errors
    /// How long it must wait, ms.
    pub fn may(&self, source: Source, now: Timestamp) -> Result<(), i64> {
        let failures = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let of_one = failures.of_one.get(&source).copied().unwrap_or_default();
        let wait_ms =
            of_one.wait_ms(now, FAILURES_OF_ONE_MAX).max(failures.of_all.wait_ms(now, FAILURES_OF_ALL_MAX));
        if wait_ms == 0 { Ok(()) } else { Err(wait_ms) }
    }

    /// Notes that `source` failed. What is remembered is bounded by how many failures all together are let through.
    pub fn failed(&self, source: Source, now: Timestamp) {
        let mut failures = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        failures.of_one.retain(|_, window| window.left_ms(now) > 0);
        failures.of_all.failed(now);
        failures.of_one.entry(source).or_default().failed(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * Timestamp::SECOND_MS).expect("in range")
    }

    fn source(text: &str) -> Source {
        Source::of(Some(text.parse().expect("an address")))
    }

    /// Ten in ten minutes: the module's own promise.
    #[test]
    fn one_address_is_stopped_and_others_are_not() {
        let attempts = Attempts::default();
        let (guesser, home) = (source("192.0.2.1"), source("192.0.2.2"));
        for tried in 0..10 {
            assert_eq!(attempts.may(guesser, at(tried)), Ok(()), "{tried}");
            attempts.failed(guesser, at(tried));
        }
        assert_eq!(attempts.may(guesser, at(60)), Err(540_000), "ten minutes from the first");
        assert_eq!(attempts.may(home, at(60)), Ok(()));
        assert_eq!(attempts.may(guesser, at(600)), Ok(()));
    }

    #[test]
    fn many_addresses_together_are_stopped_too_and_forgotten_in_time() {
        let attempts = Attempts::default();
        for one in 0..300_u32 {
            attempts.failed(Source::of(Some(std::net::Ipv4Addr::from(one).into())), at(0));
        }
        assert_eq!(attempts.may(source("192.0.2.2"), at(1)), Err(599_000));
        attempts.failed(source("192.0.2.2"), at(600));
        assert_eq!(attempts.0.lock().expect("sound").of_one.len(), 1);
        assert_eq!(attempts.may(source("192.0.2.3"), at(600)), Ok(()));
        assert_eq!(
            attempts.may(source("192.0.2.3"), at(-3600)),
            Ok(()),
            "a clock that went back locks nobody out"
        );
    }

    /// RFC 4291, 2.5.1: the first 64 bits are the network's. RFC 4291, 2.5.5.2: an IPv4 address in IPv6 is the IPv4 address.
    #[test]
    fn a_home_is_one_source() {
        assert_eq!(source("2001:db8:1:2::1"), source("2001:db8:1:2:ffff::9"));
        assert_ne!(source("2001:db8:1:2::1"), source("2001:db8:1:3::1"));
        assert_eq!(source("::ffff:192.0.2.1"), source("192.0.2.1"));
    }
}
