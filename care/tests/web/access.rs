//! Who sees whose record, and what the log says of it.

use axum::http::StatusCode;

use crate::browser::Browser;
use crate::house::{House, NOW, at, patient};

#[tokio::test]
async fn whose_record_one_sees_is_decided_and_logged() {
    let house = House::build().await;
    let task = |id: &'static str| house.task_of(id);
    // Who, whose task, and whether: care relation, and consent across organisations (lag 2022:913).
    let rows = [
        ("anna", task("svea").await, StatusCode::OK),
        ("kim", task("svea").await, StatusCode::OK),
        ("kim", task("ingrid").await, StatusCode::FORBIDDEN),
        ("kim", task("nils").await, StatusCode::FORBIDDEN),
        ("viggo", task("svea").await, StatusCode::FORBIDDEN),
        ("tove", task("svea").await, StatusCode::FORBIDDEN),
    ];
    for (login, task, status) in rows {
        let answer = Browser::signed_in(&house, login).await.get(&format!("/tasks/{task}")).await;
        assert_eq!(answer.status, status, "{login} {task}");
        if status == StatusCode::FORBIDDEN {
            assert!(!answer.text.contains("Svea Test"), "{login} learns nothing");
            assert!(answer.words().contains("loggat"), "{}", answer.words());
        }
    }
    assert_eq!(Browser::signed_in(&house, "svea").await.get("/worklist").await.status, StatusCode::FORBIDDEN);
    assert_eq!(Browser::signed_in(&house, "anna").await.get("/me").await.status, StatusCode::FORBIDDEN);
    let mut reader = house.state.store.read().await.expect("a reader");
    let logged = care::audit::rows(&mut reader, Some(&patient("svea")), None).await.expect("reads");
    let by = |who: &str, decision: &str| {
        logged.iter().any(|row| row.entry.actor == who && row.entry.decision == decision)
    };
    assert!(by("kim", "allowed") && by("viggo", "denied") && by("tove", "denied"));
}

#[tokio::test]
async fn each_unit_has_its_own_tasks_and_nobody_elses_patients() {
    let house = House::build().await;
    let kim = Browser::signed_in(&house, "kim").await;
    let page = kim.get("/worklist?filter=unit").await.words();
    assert!(!page.contains("Ingrid Test"), "no consent, no row: {page}");
    assert!(page.contains("Inget väntar här"), "{page}");
    let list = kim.get("/patients").await.words();
    assert!(list.contains("Svea Test") && !list.contains("Ingrid") && !list.contains("Nils"), "{list}");
    let anna = Browser::signed_in(&house, "anna").await;
    let list = anna.get("/patients").await;
    assert!(list.text.contains("Elsa &#60;b&#62;Test"), "names are escaped");
    assert!(list.words().contains("3 dagar tyst"), "{}", list.words());
    let found = anna.get("/patients?q=KARL").await.words();
    assert!(found.contains("Karl-Erik Test") && !found.contains("Svea"), "{found}");
    let municipal = anna.get("/worklist?filter=municipal").await.words();
    assert!(municipal.contains("Ingrid Test") && !municipal.contains("Nils"), "{municipal}");
}

/// A page that keeps itself true is one look in ten minutes, not one for each change; a refusal is always logged, and so is
/// the next look by hand.
#[tokio::test]
async fn a_page_that_stands_open_is_one_look_in_ten_minutes() {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicI64, Ordering};
    let mut house = House::build().await;
    let minutes = Arc::new(AtomicI64::new(0));
    let told = Arc::clone(&minutes);
    house.state.clock = care::clock::Clock::told_by(move || {
        at(NOW).plus_millis(told.load(Ordering::Relaxed) * vitals::Timestamp::MINUTE_MS)
    });
    let anna = Browser::signed_in(&house, "anna").await;
    let task = house.task_of("svea").await;
    let part = format!("/tasks/{task}?fragment=card");
    // Minute, address, entries so far: opened, fetched by itself at once and later, opened again by hand.
    let rows = [
        (0, "/patients/svea", 1),
        (1, &part, 1),
        (9, &part, 1),
        (11, &part, 2),
        (12, &part, 2),
        (12, "/patients/svea", 3),
    ];
    for (minute, path, entries) in rows {
        minutes.store(minute, Ordering::Relaxed);
        assert_eq!(anna.get(path).await.status, StatusCode::OK, "{path}");
        let mut reader = house.state.store.read().await.expect("a reader");
        let logged = care::audit::rows(&mut reader, Some(&patient("svea")), None).await.expect("reads");
        let reads =
            logged.iter().filter(|row| row.entry.actor == "anna" && row.entry.action == "read").count();
        assert_eq!(reads, entries, "minute {minute}: {path}");
    }
    let viggo = Browser::signed_in(&house, "viggo").await;
    for refusals in 1..=2 {
        assert_eq!(viggo.get(&part).await.status, StatusCode::FORBIDDEN);
        let mut reader = house.state.store.read().await.expect("a reader");
        let logged = care::audit::rows(&mut reader, Some(&patient("svea")), None).await.expect("reads");
        let denied = logged.iter().filter(|row| row.entry.actor == "viggo" && row.entry.decision == "denied");
        assert_eq!(denied.count(), refusals, "a refusal is always logged");
    }
}
