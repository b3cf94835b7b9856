//! Stories on a virtual clock. Expected levels come from the table at the head of the module and the shapes' own lengths,
//! written out here in milliseconds.

use std::collections::BTreeSet;

use proptest::prelude::*;
use vitals::Seq;

use super::*;

const HOUR: Duration = Duration::from_secs(3_600);
const LONG: Duration = Duration::from_secs(12 * 3_600);

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// `sealed` readings of which those up to `through` have their receipts.
fn seen(sealed: u64, through: u64) -> Seen {
    let head = (through < sealed).then(|| Seq::new(through + 1).expect("a number"));
    Seen {
        standing: Standing { sealed, ..Standing::default() },
        depth: Depth { last_seq: sealed, unreceipted: sealed - through, head },
        is_quiet: false,
    }
}

fn wrong(trouble: Trouble) -> Seen {
    let standing = Standing { troubles: BTreeSet::from([trouble]), ..Standing::default() };
    Seen { standing, ..Seen::default() }
}

fn quiet(seen: Seen) -> Seen {
    Seen { is_quiet: true, ..seen }
}

/// The pulses from `from` for `length`: when each began, ms after `from`, and how long it was. Lamp, then buzzer.
fn pulses(signal: &mut Signal, from: Instant, length: Duration) -> [Vec<(u64, u64)>; 2] {
    let (mut now, mut pulses, mut began) = (from, [vec![], vec![]], [None, None]);
    let since = |now: Instant| u64::try_from(now.duration_since(from).as_millis()).expect("small");
    while now < from + length {
        let levels = signal.levels(now);
        for (output, level) in [levels.lamp, levels.buzzer].into_iter().enumerate() {
            match (began[output], level) {
                (None, true) => began[output] = Some(since(now)),
                (Some(start), false) => {
                    pulses[output].push((start, since(now) - start));
                    began[output] = None;
                }
                (None, false) | (Some(_), true) => {}
            }
        }
        let Some(next) = signal.next_deadline(now) else { break };
        assert!(next > now, "a deadline that does not pass would spin");
        let same = signal.seen.clone();
        now = next;
        signal.look(now, same);
    }
    pulses
}

fn sounds(signal: &mut Signal) -> Vec<Sign> {
    std::iter::from_fn(|| signal.next_sound()).collect()
}

/// The whole of an ordinary morning: on the scale, on disk at once, receipted a second later.
#[test]
fn a_weighing_is_received_and_then_delivered() {
    let (mut signal, start) = (Signal::new(LONG), Instant::now());
    signal.look(start, seen(1, 0));
    assert_eq!(sounds(&mut signal), [Sign::Received]);
    let [lamp, buzzer] = pulses(&mut signal, start, ms(1_000));
    assert_eq!(lamp, [(0, 250), (500, 250)], "the third blink is not over yet");
    assert_eq!(buzzer, [(0, 120)]);
    let now = start + ms(1_000);
    signal.look(now, seen(1, 1));
    assert_eq!(sounds(&mut signal), [Sign::Delivered]);
    let [lamp, buzzer] = pulses(&mut signal, now, ms(20_000));
    assert_eq!(lamp, [(0, 250), (750, 8_000)], "after the last blink and its pause");
    assert_eq!(buzzer, [(0, 120), (320, 120)]);
    assert_eq!(signal.levels(now + ms(20_000)), Levels::default());
}

/// Five readings out of a cuff's memory within a moment are one answer each, not five.
#[test]
fn a_burst_is_said_once() {
    let (mut signal, start) = (Signal::new(LONG), Instant::now());
    for nth in 1..=5 {
        signal.look(start + ms(nth), seen(nth, nth - 1));
    }
    signal.look(start + ms(10), seen(5, 5));
    let [lamp, _] = pulses(&mut signal, start + ms(10), ms(30_000));
    assert_eq!(lamp.iter().filter(|(_, length)| *length == 8_000).count(), 1);
    assert_eq!(lamp.len(), 4, "{lamp:?}");
}

/// What was there from before the start says nothing; its receipt says nothing either.
#[test]
fn a_backlog_is_not_somebody_on_the_scale() {
    let (mut signal, start) = (Signal::new(LONG), Instant::now());
    let mut before = seen(7, 2);
    before.standing.sealed = 0;
    signal.look(start, before);
    let mut after = seen(7, 7);
    after.standing.sealed = 0;
    signal.look(start + ms(500), after);
    assert_eq!(pulses(&mut signal, start + ms(500), ms(20_000)), [vec![], vec![]]);
    assert_eq!(sounds(&mut signal), []);
}

