//! The patient's own pages and the questions.

use axum::http::StatusCode;
use care::store::sql;

use crate::browser::{Answer, Browser};
use crate::house::{House, at};

/// The value of a hidden field of the page.
fn hidden(page: &str, name: &str) -> String {
    let field = page
        .split(&format!("name=\"{name}\" value=\""))
        .nth(1)
        .unwrap_or_else(|| panic!("no {name}: {page}"));
    field.split('"').next().expect("a value").to_owned()
}

/// Answers what `page` asks with `codes`, as its form would, and gives where that leads.
async fn answer(browser: &Browser, page: &Answer, codes: &[&str]) -> Answer {
    let fields = ["dialogue", "tree", "question"].map(|name| (name, hidden(&page.text, name)));
    let mut sent: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
    sent.extend(codes.iter().map(|code| ("answer", *code)));
    let post =
        page.text.split("<form method=\"post\" action=\"").find(|part| part.contains("name=\"question\""));
    let post = post.and_then(|part| part.split('"').next()).expect("a form");
    let answer = browser.post(post, &sent).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{codes:?}: {}", answer.words());
    browser.get(answer.location()).await
}

#[tokio::test]
async fn the_patient_sees_today_and_the_standing_text_everywhere() {
    let house = House::build().await;
    let svea = Browser::signed_in(&house, "svea").await;
    let today = svea.get("/me").await.words();
    for expected in [
        "Hej, Svea",
        "Onsdag 22 april",
        "Du har vägt dig",
        "kl 07:04",
        "kg mer än vanligt",
        "Svara på frågorna",
        "112",
    ] {
        assert!(today.contains(expected), "{expected}: {today}");
    }
    for path in ["/me/values", "/me/plan", "/me/conversation", "/me/form"] {
        let page = svea.get(path).await;
        assert_eq!(page.status, StatusCode::OK, "{path}");
        assert!(page.words().contains("övervakas inte dygnet runt"), "{path} has the standing text");
    }
    assert!(svea.get("/me/plan").await.words().contains("Målvikt 78,0 kg"));
    let proxy = Browser::signed_in(&house, "bo").await.get("/me").await.words();
    assert!(proxy.contains("Hej, Bo") && proxy.contains("Svea Tests sidor som närstående"), "{proxy}");
}

/// One question a screen; what waits is the follow-up of her task; back keeps what was chosen; nothing chosen is nothing sent.
#[tokio::test]
async fn questions_come_one_at_a_time_and_their_answers_stand_in_the_task() {
    let house = House::build().await;
    let svea = Browser::signed_in(&house, "svea").await;
    let first = svea.get("/me/questions").await;
    assert!(
        first.words().contains("Fråga 1 av 4") && first.words().contains("Skriv till oss i stället"),
        "{}",
        first.words()
    );
    assert!(first.words().contains("Din vikt har gått upp"), "what the task saw: {}", first.words());
    assert_eq!(first.text.matches("<fieldset").count(), 1, "one question a screen");
    let fields = ["dialogue", "tree", "question"].map(|name| (name, hidden(&first.text, name)));
    let mut sent: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let none = svea.post("/me/answers", &sent).await;
    assert_eq!(none.status, StatusCode::UNPROCESSABLE_ENTITY, "nothing answered is nothing sent");
    assert!(none.words().contains("Välj ett svar"), "{}", none.words());
    sent.push(("answer", "seven"));
    assert_eq!(svea.post("/me/answers", &sent).await.status, StatusCode::BAD_REQUEST);
    let second = answer(&svea, &first, &["none"]).await;
    assert!(second.words().contains("Hur mår du i dag, mot i går?"), "{}", second.words());
    let back =
        second.text.split("href=\"").find(|part| part.contains("question=red-flags")).expect("a way back");
    let back = svea
        .get(&back.split('"').next().expect("an address").replace("&#38;", "&").replace("&amp;", "&"))
        .await;
    assert!(back.text.contains("value=\"none\" checked"), "what was chosen stands there");
    let again = svea.get("/me").await.words();
    assert!(again.contains("Fortsätt med frågorna"), "{again}");
    let third = answer(&svea, &second, &["worse"]).await;
    let fourth = answer(&svea, &third, &["breathless", "none"]).await;
    assert!(
        fourth.words().contains("Hur andfådd blir du"),
        "none beside a tick is that tick: {}",
        fourth.words()
    );
    let fifth = answer(&svea, &fourth, &["quite"]).await;
    let end = answer(&svea, &fifth, &["yes"]).await;
    for expected in [
        "En sjuksköterska behöver titta",
        "så snart mottagningen är öppen",
        "Kan hjälpa dig: hjärtsviktssjuksköterska, Hjärtsviktsmottagningen",
        "Målvikt 78,0 kg",
    ] {
        assert!(end.words().contains(expected), "{expected}: {}", end.words());
    }
    let task = house.task_of("svea").await;
    let anna = Browser::signed_in(&house, "anna").await;
    let line = anna.get_as(&format!("/tasks/{task}"), "application/json").await.text;
    assert!(line.contains("\"author\":\"Svea Test\"") && line.contains("Ganska mycket"), "{line}");
    assert!(!anna.get(&format!("/tasks/{task}")).await.words().contains("Väntar på svar"));
    assert!(
        svea.get("/me/questions").await.words().contains("Fråga 1 av 3"),
        "nothing waits: the short form"
    );
}

