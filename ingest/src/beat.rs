//! A gateway's sign of life: checked, kept, and compared with what is known here.
//!
//! A heartbeat that cannot be read is counted and logged, not quarantined: it carries no reading, and a gateway that sends no good
//! ones becomes silent, which is a task.

use care::admission::gateways;
use vitals::{GatewayId, Heartbeat, OutboxId, Timestamp};

use crate::sitting::{Sitting, SittingError};

const HEARTBEAT_BYTES_MAX: usize = 64 * 1024;

/// Up to which number a gateway believes that it has receipts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Belief {
    pub(crate) gateway: GatewayId,
    pub(crate) outbox: OutboxId,
    pub(crate) through: u64,
}

/// Reads a heartbeat that came on the topic of `gateway`.
///
/// # Errors
/// In words, which field is wrong and how.
pub(crate) fn read(payload: &[u8], gateway: &GatewayId) -> Result<Heartbeat, String> {
    if payload.len() > HEARTBEAT_BYTES_MAX {
        return Err(format!("{} bytes, at most {HEARTBEAT_BYTES_MAX}", payload.len()));
    }
    let heartbeat: Heartbeat = serde_json::from_slice(payload).map_err(|error| error.to_string())?;
    if heartbeat.gateway != *gateway {
        return Err(format!("gateway is {}, the topic is that of {gateway}", heartbeat.gateway));
    }
    if heartbeat.last_seq > vitals::Seq::MAX {
        return Err("last_seq is no sequence number".to_owned());
    }
    if heartbeat.unreceipted > heartbeat.last_seq {
        return Err("unreceipted is more than last_seq".to_owned());
    }
    Ok(heartbeat)
}

/// Keeps the heartbeat in `payload`; `None` when it was refused.
///
/// # Errors
/// [`SittingError`]; the sitting must then be dropped.
pub(crate) async fn take(
    sitting: &mut Sitting<'_>,
    gateway: Option<&GatewayId>,
    payload: &[u8],
    received_at: Timestamp,
) -> Result<Option<Belief>, SittingError> {
    let Some(gateway) = gateway else {
        refuse("?", "the topic names no gateway id");
        return Ok(None);
    };
    if care::canary::is_gateway(gateway) {
        return Ok(None);
    }
    let heartbeat = match read(payload, gateway) {
        Ok(heartbeat) => heartbeat,
        Err(what) => {
            refuse(gateway.as_str(), &what);
            return Ok(None);
        }
    };
    if !sitting.knows_gateway(gateway).await? {
        refuse(gateway.as_str(), "the gateway is not in the register");
        return Ok(None);
    }
    gateways::beat(sitting.store().await?, &heartbeat, received_at).await?;
    let through = heartbeat.last_seq - heartbeat.unreceipted;
    Ok(Some(Belief { gateway: heartbeat.gateway, outbox: heartbeat.outbox, through }))
}

fn refuse(gateway: &str, what: &str) {
    metrics::counter!("vagen_ingest_heartbeats_refused_total").increment(1);
    tracing::warn!(gateway, what, "heartbeat refused");
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXAMPLE: &str = r#"{"v":1,"gateway":"gw-0001","at":"2026-01-01T07:04:00.000Z","outbox":"5f0c","last_seq":12,"unreceipted":2,
        "version":"0.1.0","clock_synced":true,"devices":[{"id":"546c0e000001","last_seen":null,"battery_percent":66}]}"#;

    /// To add a case, add a row: what to change in the published interface's example, and whether it is still read.
    #[test]
    fn a_heartbeat_is_checked() {
        let gateway: GatewayId = "gw-0001".parse().expect("a gateway id");
        let rows = [
            ("", "", true),
            (r#""unreceipted":2"#, r#""unreceipted":13"#, false),
            (r#""gateway":"gw-0001""#, r#""gateway":"gw-0002""#, false),
            (r#""last_seq":12"#, r#""last_seq":-1"#, false),
            (r#""last_seq":12"#, r#""last_seq":9007199254740992"#, false),
            (r#""v":1"#, r#""v":2"#, false),
            (r#""clock_synced":true"#, r#""clock_synced":true,"later_key":{}"#, true),
        ];
        for (was, becomes, good) in rows {
            let text = EXAMPLE.replacen(was, becomes, 1);
            assert_eq!(read(text.as_bytes(), &gateway).is_ok(), good, "{becomes}");
        }
        assert!(read(&vec![b' '; HEARTBEAT_BYTES_MAX + 1], &gateway).is_err());
        assert!(read(&[0xFF, 0xFE], &gateway).is_err());
    }
}
