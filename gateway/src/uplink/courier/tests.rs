use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn seq(number: u64) -> Seq {
    Seq::new(number).expect("a number")
}

fn depth(head: u64, last_seq: u64) -> Depth {
    Depth { last_seq, unreceipted: last_seq - head + 1, head: Some(seq(head)) }
}

fn courier(now: Instant) -> Courier {
    Courier::new(now, Box::new(|| 0.5))
}

/// A courier on a fresh connection that has said what it says first.
fn connected(now: Instant) -> Courier {
    let mut courier = courier(now);
    assert_eq!(courier.next_order(now, Depth::default()), Some(Order::Connect));
    courier.connected(now);
    assert_eq!(courier.next_order(now, Depth::default()), Some(Order::Subscribe), "before anything is sent");
    assert_eq!(courier.next_order(now, Depth::default()), Some(Order::Heartbeat));
    courier
}

/// Sends one message for all of `depth` and lets the broker acknowledge it.
fn send_all(courier: &mut Courier, now: Instant, depth: Depth) {
    let Some(Order::Send { after }) = courier.next_order(now, depth) else { panic!("something to send") };
    assert_eq!(Some(after + 1), depth.head.map(Seq::get));
    courier.sent(now, seq(depth.last_seq));
    courier.acknowledged();
    assert_eq!(courier.next_order(now, depth), None);
}

/// Ten sendings by the interface's words, the server answering without the number each time: the times add up to
/// 10 + 30 + 60 + 120 + 6 * 300 s.
#[test]
fn a_number_that_a_living_server_refuses_ten_times_is_void() {
    let start = Instant::now();
    let mut now = start;
    let mut courier = connected(now);
    let mut sendings = 0;
    loop {
        match courier.next_order(now, depth(5, 8)) {
            Some(Order::Send { after: 4 }) => {
                sendings += 1;
                courier.sent(now, seq(8));
                courier.acknowledged();
                courier.heard(now + SECOND);
            }
            Some(Order::Heartbeat) => {}
            None => now = courier.next_deadline().expect("a deadline"),
            Some(order) => {
                assert_eq!(order, Order::Void(seq(5)));
                break;
            }
        }
    }
    assert_eq!((sendings, now - start), (10, 2_020 * SECOND));
    courier.voided();
    assert_eq!(courier.next_order(now, depth(5, 8)), Some(Order::Send { after: 4 }), "the void is sent");
}

/// An envelope that never arrives takes what shares its message along. Worked by hand from the module's words: one, two, four,
/// eight, so that what stands before it gets through, and by and by it stands alone.
#[test]
fn what_got_no_receipt_is_sent_in_small_messages() {
    let now = Instant::now();
    let mut courier = connected(now);
    assert_eq!(courier.rows_max(), BATCH_ROWS_MAX);
    send_all(&mut courier, now, depth(1, 20));
    let later = now + INTERVALS[0];
    let mut messages = Vec::new();
    while let Some(order) = courier.next_order(later, depth(1, 20)) {
        let Order::Send { after } = order else { panic!("{order:?}") };
        let through = (after + courier.rows_max() as u64).min(20);
        messages.push((after + 1, through));
        courier.sent(later, seq(through));
        courier.acknowledged();
    }
    assert_eq!(messages, [(1, 1), (2, 3), (4, 7), (8, 15), (16, 20)]);
    // A broker that hangs up on a message must not be sent it again whole.
    let mut courier = connected(now);
    courier.lost(now);
    courier.connected(now);
    assert_eq!(courier.rows_max(), 1);
}

/// Eight hours without a word from the server.
#[test]
fn a_silent_server_costs_nothing_a_number() {
    let start = Instant::now();
    let mut now = start;
    let mut courier = connected(now);
    let mut sendings = 0;
    while now < start + 8 * 3_600 * SECOND {
        match courier.next_order(now, depth(5, 8)) {
            Some(Order::Send { .. }) => {
                sendings += 1;
                courier.sent(now, seq(8));
                courier.acknowledged();
            }
            Some(Order::Heartbeat) => {}
            None => now = courier.next_deadline().expect("a deadline"),
            Some(other) => panic!("{other:?}"),
        }
    }
    assert!((90..110).contains(&sendings), "every five minutes: {sendings}");
    courier.heard(now);
    let soon = courier.next_deadline().expect("a deadline");
    assert!(soon <= now + INTERVALS[0], "a server that speaks again is served at once");
}

