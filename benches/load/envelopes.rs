//! Who is who in the measured house, and what its homes send: envelopes of the published interface with real frames of A&D scales
//! and cuffs.
//!
//! Unless told otherwise a scale weighs once a day, so a hundred thousand readings of a thousand people are a hundred days, and rules
//! have what they have in life: a noise of some hundred grams about a usual weight. Nothing is random: the same numbers give the
//! same bytes.
//!
//! **Invariant:** no two envelopes hold the same weighing, so none is recognised as a repetition.

use std::fmt::Write as _;

use anyhow::{Context as _, Result};
use jiff::civil::DateTime;

pub(crate) const DAY_MS: i64 = 86_400_000;
/// People weigh in the morning.
const FIRST_MINUTE_MS: i64 = 5 * 3_600_000;

/// How many of what.
#[derive(Clone, Copy, Debug)]
pub(crate) struct House {
    pub(crate) gateways: usize,
    pub(crate) patients: usize,
}

impl House {
    /// The number of patients behind one gateway; patient `p` is behind gateway `p % gateways`.
    fn at_a_gateway(self) -> usize {
        self.patients.div_ceil(self.gateways)
    }

    /// A measurement a day of each, so many that the last of `messages` is of the day before `now_ms`.
    pub(crate) fn daily(self, messages: u64, now_ms: i64) -> Times {
        let days = i64::try_from(messages).unwrap_or(i64::MAX) / as_i64(self.patients) + 2;
        Times { first_day_ms: now_ms / DAY_MS * DAY_MS - days * DAY_MS, step_ms: DAY_MS }
    }

    /// The register, for `vagen admin apply`: every patient with a scale and a cuff, in units that take turns, each unit with a
    /// nurse whose login is `nurse` and the unit's number.
    pub(crate) fn register(self, units: usize) -> String {
        let mut text = String::from("organisation = [{ id = \"r\", name = \"R\", kind = \"region\" }]\n");
        for unit in 0..units {
            let _ = write!(
                text,
                "[[unit]]\nid = \"u{unit}\"\norganisation = \"r\"\nname = \"U{unit}\"\n[[staff]]\nid = \"s{unit}\"\nunit = \"u{unit}\"\n\
                 role = \"heart_failure_nurse\"\nname = \"N\"\nlogin = \"nurse{unit}\"\npassword = \"{PASSWORD}\"\n"
            );
        }
        for gateway in 0..self.gateways {
            let _ = write!(text, "[[gateway]]\nid = \"{}\"\n", gateway_id(gateway));
        }
        for patient in 0..self.patients {
            let unit = patient % units;
            let _ = write!(
                text,
                "[[patient]]\nid = \"p{patient}\"\nname = \"P{patient}\"\nunits = [\"u{unit}\"]\n"
            );
            for (device, model) in [(scale_id(patient), SCALE), (cuff_id(patient), CUFF)] {
                let _ = write!(
                    text,
                    "[[device]]\nid = \"{device}\"\nmodel = \"{model}\"\n[[worn_by]]\ndevice = \"{device}\"\n\
                     patient = \"p{patient}\"\nfrom = \"2015-01-01T00:00:00Z\"\n"
                );
            }
        }
        text
    }
}

/// The nurses' password.
pub(crate) const PASSWORD: &str = "nurse-password-of-a-bench";

const SCALE: &str = "A&D UC-352BLE";
const CUFF: &str = "A&D UA-651BLE";

pub(crate) fn gateway_id(gateway: usize) -> String {
    format!("gw-{gateway:04}")
}

/// The one outbox of a gateway.
pub(crate) fn outbox_id(gateway: usize) -> String {
    format!("5f0c9a3e71b84d26a0e1c2d3{gateway:08x}")
}

fn scale_id(patient: usize) -> String {
    format!("546c0e{patient:06x}")
}

fn cuff_id(patient: usize) -> String {
    format!("546c0f{patient:06x}")
}

/// What the homes send, in order.
pub(crate) struct Envelopes {
    house: House,
    times: Times,
}

/// When the homes measure.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Times {
    /// The day of the first measurement of each, ms since 1970 UTC.
    pub(crate) first_day_ms: i64,
    /// From one to the next, ms.
    pub(crate) step_ms: i64,
}

impl Envelopes {
    /// Of `house`, measured at `times`.
    pub(crate) fn new(house: House, times: Times) -> Self {
        Self { house, times }
    }

    /// Whose weighing number `seq` of `gateway` is.
    pub(crate) fn patient(&self, gateway: usize, seq: u64) -> usize {
        let turn = usize::try_from(seq - 1).unwrap_or(0) % self.house.at_a_gateway();
        (turn * self.house.gateways + gateway) % self.house.patients
    }

