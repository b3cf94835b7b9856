//! The worklist and what people do to tasks.

use axum::body::Body;
use axum::http::{Request, StatusCode, header};

use crate::browser::Browser;
use crate::house::House;

#[tokio::test]
async fn the_worklist_says_why_in_words_the_most_urgent_first() {
    let house = House::build().await;
    let page = Browser::signed_in(&house, "anna").await.get("/worklist?filter=unit").await;
    let order: Vec<usize> = ["Svea Test", "Nils Test", "Aino Test"]
        .iter()
        .map(|name| page.text.find(&format!(">{name}<")).expect(name))
        .collect();
    assert!(order.is_sorted(), "{order:?}");
    let words = page.words();
    for expected in [
        "Onsdag 22 april, 10:18. Hjärtsviktsmottagningen.",
        "+2,4 kg över det vanliga (78,2) på 6 dagar; mer andfådd sedan tisdag",
        "3 tecken pekar åt samma håll",
        "89 år · Hemtjänst Centrum",
        "Kl 10:30 12 min kvar",
        "kontrollerad för 34 s sedan",
    ] {
        assert!(words.contains(expected), "{expected} in {words}");
    }
    // Elsa weighed herself today and has no task; Ingrid has been silent for three days.
    assert!(words.contains("tysta i 2 mätdagar 1") && words.contains("inget att göra 1"), "{words}");
    let mut reader = house.state.store.read().await.expect("a reader");
    let logged = care::audit::rows(&mut reader, None, None).await.expect("reads");
    let views: Vec<_> = logged.iter().filter(|row| row.entry.action == "list worklist").collect();
    assert_eq!(views.len(), 1, "logged once");
    assert!(views[0].entry.reason.contains("svea"), "{}", views[0].entry.reason);
}

#[tokio::test]
async fn a_task_is_taken_by_one_and_the_other_is_told_who() {
    let house = House::build().await;
    let (anna, maria) = (Browser::signed_in(&house, "anna").await, Browser::signed_in(&house, "maria").await);
    let task = house.task_of("svea").await;
    let answer = anna.post(&format!("/tasks/{task}/take"), &[("next", "/worklist?filter=mine")]).await;
    assert_eq!((answer.status, answer.location()), (StatusCode::SEE_OTHER, "/worklist?filter=mine"));
    let rows = anna.get("/worklist?filter=mine&fragment=1").await;
    assert!(!rows.text.contains("<html") && rows.words().contains("Ansvarig"), "a fragment of the page");
    assert!(rows.text.contains("<strong>Du</strong>"));
    let bare = Request::post(format!("/tasks/{task}/take")).header(header::COOKIE, &maria.cookie);
    let answer = maria.send(bare.body(Body::empty()).expect("a request")).await;
    assert_eq!(answer.status, StatusCode::CONFLICT, "a request without any form is an empty one");
    assert!(answer.words().contains("Anna Test har redan uppgiften"), "{}", answer.words());
    assert!(!maria.get("/worklist?filter=mine").await.words().contains("Svea Test"));
    let given = [("unit", "centrum"), ("note", "Väg henne i morgon")];
    assert_eq!(anna.post(&format!("/tasks/{task}/hand-over"), &given).await.status, StatusCode::SEE_OTHER);
    let kim = Browser::signed_in(&house, "kim").await.get("/worklist").await.words();
    assert!(kim.contains("Svea Test"), "it lies with the other unit now: {kim}");
    let elsewhere = [("unit", "norr"), ("note", "kvar?")];
    let answer = anna.post(&format!("/tasks/{task}/hand-over"), &elsewhere).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(answer.text.contains("kvar?"), "the note is kept");
}

#[tokio::test]
async fn closing_asks_for_what_it_needs_and_loses_nothing_that_was_written() {
    let house = House::build().await;
    let anna = Browser::signed_in(&house, "anna").await;
    let task = house.task_of("svea").await;
    let path = format!("/tasks/{task}/close");
    let answer = anna.post(&path, &[("outcome", "false_alert"), ("note", " ")]).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(answer.words().contains("behöver en anteckning"), "{}", answer.words());
    let fields = [("outcome", "phoned"), ("note", "Ringde <Svea>"), ("follow_up", "i övermorgon")];
    let answer = anna.post(&path, &fields).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(answer.text.contains("Ringde &#60;Svea&#62;"), "the note is kept, escaped");
    let answer = anna.post(&path, &[("outcome", "shrugged")]).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    let fields = [("outcome", "phoned"), ("note", "Ökar furosemid"), ("follow_up", "2026-04-24")];
    assert_eq!(anna.post(&path, &fields).await.status, StatusCode::SEE_OTHER);
    let page = anna.get(&format!("/tasks/{task}")).await.words();
    assert!(page.contains("Avslutad 10:18: Ringde. Ökar furosemid Följs upp 24 april."), "{page}");
    let answer = anna.post(&path, &fields).await;
    assert_eq!(answer.status, StatusCode::CONFLICT);
    assert!(answer.words().contains("redan avslutad"), "{}", answer.words());
    assert!(answer.text.contains("Ökar furosemid"), "what was written stands there");
}