/// Thirty days without a broker: attempts all the time, none more than 30 s after the one before and, once the pauses
/// have grown, none sooner than half of that; two boxes do not keep step. Then all of it, lowest first, window by
/// window.
#[test]
fn thirty_days_offline_are_patient_and_drain_in_order() {
    let start = Instant::now();
    let story = |mut jitter: f64| {
        let mut courier = Courier::new(
            start,
            Box::new(move || {
                jitter = (jitter * 1.7 + 0.31).fract();
                jitter
            }),
        );
        let (mut now, mut pauses) = (start, Vec::new());
        while now < start + 30 * 86_400 * SECOND {
            assert_eq!(courier.next_order(now, depth(1, 600)), Some(Order::Connect));
            let pause = courier.lost(now);
            pauses.push(pause);
            now = courier.next_deadline().expect("another attempt");
        }
        (courier, now, pauses)
    };
    let (mut courier, now, pauses) = story(0.2);
    assert!(pauses.iter().all(|pause| *pause <= RECONNECT_MAX));
    assert!(pauses[6..].iter().all(|pause| *pause >= RECONNECT_MAX / 2), "it does not press");
    assert!((86_400..=172_800).contains(&pauses.len()), "{} attempts", pauses.len());
    let (_, _, others) = story(0.7);
    let in_step = pauses.iter().zip(&others).filter(|(one, other)| one == other).count();
    assert!(in_step * 100 < pauses.len(), "{in_step} pauses alike");

    assert_eq!(courier.next_order(now, depth(1, 600)), Some(Order::Connect));
    courier.connected(now);
    let (mut head, mut sent) = (1, 0);
    while head <= 600 {
        match courier.next_order(now, depth(head, 600)) {
            Some(Order::Subscribe | Order::Heartbeat) => {}
            Some(Order::Send { after }) => {
                assert_eq!(after, sent, "in order, nothing left out");
                sent += 50;
                courier.sent(now, seq(sent));
                courier.acknowledged();
            }
            None => {
                courier.heard(now);
                head = sent + 1;
                if head > 600 {
                    break;
                }
            }
            Some(other) => panic!("{other:?}"),
        }
    }
    assert_eq!(sent, 600);
}

/// Ten connections in a minute, the server alive all the time: none of them gave it the time to answer.
#[test]
fn a_flapping_connection_costs_nothing_a_number() {
    let mut now = Instant::now();
    let mut courier = connected(now);
    for _ in 0..40 {
        send_all(&mut courier, now, depth(5, 8));
        courier.heard(now + SECOND);
        courier.lost(now + 2 * SECOND);
        now = courier.next_deadline().expect("a deadline");
        assert_eq!(courier.next_order(now, depth(5, 8)), Some(Order::Connect));
        courier.connected(now);
        assert_eq!(courier.next_order(now, depth(5, 8)), Some(Order::Subscribe));
        assert_eq!(courier.next_order(now, depth(5, 8)), Some(Order::Heartbeat));
    }
    send_all(&mut courier, now, depth(5, 8));
    courier.heard(now + SECOND);
    assert_eq!(courier.next_order(now + INTERVALS[0], depth(5, 8)), Some(Order::Send { after: 4 }));
}

#[test]
fn a_new_connection_starts_from_the_head() {
    let now = Instant::now();
    let mut courier = connected(now);
    send_all(&mut courier, now, depth(5, 8));
    courier.lost(now);
    let now = now + RECONNECT_MAX;
    assert_eq!(courier.next_order(now, depth(5, 8)), Some(Order::Connect));
    courier.connected(now);
    assert_eq!(courier.next_order(now, depth(5, 8)), Some(Order::Subscribe));
    assert_eq!(courier.next_order(now, depth(5, 8)), Some(Order::Heartbeat));
    assert_eq!(courier.next_order(now, depth(5, 8)), Some(Order::Send { after: 4 }));
}

