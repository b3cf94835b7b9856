//! The rows of the model table. To add a device, add a row here and a frame with its source to `tests/frames.json`.

use super::{Behaviour, Bonding, ClockChannel, Epoch, FrameQuirks, Model};
use crate::format::Format;

/// Frames as specified.
const STANDARD: FrameQuirks = FrameQuirks {
    big_endian_pulse_and_status: false,
    user_byte_without_flag: false,
    zero_mean_arterial_absent: false,
    weight_steps_per_kg: 200,
    big_endian_record: false,
    epoch: Epoch::Year2010,
};

/// Connects, speaks, and is hung up on.
const PLAIN: Behaviour = Behaviour {
    advertisement_only: false,
    bonding: Bonding::No,
    clock_channel: None,
    set_clock_within_ms: None,
    subscribe_after_ms: 0,
    omits_time_when_unset: false,
    speaks_once_told_the_time: false,
    record_access: false,
    deletes_after_transfer: false,
};

/// Advertises about a minute after a measurement, sends what it stored oldest first, and is gone a minute later. Asks for
/// its clock within five seconds; the clock's characteristic lies inside the measurement's service.
const AND_MEDICAL: Behaviour = Behaviour {
    bonding: Bonding::Required,
    clock_channel: Some(ClockChannel::DateTime),
    set_clock_within_ms: Some(5_000),
    omits_time_when_unset: true,
    ..PLAIN
};

const OMRON: Behaviour = Behaviour {
    bonding: Bonding::Required,
    clock_channel: Some(ClockChannel::CurrentTime),
    deletes_after_transfer: true,
    ..PLAIN
};

/// Family A follows the services; what it stored it gives out by record access. What it has given out it deletes.
const OMRON_BY_THE_SERVICES: Behaviour = Behaviour { record_access: true, ..OMRON };

const BEURER_CUFF: Behaviour = Behaviour { subscribe_after_ms: 100, ..PLAIN };
const BEURER_CUFF_FRAMES: FrameQuirks = FrameQuirks {
    big_endian_pulse_and_status: true,
    user_byte_without_flag: true,
    zero_mean_arterial_absent: true,
    ..STANDARD
};

const BEURER_SCALE: Behaviour = Behaviour {
    bonding: Bonding::RequiredWithConsent,
    clock_channel: Some(ClockChannel::CurrentTime),
    ..PLAIN
};

const BROADCAST: Behaviour = Behaviour { advertisement_only: true, ..PLAIN };

const BY_AND: &[&str] = &["A&D*", "*A&D Company*"];
const BY_OMRON: &[&str] = &["*Omron*"];
const BY_BEURER: &[&str] = &["*Beurer*"];
const BY_TRANSTEK: &[&str] = &["*Transtek*", "*Medisana*", "ADE*", "*Trisa*"];

const OMRON_CLOCKS: &[&str] = &["2017-01-01"];
const BEURER_CLOCKS: &[&str] = &["2000-01-05"];
const XIAOMI_CLOCKS: &[&str] = &["1970-01-01"];
const FORA_CLOCKS: &[&str] = &["2010-01-02"];

const CUFF: &[Format] = &[Format::BloodPressure, Format::CuffPressure];
const COMPOSITION_SCALE: &[Format] = &[Format::Weight, Format::BodyComposition];
const TRANSTEK: &[Format] = &[Format::Transtek8a21, Format::Transtek8a22];

