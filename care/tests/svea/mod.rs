//! Svea's month as her devices sent it: weighings with a gap and an odd one, pressure and pulse, forms, a late reading and
//! a failed one.

use care::store::sql;
use care::store::{Tx, numbers};
use vitals::{ReadingId, Timestamp};

/// One frame on its way into the record.
pub(crate) struct Sent<'a> {
    /// Whose.
    pub(crate) patient: &'a str,
    /// The kind's key.
    pub(crate) kind: &'a str,
    /// The outcome's key.
    pub(crate) outcome: &'a str,
    /// The values, as JSON.
    pub(crate) vals: &'a str,
    /// When it was measured.
    pub(crate) at: Timestamp,
    /// When it arrived.
    pub(crate) received_at: Timestamp,
    /// The characteristic.
    pub(crate) format: &'a str,
    /// The frame.
    pub(crate) hex: &'a str,
}

/// Puts a frame into the record as admission does.
pub(crate) async fn receive(tx: &mut Tx, sent: Sent<'_>) -> ReadingId {
    let arrival = numbers::next(tx, "reading").await.expect("a number");
    let id = format!("d{arrival}");
    crate::house::stream(tx, 1002, "outbox-1").await;
    sql::query(
        "INSERT INTO reading (arrival, id, patient, at, received_at, kind, outcome, vals, clock, clock_offset_s,
                              device, model, device_time, user_slot, stream, seq, sealed_at, raw_format, raw_hex)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'offset_corrected', -7200,
                 '546c0e000001', 'A&D UC-352BLE', '2026-04-22T09:04:00', 1, 1002, $1, $5, $9, $10)",
    )
    .bind(arrival)
    .bind(&id)
    .bind(sent.patient)
    .bind(sent.at.as_millis())
    .bind(sent.received_at.as_millis())
    .bind(sent.kind)
    .bind(sent.outcome)
    .bind(sent.vals)
    .bind(sent.format)
    .bind(sent.hex)
    .execute(tx)
    .await
    .expect("a reading");
    id.parse().expect("a reading id")
}

/// The weights of thirty days, 0 where she did not weigh herself: 78.2 and a little, then 2.4 kg in six days.
const WEIGHTS: [f64; 30] = [
    78.4, 78.2, 78.6, 78.1, 77.7, 78.5, 77.9, 77.9, 0.0, 0.0, 78.2, 78.4, 78.0, 78.3, 77.8, 78.6, 78.2, 0.0,
    78.2, 78.3, 78.2, 78.2, 77.9, 78.2, 78.6, 79.0, 79.4, 79.8, 80.3, 80.6,
];

/// Her month up to `last`, the morning of the last day. Gives the last weighing and the odd one.
pub(crate) async fn month(tx: &mut Tx, last: Timestamp) -> (ReadingId, ReadingId) {
    sql::query("DELETE FROM finding_reading").execute(tx).await.expect("makes room");
    sql::query("DELETE FROM reading WHERE patient = 'svea'").execute(tx).await.expect("makes room");
    let mut ids = Vec::new();
    for day in (30..60).rev() {
        let vals = format!(
            r#"{{"weight_kg":{:.1}}}"#,
            78.2 + f64::from(u8::try_from(day % 5).expect("small")) * 0.2 - 0.4
        );
        ids.push(weigh(tx, &vals, last.plus_days(-day), 0).await);
    }
    for (day, kg) in (0_i64..).zip(WEIGHTS).filter(|(_, kg)| *kg > 0.0) {
        let at = last.plus_days(day - 29);
        // The weighing of 6 April reached the house four days later.
        let waited = if day == 13 { 4 * Timestamp::DAY_MS } else { 0 };
        ids.push(weigh(tx, &format!(r#"{{"weight_kg":{kg:.1}}}"#), at, waited).await);
        pressure_and_form(tx, day, at).await;
    }
    let odd =
        weigh(tx, r#"{"weight_kg":61.2}"#, last.plus_days(-16).plus_millis(Timestamp::HOUR_MS), 0).await;
    let failed = Sent {
        patient: "svea",
        kind: "blood_pressure",
        outcome: "failed",
        vals: "{}",
        at: last.plus_days(-3).plus_millis(Timestamp::HOUR_MS),
        received_at: last.plus_days(-3).plus_millis(Timestamp::HOUR_MS),
        format: "2a35",
        hex: "1cff07ff07ff07ea0704130a0400ff07",
    };
    receive(tx, failed).await;
    (ids.last().expect("a weighing").clone(), odd)
}

async fn weigh(tx: &mut Tx, vals: &str, at: Timestamp, waited_ms: i64) -> ReadingId {
    let sent = Sent {
        patient: "svea",
        kind: "weight",
        outcome: "measured",
        vals,
        at,
        received_at: at.plus_millis(waited_ms + 20_000),
        format: "2a9d",
        hex: "02f83eea070416090400",
    };
    receive(tx, sent).await
}

async fn pressure_and_form(tx: &mut Tx, day: i64, at: Timestamp) {
    let swing = (day * 7) % 20;
    let pulse = 68 + (day * 5) % 6 + (day - 24).max(0);
    let vals = format!(
        r#"{{"systolic_mmhg":{}.0,"diastolic_mmhg":{}.0,"pulse_per_min":{pulse}.0}}"#,
        118 + swing,
        70 + swing / 2
    );
    let sent = Sent {
        patient: "svea",
        kind: "blood_pressure",
        outcome: "measured",
        vals: &vals,
        at: at.plus_millis(2 * Timestamp::MINUTE_MS),
        received_at: at.plus_millis(3 * Timestamp::MINUTE_MS),
        format: "2a35",
        hex: "1e76004600560000ea0704160906004800",
    };
    receive(tx, sent).await;
    let worse = |from: i64, most: i64| (day - from).clamp(0, most);
    let form = format!(
        r#"{{"breathlessness":{},"orthopnoea":0,"swelling":{},"fatigue":{}}}"#,
        worse(26, 2),
        worse(27, 1),
        worse(24, 1)
    );
    super::house::record(tx, "svea", at.plus_millis(4 * Timestamp::MINUTE_MS), "symptoms", &form).await;
}
