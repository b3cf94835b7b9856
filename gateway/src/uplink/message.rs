//! Messages: envelopes in batches going up, receipts and requests coming down.
//!
//! **Invariant:** a batch is one envelope alone or a JSON array of several; what came down and is not understood is an
//! error with words, never a guess.

use vitals::envelope::Version1;
use vitals::{
    DeviceHealth, Downstream, GatewayId, Heartbeat, OutboxId, Receipt, Resend, Seq, Timestamp, Void,
};

use super::BATCH_ROWS_MAX;
use crate::outbox::{Depth, Due};

/// The topic envelopes go up on.
#[must_use]
pub fn up_topic(gateway: &GatewayId) -> String {
    format!("vagen/v1/{gateway}/up")
}

/// The topic receipts come down on.
#[must_use]
pub fn down_topic(gateway: &GatewayId) -> String {
    format!("vagen/v1/{gateway}/down")
}

/// The topic of the sign of life.
#[must_use]
pub fn heartbeat_topic(gateway: &GatewayId) -> String {
    format!("vagen/v1/{gateway}/heartbeat")
}

/// The payload of one message: an envelope alone, or an array.
#[must_use]
pub fn batch(due: &[Due]) -> Vec<u8> {
    match due {
        [one] => one.body.clone().into_bytes(),
        several => {
            let bodies: Vec<&str> = several.iter().map(|due| due.body.as_str()).collect();
            format!("[{}]", bodies.join(",")).into_bytes()
        }
    }
}

/// The most numbers declared void in one message about a database that is gone; the server asks again for the rest.
pub const GONE_PER_MESSAGE_MAX: usize = BATCH_ROWS_MAX;

/// Voids for numbers of a database that this gateway no longer has, as one message.
///
/// # Errors
/// Whatever serde_json says; it has no reason to.
pub fn gone(gateway: &GatewayId, wanted: &Resend) -> Result<Vec<u8>, serde_json::Error> {
    let numbers = wanted.from.get()..=wanted.to.get();
    let voids: Vec<Void> = numbers
        .filter_map(|number| Seq::new(number).ok())
        .take(GONE_PER_MESSAGE_MAX)
        .map(|seq| Void {
            v: Version1,
            gateway: gateway.clone(),
            outbox: wanted.outbox.clone(),
            seq,
            void: "its outbox is gone".to_owned(),
        })
        .collect();
    serde_json::to_vec(&voids)
}

/// A sign of life.
///
/// # Errors
/// Whatever serde_json says; it has no reason to.
pub fn heartbeat(
    gateway: &GatewayId,
    outbox: &OutboxId,
    at: Timestamp,
    depth: Depth,
    clock_synced: bool,
    devices: Vec<DeviceHealth>,
) -> Result<Vec<u8>, serde_json::Error> {
    serde_json::to_vec(&Heartbeat {
        v: Version1,
        gateway: gateway.clone(),
        at,
        outbox: outbox.clone(),
        last_seq: depth.last_seq,
        unreceipted: depth.unreceipted,
        version: Some(env!("CARGO_PKG_VERSION").to_owned()),
        clock_synced: Some(clock_synced),
        devices,
    })
}

/// What the server said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// A receipt, a request, or both, for this outbox; neither when a later version says something we do not know.
    Ours {
        /// Settled through this number.
        receipt: Option<u64>,
        /// Numbers wanted again.
        resend: Option<Resend>,
    },
    /// Meant for another database of this gateway: which, and the numbers wanted again, if that is what it says.
    Foreign(OutboxId, Option<Resend>),
    /// Not understood, and why.
    Malformed(String),
}

/// Reads what came down.
#[must_use]
pub fn said(payload: &[u8], outbox: &OutboxId) -> Said {
    let down: Downstream = match serde_json::from_slice(payload) {
        Ok(down) => down,
        Err(error) => return Said::Malformed(error.to_string()),
    };
    let foreign = |named: &OutboxId| (named != outbox).then(|| named.clone());
    let receipt_for = down.receipt.as_ref().and_then(|receipt| foreign(&receipt.outbox));
    let resend_for = down.resend.as_ref().and_then(|resend| foreign(&resend.outbox));
    match (receipt_for, resend_for) {
        (_, Some(other)) => return Said::Foreign(other, down.resend),
        (Some(other), None) => return Said::Foreign(other, None),
        (None, None) => {}
    }
    Said::Ours { receipt: down.receipt.map(|Receipt { through, .. }| through), resend: down.resend }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn outbox(name: &str) -> OutboxId {
        name.parse().expect("a label")
    }

    /// Rows by the published interface: its two examples, another database, and what is neither.
    #[test]
    fn what_comes_down_is_understood_or_named() {
        let seq = |number| Seq::new(number).expect("a number");
        let resend = Resend { outbox: outbox("5f0c..."), from: seq(1200), to: seq(1234) };
        let ours = |receipt, resend| Some(Said::Ours { receipt, resend });
        let rows = [
            (r#"{"v":1,"receipt":{"outbox":"5f0c...","through":1234}}"#, ours(Some(1234), None)),
            (r#"{"v":1,"receipt":{"outbox":"5f0c...","through":0}}"#, ours(Some(0), None)),
            (r#"{"v":1,"resend":{"outbox":"5f0c...","from":1200,"to":1234}}"#, ours(None, Some(resend))),
            (r#"{"v":1,"message":"from a later version"}"#, ours(None, None)),
            (
                r#"{"v":1,"receipt":{"outbox":"other","through":9}}"#,
                Some(Said::Foreign(outbox("other"), None)),
            ),
            (
                r#"{"v":1,"resend":{"outbox":"other","from":1,"to":2}}"#,
                Some(Said::Foreign(
                    outbox("other"),
                    Some(Resend { outbox: outbox("other"), from: seq(1), to: seq(2) }),
                )),
            ),
            (r#"{"v":2,"receipt":{"outbox":"5f0c...","through":9}}"#, None),
            (r#"{"v":1,"receipt":{"outbox":"5f0c...","through":-1}}"#, None),
            (r#"{"v":1,"receipt":{"outbox":"5f0c..."}}"#, None),
            ("[]", None),
            ("", None),
        ];
        for (text, expected) in rows {
            let got = said(text.as_bytes(), &outbox("5f0c..."));
            match expected {
                Some(expected) => assert_eq!(got, expected, "{text}"),
                None => assert!(matches!(got, Said::Malformed(_)), "{text}: {got:?}"),
            }
        }
    }

    proptest! {
        #[test]
        fn anything_may_come_down(bytes: Vec<u8>) {
            let _ = said(&bytes, &outbox("5f0c..."));
        }
    }
}
