//! What keeps readings from being lost between broker and store, a test each. Every test fails when its guard is taken out.
//!
//! | guard | where | test |
//! |---|---|---|
//! | a break ends the epoch, so a late commit acknowledges nothing on the next connection | `Gate::break_off` | `a_commit_after_a_break_acknowledges_nothing` |
//! | what was read before a break is drained: committed, never acknowledged | `Gate::break_off` | `what_was_read_before_a_break_is_committed_and_not_acknowledged` |
//! | acknowledgements not yet sent at a break are forgotten | `Gate::break_off` | `an_acknowledgement_that_did_not_go_out_is_forgotten` |
//! | acknowledgements come after the commit | `Committer::run` | `nothing_is_acknowledged_before_the_commit` |
//! | acknowledgements go out in the order of receipt, also when there is no room for a while | `Gate::ack` | `acknowledgements_keep_their_order_without_room` |
//! | every connection is subscribed on, a kept session too | `Pump::take` | `every_connection_is_subscribed_on_also_where_the_session_was_kept` |
//! | an oversize message ends the session that would bring it again | `Pump::broke` | `an_oversize_message_is_not_met_twice` |
//! | a refused subscription is no quiet connection | `Pump::take` | `a_refused_subscription_is_a_broken_chain` |
//! | the link is polled while nothing can be committed | `Committer`, `queue` | `the_link_is_polled_while_the_store_is_away` |
//! | the queue holds what a broker may have outstanding, and then waits | `Filler::put` | `a_full_queue_waits_and_loses_nothing` |

use care::health::{Chain, Part, State};
use serde_json::json;

use super::house::{Home, Told, envelope, run, time};
use crate::commit::Batching;
use crate::link::LinkError;

#[test]
fn a_commit_after_a_break_acknowledges_nothing() {
    run(async {
        let home = Home::open().await;
        let held = home.store.write().await.expect("the store, held");
        home.up(&envelope("ob", 1, 80.0));
        home.a_while().await;
        home.break_off(Vec::new()).await;
        home.connect(true).await;
        drop(held);
        home.receipted("ob", 1).await;
        home.a_while().await;
        assert_eq!(home.acks(), [], "packet id 1 names another message by now");
        assert_eq!(home.status().await["readings"], 1, "and yet it is committed");
    });
}

#[test]
fn what_was_read_before_a_break_is_committed_and_not_acknowledged() {
    run(async {
        let home = Home::open().await;
        let unread = home.message("vagen/v1/gw-0001/up", envelope("ob", 1, 80.0).to_string());
        home.break_off(vec![unread]).await;
        home.connect(true).await;
        home.receipted("ob", 1).await;
        home.a_while().await;
        assert_eq!(home.acks(), []);
        assert_eq!(home.status().await["readings"], 1);
    });
}

#[test]
fn an_acknowledgement_that_did_not_go_out_is_forgotten() {
    run(async {
        let home = Home::open().await;
        home.change_wire(|wire| wire.stalled = true);
        home.up(&envelope("ob", 1, 80.0));
        home.until("the commit", async || home.status().await["readings"] == 1).await;
        home.a_while().await;
        home.break_off(Vec::new()).await;
        home.change_wire(|wire| wire.stalled = false);
        home.connect(true).await;
        home.a_while().await;
        assert_eq!(home.acks(), []);
    });
}

#[test]
fn nothing_is_acknowledged_before_the_commit() {
    run(async {
        let home = Home::open().await;
        let held = home.store.write().await.expect("the store, held");
        home.up(&envelope("ob", 1, 80.0));
        home.a_while().await;
        assert_eq!((home.acks(), home.down()), (vec![], vec![]), "nothing is durable yet");
        drop(held);
        home.receipted("ob", 1).await;
        assert_eq!(home.acks(), [(1, 1)]);
    });
}

