use std::collections::{BTreeMap, BTreeSet};

use vitals::{ClockClass, Content, Flag, Kind, Outcome, Reading};

use super::*;

fn at(day: i64, minute: i64) -> Timestamp {
    let start: Timestamp = "2026-01-01T06:00:00Z".parse().expect("a time");
    start.plus_days(day).plus_millis(minute * Timestamp::MINUTE_MS)
}

fn reading(number: usize, at: Timestamp, kg: f64, flags: &[Flag], clock: ClockClass) -> ChartEvent {
    ChartEvent::Reading(Reading {
        id: format!("r{number}").parse().expect("a label"),
        patient: "p".parse().expect("a label"),
        at,
        received_at: at,
        content: Content::Vitals {
            kind: Kind::Weight,
            outcome: Outcome::Measured,
            values: [(Quantity::WeightKg, kg)].into_iter().collect(),
            absent: BTreeMap::new(),
            flags: flags.iter().copied().collect::<BTreeSet<_>>(),
            clock,
        },
    })
}

fn chart(weighings: &[(i64, i64, f64)]) -> Chart {
    let events: Vec<ChartEvent> = weighings
        .iter()
        .enumerate()
        .map(|(n, (day, minute, kg))| reading(n, at(*day, *minute), *kg, &[], ClockClass::Synced))
        .collect();
    Chart::rebuild("p".parse().expect("a label"), &events)
}

/// `.` usable, `f` far from usual, `u` in another unit, `i` impossible, `d` doubted by the device, `t` of unknown time.
fn doubts(chart: &Chart) -> String {
    let letter = |point: &Point| match point.doubt {
        None => '.',
        Some(Doubt::FarFromUsual { other_unit_kg: None, .. }) => 'f',
        Some(Doubt::FarFromUsual { other_unit_kg: Some(_), .. }) => 'u',
        Some(Doubt::Impossible) => 'i',
        Some(Doubt::DeviceDoubts) => 'd',
        Some(Doubt::Time) => 't',
    };
    chart.weight().iter().map(letter).collect()
}

/// Weighings as day, minute and kg; which are usable; why.
type Row = (&'static [(i64, i64, f64)], &'static str, &'static str);

/// To add a case, add a row: weighings (day, minute, kg) and which are usable. By the rule: further than max(4 kg, 5 %) from
/// the seven-day median is odd; a later one within 1.5 kg admits both; after seven days distance says nothing;
/// 2.2046 and 0.4536 are tested.
#[test]
fn odd_weighings_are_set_aside_and_admitted_as_the_rule_says() {
    let rows: [Row; 12] = [
        (&[(0, 0, 80.0), (1, 0, 84.0)], "..", "exactly 4 kg and 5 % is not further"),
        (&[(0, 0, 80.0), (1, 0, 84.1)], ".f", "4.1 kg is"),
        (&[(0, 0, 120.0), (1, 0, 125.9)], "..", "5 % of 120 is 6 kg"),
        (&[(0, 0, 120.0), (1, 0, 126.1)], ".f", "and that is further"),
        (&[(0, 0, 80.0), (1, 0, 90.0), (1, 5, 91.0)], "...", "a second that agrees admits both"),
        (&[(0, 0, 80.0), (1, 0, 90.0), (1, 5, 92.0)], ".ff", "2 kg apart do not agree"),
        (&[(0, 0, 80.0), (1, 0, 90.0), (2, 0, 80.1), (3, 0, 90.2)], "....", "also on another day"),
        (
            &[(0, 0, 80.0), (1, 0, 90.0), (9, 0, 90.2)],
            ".f.",
            "after a gap of more than seven days it is no odd one",
        ),
        (&[(0, 0, 80.0), (1, 0, 176.4)], ".u", "80 kg is 176.4 lb"),
        (&[(0, 0, 80.0), (1, 0, 176.4), (2, 0, 176.4)], ".uu", "the scale saying it twice admits nothing"),
        (&[(0, 0, 80.0), (9, 0, 36.3)], ".u", "80 lb are 36.3 kg, also after a gap"),
        (&[(0, 0, 80.0), (1, 0, 19.9), (2, 0, 350.1)], ".ii", "no adult weighs that"),
    ];
    for (weighings, expected, why) in rows {
        assert_eq!(doubts(&chart(weighings)), expected, "{why}");
    }
}

/// To add a case, add a row. A time is unknown after a jump of the clock, under a gateway without a clock, and when the
/// device never had one and sent from its memory.
#[test]
fn what_a_device_or_a_clock_says_against_a_value_is_kept_beside_it() {
    let rows = [
        (vec![], ClockClass::Synced, "."),
        (vec![], ClockClass::OffsetCorrected, "."),
        (vec![], ClockClass::None, "."),
        (vec![Flag::FromStorage], ClockClass::OffsetCorrected, "."),
        (vec![Flag::FromStorage], ClockClass::None, "t"),
        (vec![Flag::FromStorage], ClockClass::ClockUnset, "t"),
        (vec![], ClockClass::Discontinuity, "t"),
        (vec![], ClockClass::GatewayUnsynced, "t"),
        (vec![Flag::Invalid], ClockClass::Synced, "d"),
        (vec![Flag::TestData], ClockClass::Synced, "d"),
    ];
    for (flags, clock, expected) in rows {
        let event = reading(0, at(0, 0), 80.0, &flags, clock);
        let chart = Chart::rebuild("p".parse().expect("a label"), [&event]);
        assert_eq!(doubts(&chart), expected, "{flags:?} {clock:?}");
    }
}

#[test]
fn a_chart_lets_go_of_what_is_older_than_its_length() {
    let weighings: Vec<(i64, i64, f64)> = (0..200).map(|day| (day, 0, 80.0)).collect();
    // Days 79 to 199: the latest and the 120 before it.
    assert_eq!(chart(&weighings).weight().iter().len(), 121);
}
