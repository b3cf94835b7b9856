//! A projection in memory, that fails now and then.

use std::collections::BTreeMap;
use std::time::Duration;

use care::clock::Clock;
use care::health::{Health, Part, State};
use care::live::Feed;
use care::readings::Filed;
use serde_json::json;
use vitals::Timestamp;

use super::house::{Home, envelope, run};
use crate::canary::Walk;
use crate::projection::{Feeding, Projection, ProjectionError, lag, rebuild, step};
use crate::stop::switch;

/// What it took, by the reading's id: taking twice is no harm.
#[derive(Default)]
struct Memory {
    rows: BTreeMap<String, i64>,
    order: Vec<i64>,
    fails_next: bool,
    canaries: Vec<Timestamp>,
}

impl Projection for Memory {
    fn name(&self) -> &str {
        "memory"
    }

    async fn take(&mut self, readings: &[Filed]) -> Result<(), ProjectionError> {
        for recorded in readings {
            self.rows.insert(recorded.reading.id.to_string(), recorded.arrival);
            self.order.push(recorded.arrival);
            if std::mem::take(&mut self.fails_next) {
                return Err(ProjectionError { what: "half of it".to_owned() });
            }
        }
        Ok(())
    }

    async fn take_canary(&mut self, sealed_at: Timestamp) -> Result<(), ProjectionError> {
        self.canaries.push(sealed_at);
        Ok(())
    }
}

#[test]
fn a_projection_has_every_reading_in_order_of_arrival_though_it_failed_between() {
    run(async {
        let home = Home::open().await;
        let mut memory = Memory::default();
        assert_eq!(step(&home.store, &mut memory).await.expect("a step"), 0);
        home.up(&json!([envelope("ob", 1, 80.0), envelope("ob", 2, 80.0), envelope("ob", 3, 80.0)]));
        home.receipted("ob", 3).await;
        memory.fails_next = true;
        assert!(step(&home.store, &mut memory).await.is_err(), "half of it, and the cursor stands");
        assert_eq!(step(&home.store, &mut memory).await.expect("a step"), 3);
        let mut late = envelope("ob", 4, 80.0);
        late["measurement"]["measured_at"] = json!("2025-11-01T07:00:00.000Z");
        home.up(&late);
        home.receipted("ob", 4).await;
        assert_eq!(
            step(&home.store, &mut memory).await.expect("a step"),
            1,
            "measured long ago, arrived last"
        );
        assert_eq!(memory.order, [1, 1, 2, 3, 4]);
        assert_eq!(memory.rows.len(), 4);

        let mut lost = Memory::default();
        rebuild(&home.store, &lost).await.expect("begins again");
        assert_eq!(step(&home.store, &mut lost).await.expect("a step"), 4);
        assert_eq!(lost.rows, memory.rows, "losing it loses nothing");
    });
}

/// A server that never answers.
struct Gone;

impl Projection for Gone {
    fn name(&self) -> &str {
        "gone"
    }

    async fn take(&mut self, _: &[Filed]) -> Result<(), ProjectionError> {
        Err(ProjectionError { what: "nobody there".to_owned() })
    }

    async fn take_canary(&mut self, _: Timestamp) -> Result<(), ProjectionError> {
        Err(ProjectionError { what: "nobody there".to_owned() })
    }
}

#[test]
fn a_projection_that_fails_for_long_is_said_to_be_broken_and_nothing_waits_for_it() {
    run(async {
        let home = Home::open().await;
        home.up(&envelope("ob", 1, 80.0));
        home.receipted("ob", 1).await;
        let health = Health::of([Part::Projection]);
        let feeding = Feeding {
            store: home.store.clone(),
            feed: Feed::default(),
            health: health.clone(),
            clock: Clock::system(),
            walk: Walk::default(),
            broken_after: Duration::from_millis(500),
        };
        let (switch, stop) = switch();
        let task = tokio::spawn(feeding.run(Gone, stop));
        let broken = || matches!(health.parts()[0], (Part::Projection, State::Broken { .. }));
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert!(!broken(), "a restart of the server is no news");
        while !broken() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert_eq!(lag(&home.store, "gone").await.expect("the store answers"), 1);
        switch.turn();
        task.await.expect("it stops");
    });
}