#[test]
fn acknowledgements_keep_their_order_without_room() {
    run(async {
        let home = Home::open().await;
        for seq in 1..=150 {
            home.up(&envelope("ob", seq, 80.0));
        }
        home.change_wire(|wire| wire.busy = true);
        home.a_while().await;
        home.change_wire(|wire| wire.busy = false);
        home.acked(150).await;
        let expected: Vec<(u32, u16)> = (1..=150).map(|pkid| (1, pkid)).collect();
        assert_eq!(home.acks(), expected);
    });
}

#[test]
fn every_connection_is_subscribed_on_also_where_the_session_was_kept() {
    run(async {
        let home = Home::open().await;
        home.break_off(Vec::new()).await;
        home.connect(true).await;
        home.break_off(Vec::new()).await;
        home.connect(false).await;
        home.until("six subscriptions", async || {
            home.wire.lock().expect("the wire").subscriptions.len() == 6
        })
        .await;
        let subscriptions = home.wire.lock().expect("the wire").subscriptions.clone();
        let on = |connection, filter: &str| (connection, filter.to_owned());
        let expected = [
            on(1, "vagen/v1/+/heartbeat"),
            on(1, "vagen/v1/+/up"),
            on(2, "vagen/v1/+/heartbeat"),
            on(2, "vagen/v1/+/up"),
            on(3, "vagen/v1/+/heartbeat"),
            on(3, "vagen/v1/+/up"),
        ];
        assert_eq!(subscriptions, expected);
    });
}

#[test]
fn an_oversize_message_is_not_met_twice() {
    run(async {
        let home = Home::open().await;
        home.tell(Told::Break { unread: Vec::new(), error: LinkError::TooLarge { max_bytes: 1 } });
        home.until("a new session", async || home.wire.lock().expect("the wire").begun_anew == 1).await;
        home.break_off(Vec::new()).await;
        home.a_while().await;
        assert_eq!(home.wire.lock().expect("the wire").begun_anew, 1, "an ordinary break keeps the session");
    });
}

#[test]
fn a_refused_subscription_is_a_broken_chain() {
    run(async {
        let home = Home::unconnected().await;
        home.tell(Told::Connected { session_present: false });
        home.tell(Told::Subscribed { granted: false });
        home.until("a broken part", async || {
            home.health
                .parts()
                .iter()
                .any(|(part, state)| *part == Part::Broker && matches!(state, State::Broken { .. }))
        })
        .await;
        assert!(!home.ingest.is_listening());
    });
}

#[test]
fn the_link_is_polled_while_the_store_is_away() {
    run(async {
        let home = Home::open().await;
        let held = home.store.write().await.expect("the store, held");
        for seq in 1..=300 {
            home.up(&envelope("ob", seq, 80.0));
        }
        home.a_while().await;
        home.break_off(Vec::new()).await;
        home.connect(false).await;
        drop(held);
        home.receipted("ob", 300).await;
        assert_eq!(home.acks(), []);
    });
}

#[test]
fn a_full_queue_waits_and_loses_nothing() {
    run(async {
        let home = Home::open().await;
        let count = u64::try_from(Batching::EMBEDDED.waiting_max).expect("small") + 300;
        let held = home.store.write().await.expect("the store, held");
        for seq in 1..=count {
            // Of a device that nobody wears, because quarantine is quick.
            let mut value = envelope("ob", seq, 80.0);
            value["device"]["id"] = json!("546c0e000004");
            home.up(&value);
        }
        home.a_while().await;
        drop(held);
        home.receipted("ob", count).await;
        home.acked(usize::try_from(count).expect("small")).await;
        assert_eq!(home.status().await["quarantined"], json!({ "not_worn": count }));
    });
}

#[test]
fn the_chain_says_what_it_is() {
    run(async {
        let home = Home::unconnected().await;
        let now = time(super::house::NOW);
        assert!(matches!(home.health.chain(now), Chain::Broken { .. }), "nobody has looked");
        home.connect(false).await;
        home.up(&json!([]));
        home.until("a whole chain", async || matches!(home.health.chain(now), Chain::Whole { .. })).await;
        home.break_off(Vec::new()).await;
        home.until("a broken chain", async || matches!(home.health.chain(now), Chain::Broken { .. })).await;
    });
}