/// Rows: what is wrong, how long it must last, and that it is not shown just before. The times are the module's own
/// words, and the configuration's for the receipts.
#[test]
fn what_is_wrong_is_shown_once_it_concerns_somebody() {
    let delivered_never = seen(1, 0);
    let set_aside = Seen { standing: Standing { set_aside: 1, ..Standing::default() }, ..Seen::default() };
    let rows = [
        (wrong(Trouble::NoRoom), Duration::ZERO),
        (wrong(Trouble::OutboxFails), Duration::ZERO),
        (set_aside, Duration::ZERO),
        (wrong(Trouble::RadioGone), Duration::from_secs(600)),
        (delivered_never, LONG),
    ];
    for (what, after) in rows {
        let (mut signal, start) = (Signal::new(LONG), Instant::now());
        signal.look(start, what.clone());
        sounds(&mut signal);
        if after > Duration::ZERO {
            signal.look(start + after - ms(1), what.clone());
            assert_eq!(signal.troubles(start + after - ms(1)), [], "{what:?}");
        }
        let now = start + after;
        signal.look(now, what.clone());
        let [lamp, buzzer] = pulses(&mut signal, now, ms(10_000));
        assert_eq!(lamp, [(0, 150), (400, 150), (5_000, 150), (5_400, 150)], "{what:?}");
        assert_eq!(buzzer, [(0, 700), (1_100, 700), (2_200, 700)], "{what:?}");
        // It is heard again after two hours, and seen all the time.
        let [lamp, buzzer] = pulses(&mut signal, now + ms(10_000), HOUR * 2);
        assert_eq!((lamp.len(), buzzer.len()), (2 * 7_200 / 5, 3), "{what:?}");
    }
}

#[test]
fn what_is_over_is_dark_at_once() {
    let (mut signal, start) = (Signal::new(LONG), Instant::now());
    signal.look(start, wrong(Trouble::NoRoom));
    signal.look(start + ms(10_000), Seen::default());
    assert_eq!(pulses(&mut signal, start + ms(10_000), HOUR), [vec![], vec![]]);
    // And begins anew, with its sound, when it comes again.
    sounds(&mut signal);
    signal.look(start + HOUR, wrong(Trouble::NoRoom));
    assert_eq!(sounds(&mut signal), [Sign::Wrong]);
}

/// Four in the morning: a trouble waits for the morning, a weighing is answered by the lamp alone.
#[test]
fn at_night_nothing_begins_by_itself() {
    let (mut signal, start) = (Signal::new(LONG), Instant::now());
    signal.look(start, quiet(wrong(Trouble::NoRoom)));
    assert_eq!(pulses(&mut signal, start, HOUR * 3), [vec![], vec![]]);
    let now = start + HOUR * 3;
    signal.look(now, quiet(seen(1, 1)));
    let [lamp, buzzer] = pulses(&mut signal, now, ms(20_000));
    assert_eq!((lamp.len(), buzzer), (4, vec![]), "received and delivered");
    assert_eq!(sounds(&mut signal), []);
    let morning = now + HOUR;
    signal.look(morning, wrong(Trouble::NoRoom));
    assert_eq!(signal.levels(morning), Levels { lamp: true, buzzer: true });
}

/// Delivered long after: the lamp says so by day; nobody is called by a sound, and nobody is woken.
#[test]
fn a_late_delivery_calls_nobody() {
    for (is_quiet, expected) in [(false, 1), (true, 0)] {
        let (mut signal, start) = (Signal::new(LONG), Instant::now());
        signal.look(start, seen(1, 0));
        pulses(&mut signal, start, ms(20_000));
        sounds(&mut signal);
        let now = start + HOUR;
        signal.look(now, Seen { is_quiet, ..seen(1, 1) });
        let [lamp, buzzer] = pulses(&mut signal, now, ms(20_000));
        assert_eq!((lamp.len(), buzzer.len(), sounds(&mut signal).len()), (expected, 0, 0));
    }
}

/// The file was older than what was sent from it and counts from 1 again: the person is not left waiting.
#[test]
fn an_outbox_that_counts_anew_still_delivers() {
    let (mut signal, start) = (Signal::new(LONG), Instant::now());
    signal.look(start, seen(9, 8));
    let mut anew = seen(2, 2);
    anew.standing.sealed = 9;
    signal.look(start + ms(2_000), anew);
    assert_eq!(sounds(&mut signal), [Sign::Received, Sign::Delivered]);
}

#[test]
fn no_two_signs_look_or_sound_alike() {
    let signs = [Sign::Received, Sign::Delivered, Sign::Wrong];
    for (nth, one) in signs.iter().enumerate() {
        for other in &signs[nth + 1..] {
            assert_ne!(lamp(*one), lamp(*other));
            assert_ne!(buzzer(*one), buzzer(*other));
            assert_ne!(one.key(), other.key());
        }
    }
}

proptest! {
    /// Whatever happens: deadlines pass, and once all is delivered and well for a while, both outputs are off.
    #[test]
    fn it_always_comes_to_rest(story in proptest::collection::vec((0_u64..4, 0_u64..9, any::<bool>(), any::<bool>()), 1..40)) {
        let (mut signal, mut now) = (Signal::new(LONG), Instant::now());
        let (mut sealed, mut through) = (0, 0);
        for (step_s, more, is_wrong, is_quiet) in story {
            sealed += more / 4;
            through = if more % 2 == 0 { sealed } else { through };
            let mut what = Seen { is_quiet, ..seen(sealed, through) };
            what.standing.troubles = is_wrong.then_some(Trouble::OutboxFails).into_iter().collect();
            signal.look(now, what);
            pulses(&mut signal, now, Duration::from_secs(step_s));
            now += Duration::from_secs(step_s);
        }
        signal.look(now, seen(sealed, sealed));
        pulses(&mut signal, now, Duration::from_secs(120));
        prop_assert_eq!(signal.levels(now + Duration::from_secs(120)), Levels::default());
    }
}