/// The keys are those the contract promises for `export tasks`.
#[tokio::test]
async fn a_task_is_one_json_object_for_scripts() {
    let house = House::build().await;
    let anna = Browser::signed_in(&house, "anna").await;
    let task = house.task_of("svea").await;
    let answer = anna.get_as(&format!("/tasks/{task}"), "application/json").await;
    assert_eq!(answer.status, StatusCode::OK);
    let value: serde_json::Value = serde_json::from_str(&answer.text).expect("JSON");
    let promised = [
        "patient",
        "opened_at",
        "closed_at",
        "priority",
        "problem",
        "reasons",
        "reading_ids",
        "id",
        "status",
        "owner",
        "unit",
        "due_at",
        "conversation",
    ];
    for key in promised {
        assert!(value.get(key).is_some(), "{key}");
    }
    assert_eq!(value["patient"], "svea");
    assert_eq!(value["priority"], "urgent");
    assert_eq!(value["reasons"].as_array().map(Vec::len), Some(3));
    assert_eq!(value["conversation"][0]["author"], "system");
}

/// A task rests until a day, for a reason; the list is free of it and says where it is; what is worse wakes it.
#[tokio::test]
async fn a_task_rests_until_a_day_and_what_is_worse_wakes_it() {
    use alerts::{Policy, Priority, Problem, TaskChange};
    let house = House::build().await;
    let (anna, maria) = (Browser::signed_in(&house, "anna").await, Browser::signed_in(&house, "maria").await);
    let task = house.task_of("aino").await;
    let path = format!("/tasks/{task}/snooze");
    // What is sent, the status, what the page says. The recommended policy lets a task rest 14 days.
    let rows = [
        (vec![("until", "2026-04-24"), ("why", " ")], "Skriv varför"),
        (vec![("until", "2026-04-22"), ("why", "x")], "som längst"),
        (vec![("until", "2026-06-01"), ("why", "x")], "som längst"),
        (vec![("until", "i morgon"), ("why", "x")], "går inte att läsa"),
    ];
    for (fields, says) in rows {
        let answer = anna.post(&path, &fields).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{fields:?}");
        assert!(answer.words().contains(says), "{fields:?}: {}", answer.words());
    }
    let fields = [("until", "2026-04-24"), ("why", "Ny dos i dag, mäter om på fredag")];
    assert_eq!(anna.post(&path, &fields).await.status, StatusCode::SEE_OTHER);
    assert!(!anna.get("/worklist?filter=unit").await.words().contains("Aino Test"), "it rests");
    assert!(anna.get("/worklist?filter=resting").await.words().contains("Aino Test"));
    let page = anna.get(&format!("/tasks/{task}")).await.words();
    assert!(page.contains("Vilar till 24 april 08:00: Ny dos i dag, mäter om på fredag"), "{page}");
    assert_eq!(maria.post(&path, &fields).await.status, StatusCode::CONFLICT, "somebody else has it");
    let join = |priority, rule: &str| {
        let found = crate::house::finding(Problem::BloodPressure, priority, rule, "lägre än förut", &[]);
        TaskChange::Join { case: task.clone(), priority: Priority::Soon, due_at: None, findings: vec![found] }
    };
    for (change, rests) in [(join(Priority::Routine, "other"), true), (join(Priority::Urgent, "rule"), false)]
    {
        let mut tx = house.state.store.write().await.expect("a transaction");
        let facts = care::people::facts(&mut tx, &crate::house::patient("aino"))
            .await
            .expect("reads")
            .expect("a patient");
        care::tasks::apply(&mut tx, &facts, Policy::recommended(), vec![change]).await.expect("applies");
        tx.commit().await.expect("commits");
        let listed = anna.get("/worklist?filter=unit").await.words().contains("Aino Test");
        assert_eq!(listed, !rests, "only what is worse wakes it");
    }
}

/// The same trouble within the policy's days links to the case before it.
#[tokio::test]
async fn a_case_that_comes_back_links_to_the_one_before() {
    use alerts::{Priority, Problem};
    let house = House::build().await;
    let anna = Browser::signed_in(&house, "anna").await;
    let before = house.task_of("aino").await;
    let fields = [("outcome", "medication_changed"), ("note", "")];
    assert_eq!(anna.post(&format!("/tasks/{before}/close"), &fields).await.status, StatusCode::SEE_OTHER);
    let mut tx = house.state.store.write().await.expect("a transaction");
    let found =
        crate::house::finding(Problem::BloodPressure, Priority::Urgent, "systolic_low", "lågt igen", &[]);
    let again =
        crate::house::open_task(&mut tx, &crate::house::patient("aino"), "2026-04-22T10:00:00Z", vec![found])
            .await;
    tx.commit().await.expect("commits");
    let page = anna.get(&format!("/tasks/{again}")).await;
    assert!(page.text.contains(&format!("href=\"/tasks/{before}\"")), "{}", page.words());
    assert!(page.words().contains("öppnade uppgiften, som kom tillbaka"), "{}", page.words());
}