/// To add a case, add a row: what is answered, screen by screen, and what the end must and must not say. By the triage list.
#[tokio::test]
async fn each_end_is_shown_as_soon_as_it_is_reached() {
    let rows: [(&[&[&str]], &str, &str); 4] = [
        (&[&["froth"]], "Ring 112 nu", "Skriv till oss"),
        (&[&["chest-eased"]], "Kommer det tillbaka: ring 112", "Ring 112 nu"),
        (&[&["none"], &["same"], &["none"]], "Fortsätt som vanligt", "Ring 112 nu"),
        (&[&["none"], &["same"], &["worried", "cough"]], "En sjuksköterska läser dem", "Ring 112 nu"),
    ];
    for (screens, says, never) in rows {
        let house = House::build().await;
        let svea = Browser::signed_in(&house, "svea").await;
        let task = house.task_of("svea").await;
        let anna = Browser::signed_in(&house, "anna").await;
        anna.post(&format!("/tasks/{task}/close"), &[("outcome", "no_action")]).await;
        let mut page = svea.get("/me/form").await;
        for codes in screens {
            page = answer(&svea, &page, codes).await;
        }
        let words = page.words();
        assert!(words.contains(says) && !words.contains(never), "{screens:?}: {words}");
        assert_eq!(page.text.contains("href=\"tel:112\""), says == "Ring 112 nu", "a button that calls");
    }
}

/// Next of kin and home-care staff answer for her; each answer says who gave it, and a unit without a care relation may not.
#[tokio::test]
async fn others_answer_beside_the_patient_and_it_says_who_did() {
    let house = House::build().await;
    let (bo, kim) = (Browser::signed_in(&house, "bo").await, Browser::signed_in(&house, "kim").await);
    let first = bo.get("/me/questions").await;
    assert!(first.words().contains("Du svarar för Svea Test som närstående"), "{}", first.words());
    answer(&bo, &first, &["none"]).await;
    let second = kim.get("/patients/svea/questions").await;
    assert!(
        second.words().contains("Du svarar för Svea Test") && second.words().contains("mot i går"),
        "{}",
        second.words()
    );
    answer(&kim, &second, &["same"]).await;
    let viggo = Browser::signed_in(&house, "viggo").await;
    assert_eq!(viggo.get("/patients/svea/questions").await.status, StatusCode::FORBIDDEN);
    let rows: Vec<(String, String, String, String)> =
        sql::query_as("SELECT question, author_kind, author, questionnaire || '|' || version FROM dialogue_answer JOIN dialogue ON dialogue.id = dialogue ORDER BY at, question")
            .fetch_all(&mut house.state.store.read().await.expect("reads"))
            .await
            .expect("answers");
    let who: Vec<(&str, &str, &str)> =
        rows.iter().map(|row| (row.0.as_str(), row.1.as_str(), row.2.as_str())).collect();
    assert_eq!(who, [("change", "staff", "kim"), ("red-flags", "proxy", "bo")]);
    assert!(rows.iter().all(|row| row.3 == "urn:vagen:questionnaire:follow-up|1"), "{rows:?}");
    let other = kim.post(
        "/patients/nils/questions",
        &[("tree", "urn:vagen:questionnaire:symptom-form"), ("question", "red-flags"), ("answer", "none")],
    );
    assert_eq!(other.await.status, StatusCode::FORBIDDEN);
}