#[test]
fn the_window_bounds_messages_and_numbers() {
    let now = Instant::now();
    let mut courier = connected(now);
    let deep = depth(1, 1_000_000);
    for message in 0..WINDOW as u64 {
        assert_eq!(courier.next_order(now, deep), Some(Order::Send { after: message * 10 }));
        courier.sent(now, seq((message + 1) * 10));
    }
    assert_eq!(courier.next_order(now, deep), None, "the broker acknowledges nothing");
    courier.acknowledged();
    assert_eq!(courier.next_order(now, deep), Some(Order::Send { after: 80 }));
    courier.sent(now, seq(AHEAD_MAX));
    courier.acknowledged();
    assert_eq!(courier.next_order(now, deep), None, "the server receipts nothing");
    assert_eq!(courier.next_order(now, depth(101, 1_000_000)), Some(Order::Send { after: AHEAD_MAX }));
}

#[test]
fn a_broker_that_acknowledges_nothing_is_left() {
    let now = Instant::now();
    let mut courier = connected(now);
    for message in 1..=WINDOW as u64 {
        courier.next_order(now, depth(1, 100));
        courier.sent(now, seq(message));
    }
    let order = courier.next_order(now + INTERVALS[0], depth(1, 100));
    assert!(matches!(order, Some(Order::HangUp(_))), "{order:?}");
}

/// The server receipts everything, the broker acknowledges none of it, and the next number finds the window full. Found by the simulation.
#[test]
fn a_broker_that_acknowledges_nothing_is_left_though_receipts_come() {
    let mut now = Instant::now();
    let mut courier = connected(now);
    for message in 1..=WINDOW as u64 {
        assert!(matches!(courier.next_order(now, depth(message, message)), Some(Order::Send { .. })));
        courier.sent(now, seq(message));
        courier.heard(now);
    }
    let last = WINDOW as u64 + 1;
    for _ in 0..3 {
        if let Some(order) = courier.next_order(now, depth(last, last)) {
            assert!(matches!(order, Order::HangUp(_)), "{order:?}");
            return;
        }
        let next = courier.next_deadline().expect("somebody looks again");
        assert!(next - now <= INTERVALS[0], "before the next sign of life");
        now = next;
    }
    panic!("nobody hung up");
}

/// It acknowledged one message while a receipt was waited for, which kept it, and then nothing more: the window is full of messages
/// that it will never acknowledge. Found by the simulation.
#[test]
fn a_broker_that_stops_acknowledging_after_one_is_left_as_well() {
    let mut now = Instant::now();
    let mut courier = connected(now);
    for message in 1..=WINDOW as u64 {
        courier.next_order(now, depth(1, 100));
        courier.sent(now, seq(message));
    }
    courier.acknowledged();
    courier.next_order(now, depth(1, 100));
    courier.sent(now, seq(WINDOW as u64 + 1));
    for _ in 0..3 {
        now = courier.next_deadline().expect("somebody looks again");
        match courier.next_order(now, depth(1, 100)) {
            Some(Order::HangUp(_)) => return,
            None | Some(Order::Heartbeat) => {}
            Some(order) => panic!("{order:?}"),
        }
    }
    panic!("it waits for ever");
}

#[test]
fn a_request_to_resend_is_answered_at_once() {
    let now = Instant::now();
    let mut courier = connected(now);
    send_all(&mut courier, now, depth(5, 8));
    courier.rewind(seq(2));
    assert_eq!(courier.next_order(now, depth(2, 8)), Some(Order::Send { after: 1 }));
}

#[test]
fn attempts_to_connect_grow_apart_up_to_a_bound() {
    let mut now = Instant::now();
    let mut courier = courier(now);
    let mut pauses = Vec::new();
    for _ in 0..9 {
        assert_eq!(courier.next_order(now, Depth::default()), Some(Order::Connect));
        pauses.push(courier.lost(now));
        now = courier.next_deadline().expect("a deadline");
    }
    assert!(pauses.is_sorted() && pauses[0] < SECOND && pauses[8] <= RECONNECT_MAX, "{pauses:?}");
}

#[test]
fn signs_of_life_come_every_ten_minutes() {
    let start = Instant::now();
    let mut now = start;
    let mut courier = connected(now);
    let mut beats = 0;
    while now < start + 6_000 * SECOND {
        match courier.next_order(now, Depth::default()) {
            Some(Order::Heartbeat) => beats += 1,
            None => now = courier.next_deadline().expect("a deadline"),
            Some(other) => panic!("{other:?}"),
        }
    }
    assert!((9..=11).contains(&beats), "{beats} in 100 minutes after the first");
}