    /// Writes envelope `seq` of `gateway`: a weighing.
    pub(crate) fn weighing(&self, to: &mut String, gateway: usize, seq: u64) -> Result<()> {
        let patient = self.patient(gateway, seq);
        let turn = as_i64(usize::try_from(seq - 1)? / self.house.at_a_gateway());
        let Times { first_day_ms, step_ms } = self.times;
        let at_ms = first_day_ms + turn * step_ms + FIRST_MINUTE_MS + as_i64(patient % 7_000) * 1_000;
        let steps = weight_steps(patient, turn);
        let moment = Moment::of(at_ms)?;
        let hex = format!("02{:02x}{:02x}{}", steps & 255, steps >> 8, moment.frame);
        let (kg, g) = (steps / 200, steps % 200 * 5);
        let head = (gateway, seq, scale_id(patient), SCALE);
        let values = format!("\"weight_kg\":{kg}.{g:03}");
        write(to, head, "weight", &values, &moment, "2a9d", &hex)
    }

    /// Writes envelope `seq` of `gateway`: a pressure of `patient` at `at_ms` that no policy lets pass.
    pub(crate) fn crisis(
        &self,
        to: &mut String,
        (gateway, seq): (usize, u64),
        patient: usize,
        at_ms: i64,
    ) -> Result<()> {
        let moment = Moment::of(at_ms)?;
        // 196/124 mean 148 mmHg, with time stamp and pulse 88.
        let hex = format!("06c4007c009400{}5800", moment.frame);
        let values =
            "\"systolic_mmhg\":196,\"diastolic_mmhg\":124,\"mean_arterial_mmhg\":148,\"pulse_per_min\":88";
        let head = (gateway, seq, cuff_id(patient), CUFF);
        write(to, head, "blood_pressure", values, &moment, "2a35", &hex)
    }
}

fn write(
    to: &mut String,
    (gateway, seq, device, model): (usize, u64, String, &str),
    kind: &str,
    values: &str,
    moment: &Moment,
    characteristic: &str,
    hex: &str,
) -> Result<()> {
    let Moment { text, .. } = moment;
    write!(
        to,
        "{{\"v\":1,\"gateway\":\"{}\",\"outbox\":\"{}\",\"seq\":{seq},\"sealed_at\":\"{text}.000Z\",\
         \"device\":{{\"id\":\"{device}\",\"model\":\"{model}\",\"serial\":\"5170300042\"}},\
         \"measurement\":{{\"kind\":\"{kind}\",\"outcome\":\"measured\",\"values\":{{{values}}},\"absent\":{{}},\
         \"device_time\":\"{text}\",\"user_slot\":null,\"flags\":[],\"measured_at\":\"{text}.000Z\",\
         \"clock\":\"offset_corrected\",\"clock_offset_s\":0}},\
         \"raw\":{{\"characteristic\":\"{characteristic}\",\"hex\":\"{hex}\"}}}}",
        gateway_id(gateway),
        outbox_id(gateway),
    )
    .context("writing an envelope")
}

/// A time as text and as a frame has it: year, month, day, hour, minute, second.
struct Moment {
    text: String,
    frame: String,
}

impl Moment {
    fn of(at_ms: i64) -> Result<Self> {
        let time: DateTime =
            jiff::tz::Offset::UTC.to_datetime(jiff::Timestamp::from_millisecond(at_ms / 1_000 * 1_000)?);
        let year = time.year();
        let (month, day, hour, minute, second) =
            (time.month(), time.day(), time.hour(), time.minute(), time.second());
        Ok(Self {
            text: format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}"),
            frame: format!(
                "{:02x}{:02x}{month:02x}{day:02x}{hour:02x}{minute:02x}{second:02x}",
                year & 255,
                year >> 8
            ),
        })
    }
}

/// A weight in steps of 5 g: a usual one for each, and about it what a home scale and a day make of it, 0.45 kg.
fn weight_steps(patient: usize, turn: i64) -> i64 {
    let usual = 60_00 + as_i64(patient * 37 % 40_00);
    let noise: i64 = (0..3).map(|die| dice(as_i64(patient), turn, die) % 91 - 45).sum();
    (usual + noise) * 2
}

/// A number from 0, the same for the same three.
fn dice(patient: i64, turn: i64, die: i64) -> i64 {
    let mut state = (patient.wrapping_mul(1_000_003) ^ turn.wrapping_mul(7_919) ^ die.wrapping_mul(104_729))
        .wrapping_mul(-7_046_029_254_386_353_131);
    state ^= (state as u64 >> 29) as i64;
    state = state.wrapping_mul(-4_658_895_280_553_007_687);
    ((state as u64) >> 33) as i64
}

fn as_i64(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