/// That 112 was shown is an event of the task, from when the page was shown and once.
#[tokio::test]
async fn the_task_says_when_112_was_shown() {
    let house = House::build().await;
    let svea = Browser::signed_in(&house, "svea").await;
    let task = house.task_of("svea").await;
    let shown = async || {
        let mut reader = house.state.store.read().await.expect("reads");
        let history = care::tasks::history(&mut reader, &task).await.expect("history");
        history.iter().filter(|event| event.action == "emergency_shown").count()
    };
    let first = svea.get("/me/questions").await;
    let fields = ["dialogue", "tree", "question"].map(|name| (name, hidden(&first.text, name)));
    let mut sent: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
    sent.push(("answer", "fainted"));
    let answer = svea.post("/me/answers", &sent).await;
    assert_eq!(shown().await, 0, "answered, not yet shown");
    for _ in 0..2 {
        assert!(svea.get(answer.location()).await.words().contains("Ring 112 nu"));
    }
    assert_eq!(shown().await, 1);
    assert_eq!(
        svea.post("/me/answers", &sent).await.location(),
        answer.location(),
        "sent twice leads to the same end"
    );
}

/// Friday 27 November 2026, 19:00 in Stockholm: what to do on Saturday stands where somebody writes and looks.
#[tokio::test]
async fn on_a_friday_evening_it_says_what_to_do_on_saturday() {
    let mut house = House::build().await;
    house.state.clock = care::clock::Clock::told_by(|| at("2026-11-27T18:00:00Z"));
    let svea = Browser::signed_in(&house, "svea").await;
    for path in ["/me", "/me/conversation"] {
        let words = svea.get(path).await.words();
        assert!(words.contains("stängd från lördag och öppnar igen på måndag"), "{path}: {words}");
        assert!(words.contains("ring 1177 för råd, 112 om det är akut"), "{path}: {words}");
    }
    house.state.clock = care::clock::Clock::told_by(|| at("2026-11-24T18:00:00Z"));
    let svea = Browser::signed_in(&house, "svea").await;
    assert!(!svea.get("/me").await.words().contains("stängd"), "a Tuesday evening");
}

#[tokio::test]
async fn a_letter_without_a_task_is_seen_on_the_worklist_until_it_is_answered() {
    let house = House::build().await;
    let (svea, anna) = (Browser::signed_in(&house, "svea").await, Browser::signed_in(&house, "anna").await);
    let task = house.task_of("svea").await;
    anna.post(&format!("/tasks/{task}/close"), &[("outcome", "no_action")]).await;
    assert_eq!(
        svea.post("/me/conversation", &[("text", "  ")]).await.status,
        StatusCode::UNPROCESSABLE_ENTITY
    );
    let answer = svea.post("/me/conversation", &[("text", "Får jag <bada>?")]).await;
    assert_eq!(answer.location(), "/me/conversation?sent=message");
    let list = anna.get("/worklist").await.words();
    assert!(list.contains("utan att någon uppgift är öppen Svea Test skrev 10:18"), "{list}");
    assert!(anna.post("/patients/svea/message", &[("text", "Ja, gärna.")]).await.status.is_redirection());
    assert!(!anna.get("/worklist").await.words().contains("utan att någon uppgift"));
    let talk = svea.get("/me/conversation").await;
    assert!(talk.text.contains("Får jag &#60;bada&#62;?") && talk.text.contains("Ja, gärna."));
    assert!(svea.get("/me").await.words().contains("Anna Test skrev till dig 10:18"));
}

/// Her usual weight is 78.2 kg: a weighing of 78.3 is answered in plain words, and nobody has to read a chart.
#[tokio::test]
async fn a_normal_value_is_answered_in_plain_words() {
    let house = House::build().await;
    let mut tx = house.state.store.write().await.expect("a transaction");
    crate::house::record(&mut tx, "svea", at("2026-04-22T07:00:00Z"), "weight", r#"{"weight_kg":78.3}"#)
        .await;
    tx.commit().await.expect("commits");
    let today = Browser::signed_in(&house, "svea").await.get("/me").await.words();
    assert!(today.contains("78,3 kg") && today.contains("Tack! Det är som vanligt för dig."), "{today}");
    // Her pressures lie from 118 to 137, and the policy's margin is 20 (orthostatic hypotension by definition).
    let mut tx = house.state.store.write().await.expect("a transaction");
    let pressure = r#"{"systolic_mmhg":128,"diastolic_mmhg":76,"pulse_per_min":70}"#;
    crate::house::record(&mut tx, "svea", at("2026-04-22T07:05:00Z"), "blood_pressure", pressure).await;
    tx.commit().await.expect("commits");
    let today = Browser::signed_in(&house, "svea").await.get("/me").await.words();
    assert_eq!(today.matches("Det är som vanligt för dig.").count(), 2, "{today}");
}