const fn cuff_of_beurer(name: &'static str, patterns: &'static [&'static str]) -> Model {
    Model {
        name,
        maker: "Beurer",
        patterns,
        makers: BY_BEURER,
        formats: CUFF,
        frames: BEURER_CUFF_FRAMES,
        behaviour: BEURER_CUFF,
        default_clocks: BEURER_CLOCKS,
        source: "captures in derdilla/blood-pressure-monitor-fl",
    }
}

const fn scale_of_beurer(name: &'static str, patterns: &'static [&'static str]) -> Model {
    Model {
        name,
        maker: "Beurer",
        patterns,
        makers: BY_BEURER,
        formats: COMPOSITION_SCALE,
        frames: STANDARD,
        behaviour: BEURER_SCALE,
        default_clocks: BEURER_CLOCKS,
        source: "captures in KristianP26/ble-scale-sync; Bluetooth User Data Service 1.0 for the consent",
    }
}

const fn scale_of_transtek(
    name: &'static str,
    maker: &'static str,
    patterns: &'static [&'static str],
    epoch: Epoch,
) -> Model {
    Model {
        name,
        maker,
        patterns,
        makers: BY_TRANSTEK,
        formats: TRANSTEK,
        frames: FrameQuirks { epoch, ..STANDARD },
        behaviour: Behaviour { speaks_once_told_the_time: true, ..PLAIN },
        default_clocks: &[],
        source: "captures in keptenkurk/BS440; protocol notes of maksverver/trisa-body-analyze",
    }
}

pub(super) const MODELS: &[Model] = &[
    Model {
        name: "A&D UA-651BLE",
        maker: "A&D Medical",
        patterns: &["*UA-651BLE*", "*UA-651*"],
        makers: BY_AND,
        formats: CUFF,
        frames: STANDARD,
        behaviour: AND_MEDICAL,
        default_clocks: &[],
        source: "captures in HEADS-project/ThingML-BLE; A&D Bluetooth Low Energy communication specification",
    },
    Model {
        name: "A&D UC-352BLE",
        maker: "A&D Medical",
        patterns: &["*UC-352BLE*", "*UC-352*"],
        makers: BY_AND,
        formats: &[Format::Weight],
        frames: STANDARD,
        behaviour: AND_MEDICAL,
        default_clocks: &[],
        source: "A&D Bluetooth Low Energy communication specification",
    },
    Model {
        name: "Omron HEM-7600T",
        maker: "Omron",
        patterns: &["*HEM-7600T*"],
        makers: BY_OMRON,
        formats: &[Format::OmronRecord],
        frames: FrameQuirks { big_endian_record: true, ..STANDARD },
        behaviour: OMRON,
        default_clocks: OMRON_CLOCKS,
        source: "memory dumps in eigger/hass-omron",
    },
    Model {
        name: "Omron HEM-7xxx",
        maker: "Omron",
        patterns: &["*HEM-7*"],
        makers: BY_OMRON,
        formats: &[Format::OmronRecord],
        frames: STANDARD,
        behaviour: OMRON,
        default_clocks: OMRON_CLOCKS,
        source: "memory dumps in eigger/hass-omron",
    },
    Model {
        name: "Omron HEM-9xxx",
        maker: "Omron",
        patterns: &["*HEM-9*", "BLESmart_*"],
        makers: BY_OMRON,
        formats: CUFF,
        frames: STANDARD,
        behaviour: OMRON_BY_THE_SERVICES,
        default_clocks: OMRON_CLOCKS,
        source: "Bluetooth Blood Pressure Service 1.1 and Current Time Service 1.1, which this family follows",
    },
    cuff_of_beurer("Beurer BM48", &["*BM48*", "*BM 48*"]),
    cuff_of_beurer("Beurer BM59", &["*BM59*", "*BM 59*"]),
    cuff_of_beurer("Beurer BM85", &["*BM85*", "*BM 85*"]),
    cuff_of_beurer("Elite 900", &["*Elite 900*", "*Elite900*"]),
    scale_of_beurer("Beurer BF500", &["*BF500*", "*BF 500*"]),
    scale_of_beurer("Beurer BF720", &["*BF720*", "*BF 720*"]),
    scale_of_beurer("Beurer BF788", &["*BF788*", "*BF 788*"]),
    scale_of_beurer("Beurer BF950", &["*BF950*", "*BF 950*"]),
    scale_of_transtek("Medisana BS410", "Medisana", &["*BS410*", "*BS 410*"], Epoch::Year2010),
    scale_of_transtek("Medisana BS430", "Medisana", &["*BS430*", "*BS 430*"], Epoch::Year1970),
    scale_of_transtek("Medisana BS440", "Medisana", &["*BS440*", "*BS 440*"], Epoch::Year1970),
    scale_of_transtek(
        "Medisana BS444",
        "Medisana",
        &["*BS444*", "*BS 444*", "*Medisana BS4*", "013197*", "013198*", "0202B6*", "0203B*"],
        Epoch::Year2010,
    ),
    scale_of_transtek("ADE BA1600", "ADE", &["ADE *", "*BA1600*", "*BA 1600*"], Epoch::Year2010),
    scale_of_transtek("Trisa Body Analyze", "Trisa", &["*Trisa*", "01257B*", "11257B*"], Epoch::Year2010),
    Model {
        name: "Renpho ES-WBE28",
        maker: "Renpho",
        patterns: &["*ES-WBE28*", "Renpho-Scale*"],
        makers: &["*Renpho*"],
        formats: COMPOSITION_SCALE,
        frames: FrameQuirks { weight_steps_per_kg: 20, ..STANDARD },
        behaviour: Behaviour { bonding: Bonding::RequiredWithConsent, ..PLAIN },
        default_clocks: &[],
        source: "protocol notes in KristianP26/ble-scale-sync",
    },
    Model {
        name: "Xiaomi Mi Scale 1",
        maker: "Xiaomi",
        patterns: &["*Mi Scale 1*", "MI_SCALE", "MI SCALE"],
        makers: &["*Xiaomi*", "*Huami*"],
        formats: &[Format::Xiaomi181d],
        frames: STANDARD,
        behaviour: BROADCAST,
        default_clocks: XIAOMI_CLOCKS,
        source: "captures in custom-components/ble_monitor",
    },
    Model {
        name: "Xiaomi Mi Scale 2",
        maker: "Xiaomi",
        patterns: &["*Mi Scale 2*", "MI SCALE2", "MI_SCALE2", "MIBCS*", "MIBFS*"],
        makers: &["*Xiaomi*", "*Huami*"],
        formats: &[Format::Xiaomi181d, Format::Xiaomi181b],
        frames: STANDARD,
        behaviour: BROADCAST,
        default_clocks: XIAOMI_CLOCKS,
        source: "captures in custom-components/ble_monitor",
    },
    Model {
        name: "FORA IR20",
        maker: "FORA",
        patterns: &["*FORA*IR20*", "*IR20*"],
        makers: &["*FORA*", "*TaiDoc*"],
        formats: &[Format::Temperature],
        frames: STANDARD,
        behaviour: PLAIN,
        default_clocks: FORA_CLOCKS,
        source: "a capture in a public question about its clock (thread 77654060)",
    },
    Model {
        name: "ChoiceMMed",
        maker: "ChoiceMMed",
        patterns: &["*ChoiceMMed*", "*MD300*"],
        makers: &["*ChoiceMMed*", "*Choice Electronic*"],
        formats: &[Format::OximetrySpot, Format::OximetryContinuous],
        frames: STANDARD,
        behaviour: PLAIN,
        default_clocks: &[],
        source: "a capture in a public question (androidbugfix.com)",
    },
];
