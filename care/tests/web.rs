//! The web from outside: requests in, pages out, against a real store in a temporary folder.
//!
//! What is expected comes from the promised addresses and keys, from what a person must be told, and from who may see what.

#![cfg(feature = "web")]

mod house;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode, header};
use futures::StreamExt;
use house::{House, NOW, PASSWORD, at, patient};
use proptest::prelude::*;
use tower::ServiceExt;

/// A browser: the pages and a cookie.
#[derive(Clone)]
struct Browser {
    router: Router,
    cookie: String,
}

/// What came back.
struct Answer {
    status: StatusCode,
    headers: axum::http::HeaderMap,
    text: String,
}

impl Answer {
    fn location(&self) -> &str {
        self.headers.get(header::LOCATION).map_or("", |value| value.to_str().expect("text"))
    }

    /// The words of the page, without what is between angle brackets.
    fn words(&self) -> String {
        let mut words = String::new();
        for part in self.text.split('<') {
            words.push_str(part.split_once('>').map_or(part, |(_, after)| after));
            words.push(' ');
        }
        words.split_whitespace().collect::<Vec<_>>().join(" ")
    }
}

impl Browser {
    fn at(house: &House) -> Self {
        Self { router: care::web::router(house.state.clone()), cookie: String::new() }
    }

    async fn signed_in(house: &House, login: &str) -> Self {
        let mut browser = Self::at(house);
        let answer = browser.post("/login", &[("login", login), ("password", PASSWORD)]).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{login}: {}", answer.words());
        let cookie = answer.headers.get(header::SET_COOKIE).expect("a cookie").to_str().expect("text");
        browser.cookie = cookie.split(';').next().expect("a value").to_owned();
        browser
    }

    async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.expect("answers");
        let (parts, body) = response.into_parts();
        let bytes = to_bytes(body, usize::MAX).await.expect("a body");
        let text = String::from_utf8_lossy(&bytes).into_owned();
        Answer { status: parts.status, headers: parts.headers, text }
    }

    async fn get(&self, path: &str) -> Answer {
        self.get_as(path, "text/html").await
    }

    async fn get_as(&self, path: &str, accept: &str) -> Answer {
        let request = Request::get(path).header(header::COOKIE, &self.cookie).header(header::ACCEPT, accept);
        self.send(request.body(Body::empty()).expect("a request")).await
    }

    async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        self.post_from(path, fields, &[]).await
    }

    async fn post_from(&self, path: &str, fields: &[(&str, &str)], headers: &[(&str, &str)]) -> Answer {
        let mut request = Request::post(path)
            .header(header::COOKIE, &self.cookie)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request.body(Body::from(form(fields))).expect("a request")).await
    }
}

/// The fields of a form, as they are filled in.
type Sent<'a> = Vec<(&'a str, &'a str)>;

/// Fields as a browser sends them.
fn form(fields: &[(&str, &str)]) -> String {
    let quoted = |text: &str| text.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>();
    let pairs: Vec<String> =
        fields.iter().map(|(name, value)| format!("{}={}", quoted(name), quoted(value))).collect();
    pairs.join("&")
}

#[tokio::test]
async fn signing_in_leads_each_kind_of_person_to_their_own_first_page() {
    let house = House::build().await;
    for (login, home) in
        [("anna", "/worklist"), ("kim", "/worklist"), ("svea", "/me"), ("bo", "/me"), ("ny", "/password")]
    {
        let answer = Browser::at(&house).post("/login", &[("login", login), ("password", PASSWORD)]).await;
        assert_eq!((answer.status, answer.location()), (StatusCode::SEE_OTHER, home), "{login}");
        let cookie = answer.headers.get(header::SET_COOKIE).expect("a cookie").to_str().expect("text");
        for flag in ["vagen_session=", "HttpOnly", "SameSite=Strict", "Path=/"] {
            assert!(cookie.contains(flag), "{cookie} lacks {flag}");
        }
    }
    let answer = Browser::at(&house)
        .post("/login", &[("login", "anna"), ("password", PASSWORD), ("next", "//evil.example")])
        .await;
    assert_eq!(answer.location(), "/worklist", "another site is not gone to");
}

#[tokio::test]
async fn a_wrong_password_says_so_and_five_lock_the_login() {
    let house = House::build().await;
    let browser = Browser::at(&house);
    for _ in 0..5 {
        let answer = browser.post("/login", &[("login", "anna"), ("password", "fel")]).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
        assert!(answer.words().contains("stämmer inte"), "{}", answer.words());
        assert!(answer.text.contains(r#"value="anna""#), "the login is kept");
    }
    let answer = browser.post("/login", &[("login", "anna"), ("password", PASSWORD)]).await;
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
    assert!(answer.words().contains("10:2"), "it says until when: {}", answer.words());
}

#[tokio::test]
async fn a_password_that_must_change_comes_before_everything_else() {
    let house = House::build().await;
    let browser = Browser::signed_in(&house, "ny").await;
    assert_eq!(browser.get("/worklist").await.location(), "/password");
    let rows = [
        ("fel", "ett nytt lösenord", "ett nytt lösenord", "stämmer inte"),
        (PASSWORD, "kort", "kort", "minst 10"),
        (PASSWORD, "ett nytt lösenord", "ett annat lösenord", "olika"),
        (PASSWORD, PASSWORD, PASSWORD, "samma"),
    ];
    for (old, new, again, says) in rows {
        let answer = browser.post("/password", &[("old", old), ("new", new), ("again", again)]).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(answer.words().contains(says), "{says}: {}", answer.words());
    }
    let new = "ett nytt lösenord";
    let answer = browser.post("/password", &[("old", PASSWORD), ("new", new), ("again", new)]).await;
    assert_eq!(answer.location(), "/worklist");
    assert_eq!(browser.get("/worklist").await.status, StatusCode::OK);
}

#[tokio::test]
async fn nobody_signed_in_is_led_to_sign_in_and_scripts_are_told() {
    let house = House::build().await;
    let browser = Browser::at(&house);
    assert_eq!(
        browser.get("/worklist?filter=unit").await.location(),
        "/login?next=/worklist%3Ffilter%3Dunit"
    );
    let answer = browser.get_as("/tasks/x", "application/json").await;
    assert_eq!(
        (answer.status, answer.text.as_str()),
        (StatusCode::UNAUTHORIZED, r#"{"error":"signed-out"}"#)
    );
    let signed_in = Browser::signed_in(&house, "anna").await;
    assert_eq!(signed_in.post("/logout", &[]).await.location(), "/login");
    assert_eq!(signed_in.get("/worklist").await.status, StatusCode::SEE_OTHER, "the session is over");
}

#[tokio::test]
async fn every_page_is_guarded() {
    let house = House::build().await;
    let browser = Browser::signed_in(&house, "anna").await;
    for path in ["/worklist", "/login", "/nowhere", "/patients"] {
        let answer = browser.get(path).await;
        let header = |name: &str| answer.headers.get(name).map_or("", |value| value.to_str().expect("text"));
        assert!(header("content-security-policy").starts_with("default-src 'self'"), "{path}");
        assert_eq!(header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(header("cache-control"), "no-store", "{path}");
        for forbidden in ["style=\"", "<script>", "onclick=", "http://", "https://"] {
            assert!(!answer.text.contains(forbidden), "{path} holds {forbidden}");
        }
    }
    let task = house.task_of("svea").await;
    let path = format!("/tasks/{task}/take");
    for headers in [[("sec-fetch-site", "cross-site")], [("origin", "https://evil.example")]] {
        let answer = browser.post_from(&path, &[], &headers).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN);
        assert!(answer.words().contains("annan webbplats"), "{}", answer.words());
    }
    let large = "x".repeat(70_000);
    let answer = browser.post(&format!("/tasks/{task}/message"), &[("text", &large)]).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn a_file_of_ours_is_kept_for_a_year_under_its_hash() {
    let house = House::build().await;
    let browser = Browser::at(&house);
    let page = browser.get("/login").await.text;
    let address = page.split('"').find(|part| part.ends_with("/app.css")).expect("a style sheet");
    let answer = browser.get(address).await;
    assert_eq!(answer.status, StatusCode::OK);
    let kept = answer.headers.get(header::CACHE_CONTROL).expect("a header").to_str().expect("text");
    assert!(kept.contains("immutable"), "{kept}");
    assert_eq!(answer.headers.get(header::CONTENT_TYPE).expect("a type"), "text/css; charset=utf-8");
    assert_eq!(browser.get("/static/x/nothing.css").await.status, StatusCode::NOT_FOUND);
}

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
    assert!(words.contains("tysta sedan 2 dagar 1") && words.contains("inget att göra 1"), "{words}");
    let mut reader = house.state.store.read().await.expect("a reader");
    let logged = care::audit::rows(&mut reader, None, None).await.expect("reads");
    let views: Vec<_> = logged.iter().filter(|row| row.entry.action == "list worklist").collect();
    assert_eq!(views.len(), 1, "logged once");
    assert!(views[0].entry.reason.contains("svea"), "{}", views[0].entry.reason);
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

#[tokio::test]
async fn the_patient_sees_today_answers_and_is_thanked() {
    let house = House::build().await;
    let svea = Browser::signed_in(&house, "svea").await;
    let today = svea.get("/me").await.words();
    for expected in
        ["Hej, Svea", "Onsdag 22 april", "Du har vägt dig", "kl 07:04", "Svara på frågorna", "112"]
    {
        assert!(today.contains(expected), "{expected}: {today}");
    }
    let questions = svea.get("/me/questions").await;
    let first = questions.text.split("type=\"radio\" name=\"").nth(1).expect("a question");
    let symptom = first.split('"').next().expect("a name").to_owned();
    assert!(questions.text.contains("name=\"waits\""));
    let answer = svea.post("/me/answers", &[("waits", "1")]).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "nothing answered is nothing sent");
    let answer = svea.post("/me/answers", &[("waits", "1"), (symptom.as_str(), "7")]).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    let answer = svea.post("/me/answers", &[("waits", "1"), (symptom.as_str(), "1")]).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    let task = house.task_of("svea").await;
    let anna = Browser::signed_in(&house, "anna").await;
    let line = anna.get_as(&format!("/tasks/{task}"), "application/json").await.text;
    assert!(
        line.contains("\"author\":\"Svea Test\""),
        "the answer stands in the task's conversation: {line}"
    );
    assert!(
        anna.get("/worklist").await.words().contains("Svarat 10:18") || line.contains("questions"),
        "{line}"
    );
    for path in ["/me/values", "/me/plan", "/me/conversation", "/me/form"] {
        let page = svea.get(path).await;
        assert_eq!(page.status, StatusCode::OK, "{path}");
        assert!(page.words().contains("övervakas inte dygnet runt"), "{path} has the standing text");
    }
    assert!(svea.get("/me/plan").await.words().contains("Målvikt 78,0 kg"));
    let proxy = Browser::signed_in(&house, "bo").await.get("/me").await.words();
    assert!(proxy.contains("Hej, Bo") && proxy.contains("Svea Tests sidor som närstående"), "{proxy}");
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

/// Reads the stream until something with `wanted` comes, or gives up.
async fn heard(browser: &Browser, wanted: &str) -> impl Future<Output = bool> + use<> {
    let request = Request::get("/live").header(header::COOKIE, &browser.cookie);
    let request = request.body(Body::empty()).expect("a request");
    let response = browser.router.clone().oneshot(request).await.expect("answers");
    assert_eq!(response.status(), StatusCode::OK);
    let mut body = response.into_body().into_data_stream();
    let first = body.next().await.expect("a first word").expect("bytes");
    assert!(first.starts_with(b":"), "the stream begins with a comment");
    let wanted = wanted.to_owned();
    async move {
        let listening = async {
            while let Some(Ok(bytes)) = body.next().await {
                if String::from_utf8_lossy(&bytes).contains(&wanted) {
                    return true;
                }
            }
            false
        };
        tokio::time::timeout(std::time::Duration::from_secs(2), listening).await.unwrap_or(false)
    }
}

#[tokio::test]
async fn two_browsers_hear_of_each_others_messages_and_a_third_does_not() {
    let house = House::build().await;
    let (svea, anna) = (Browser::signed_in(&house, "svea").await, Browser::signed_in(&house, "anna").await);
    let viggo = Browser::signed_in(&house, "viggo").await;
    let task = house.task_of("svea").await;
    let (to_svea, to_anna, to_viggo) = (
        heard(&svea, "event: message").await,
        heard(&anna, "event: message").await,
        heard(&viggo, "svea").await,
    );
    let written = anna.post(&format!("/tasks/{task}/message"), &[("text", "Hur mår du nu?")]).await;
    assert_eq!(written.status, StatusCode::SEE_OTHER);
    let (svea_heard, anna_heard, viggo_heard) = tokio::join!(to_svea, to_anna, to_viggo);
    assert!(svea_heard && anna_heard && !viggo_heard);
    assert!(svea.get("/me/conversation").await.text.contains("Hur mår du nu?"));
    let part = anna.get(&format!("/tasks/{task}?fragment=talk")).await;
    assert!(part.text.contains("Hur mår du nu?") && !part.text.contains("<html"));
    let part = anna.get(&format!("/tasks/{task}?fragment=card")).await;
    assert!(part.words().contains("Ta uppgiften") && !part.text.contains("<html"));
}

#[tokio::test]
async fn machines_are_told_and_a_broken_chain_lies_across_the_page() {
    let house = House::build().await;
    let anyone = Browser::at(&house);
    assert_eq!(anyone.get("/livez").await.status, StatusCode::OK);
    let ready = anyone.get("/readyz").await;
    assert_eq!(ready.status, StatusCode::OK);
    assert!(ready.text.contains("\"ready\":true"), "{}", ready.text);
    house.break_chain();
    let ready = anyone.get("/readyz").await;
    assert_eq!(ready.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(ready.text.contains("\"broker\":{\"since\""), "{}", ready.text);
    let page = Browser::signed_in(&house, "anna").await.get("/worklist").await;
    assert!(page.text.contains("chain-bar\" role=\"alert\""));
    assert!(page.words().contains("Ingen kontakt med meddelandetjänsten."));
    assert!(!page.text.contains("chain-whole"), "never green");
}

#[tokio::test]
async fn the_language_is_chosen_once_and_kept() {
    let house = House::build().await;
    let mut anna = Browser::signed_in(&house, "anna").await;
    let answer = anna.post("/language", &[("language", "en"), ("next", "/worklist")]).await;
    assert_eq!(answer.location(), "/worklist");
    let cookie = answer.headers.get(header::SET_COOKIE).expect("a cookie").to_str().expect("text");
    anna.cookie = format!("{}; {}", anna.cookie, cookie.split(';').next().expect("a value"));
    let page = anna.get("/worklist").await;
    assert!(page.text.contains("<html lang=\"en\">") && page.words().contains("signs point the same way"));
    assert!(anna.get("/nowhere").await.words().contains("There is no such page"));
    assert_eq!(anna.post("/language", &[("language", "de")]).await.status, StatusCode::BAD_REQUEST);
}

/// The promise is 2 s from SIGTERM to the end, and a browser with a page open never closes its stream by itself.
#[tokio::test]
async fn an_open_page_does_not_hold_the_service_up() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    let house = House::build().await;
    let anna = Browser::signed_in(&house, "anna").await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let router = care::web::router(house.state.clone());
    let serving = tokio::spawn(care::web::serve(listener, router, async { stopped.await.unwrap_or(()) }));
    let mut open = tokio::net::TcpStream::connect(address).await.expect("connects");
    let request = format!("GET /live HTTP/1.1\r\nHost: x\r\nCookie: {}\r\n\r\n", anna.cookie);
    open.write_all(request.as_bytes()).await.expect("writes");
    let mut first = [0; 12];
    open.read_exact(&mut first).await.expect("an answer");
    assert_eq!(&first, b"HTTP/1.1 200");
    stop.send(()).expect("is listened to");
    let ended = tokio::time::timeout(std::time::Duration::from_millis(1900), serving).await;
    ended.expect("in time").expect("no panic").expect("no error");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Whatever a browser sends, the answer is a page and never a fault of ours.
    #[test]
    fn no_address_and_no_form_breaks_the_house(id in "[^/?#\\x00-\\x1f]{1,40}", note in ".{0,60}", body in ".{0,80}") {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let house = House::build().await;
            let anna = Browser::signed_in(&house, "anna").await;
            let quoted: String = id.bytes().map(|byte| format!("%{byte:02X}")).collect();
            let task = house.task_of("nils").await;
            let answers = [
                anna.get(&format!("/tasks/{quoted}")).await,
                anna.get(&format!("/patients?q={quoted}")).await,
                anna.get(&format!("/worklist?filter={quoted}")).await,
                anna.post(&format!("/tasks/{task}/close"), &[("outcome", "phoned"), ("note", &note), ("follow_up", &body)]).await,
                anna.post(&format!("/tasks/{quoted}/message"), &[("text", &body), ("next", &id)]).await,
                anna.post(&format!("/patients/{quoted}/message"), &[("text", &note)]).await,
            ];
            for answer in answers {
                assert!(!answer.status.is_server_error(), "{}: {}", answer.status, answer.words());
            }
        });
    }
}

#[test]
fn the_morning_is_the_one_the_pages_speak_of() {
    // Wednesday 22 April 2026, 10:18 in Stockholm (UTC+2).
    assert_eq!(at(NOW).to_string(), "2026-04-22T08:18:00.000Z");
}

/// The promised limit is 60 minutes without use; what a page fetches by itself is no use of it.
#[tokio::test]
async fn a_page_that_refreshes_itself_does_not_keep_a_session_alive() {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicI64, Ordering};
    let mut house = House::build().await;
    let minutes = Arc::new(AtomicI64::new(0));
    let told = minutes.clone();
    house.state.clock = care::clock::Clock::told_by(move || {
        at(NOW).plus_millis(told.load(Ordering::Relaxed) * vitals::Timestamp::MINUTE_MS)
    });
    let refreshed =
        ["/chain", "/worklist?filter=mine&fragment=rows", "/patients/svea?days=30&fragment=charts"];
    for (path, lives) in refreshed.iter().map(|path| (*path, false)).chain([("/worklist", true)]) {
        minutes.store(0, Ordering::Relaxed);
        let anna = Browser::signed_in(&house, "anna").await;
        for minute in [30, 59] {
            minutes.store(minute, Ordering::Relaxed);
            assert_eq!(anna.get(path).await.status, StatusCode::OK, "{path} after {minute} minutes");
        }
        minutes.store(61, Ordering::Relaxed);
        let status = anna.get("/worklist").await.status;
        assert_eq!(status == StatusCode::OK, lives, "{path} before: {status}");
    }
}

/// Everything in a register can be done in the dashboard as well: that is what the published interface promises.
#[tokio::test]
async fn an_administrator_adds_a_patient_with_unit_and_device() {
    let house = House::build().await;
    let adam = Browser::at(&house).post("/login", &[("login", "adam"), ("password", PASSWORD)]).await;
    assert_eq!(adam.location(), "/admin", "nothing waits for an administrator on a worklist");
    let adam = Browser::signed_in(&house, "adam").await;
    let forms: [(&str, Sent<'_>); 6] = [
        ("organisation", vec![("id", "privat"), ("name", "Privat AB"), ("kind", "provider")]),
        ("unit", vec![("id", "p1"), ("organisation", "privat"), ("name", "Privatmottagningen")]),
        (
            "patient",
            vec![
                ("id", "greta"),
                ("name", "Greta Test"),
                ("units", "hf, p1"),
                ("born", "1940-02-03"),
                ("language", "sv"),
                ("policy", "recommended"),
                ("consent.from", "2026-04-01"),
                ("login", "greta"),
                ("password", "en lång mening"),
                ("must_change", "true"),
            ],
        ),
        ("proxy", vec![("patient", "greta"), ("id", "sven"), ("name", "Sven Test")]),
        ("device", vec![("id", "546c0e000009"), ("model", "A&D UC-352BLE")]),
        (
            "worn_by",
            vec![
                ("device", "546c0e000009"),
                ("patient", "greta"),
                ("slot", ""),
                ("from", "2026-04-22 07:30"),
            ],
        ),
    ];
    for (table, fields) in forms {
        let answer = adam.post(&format!("/admin/{table}"), &fields).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{table}: {}", answer.words());
        assert!(adam.get(answer.location()).await.words().contains("Sparat."), "{table}");
    }
    // 07:30 in Stockholm that day is 05:30 UTC.
    let mut reader = house.state.store.read().await.expect("a reader");
    let worn = care::register::listing::list(&mut reader, care::register::listing::Table::WornBy).await;
    let worn = worn.expect("reads").into_iter().find(|one| one["patient"] == "greta").expect("a wearing");
    assert_eq!(worn["from"], "2026-04-22T05:30:00.000Z");
    let anna = Browser::signed_in(&house, "anna").await;
    assert!(anna.get("/patients").await.words().contains("Greta Test"), "her unit sees her");
    let logged = care::audit::rows(&mut reader, None, None).await.expect("reads");
    let by_adam = |row: &&care::audit::Logged| row.entry.action == "admin apply" && row.entry.actor == "adam";
    let reasons: Vec<&str> = logged.iter().filter(by_adam).map(|row| row.entry.reason.as_str()).collect();
    assert_eq!(reasons.len(), 6, "each change names who: {reasons:?}");
    assert!(reasons[2].contains("added patient greta"), "{reasons:?}");
    // Ending it: the form as it came, with a day in its last field.
    let address = "546c0e000009/greta//2026-04-22T05:30:00.000Z";
    let page = adam.get(&format!("/admin/worn_by?entry={}", address.replace('/', "%2F"))).await;
    assert!(page.text.contains(r#"value="2026-04-22 07:30""#), "{}", page.text);
    let ended = [
        ("editing", "1"),
        ("device", "546c0e000009"),
        ("patient", "greta"),
        ("from", "2026-04-22 07:30"),
        ("until", "2026-05-01"),
    ];
    assert_eq!(adam.post("/admin/worn_by", &ended).await.location(), "/admin/worn_by?done=1");
    let again = adam.post("/admin/worn_by", &ended).await;
    assert!(adam.get(again.location()).await.words().contains("det stod redan så"), "twice changes nothing");
}

#[tokio::test]
async fn what_is_wrong_in_the_register_says_so_in_one_line_and_is_kept() {
    let house = House::build().await;
    let adam = Browser::signed_in(&house, "adam").await;
    let rows: [(&str, Sent<'_>, &str); 6] = [
        (
            "staff",
            vec![("id", "eva"), ("name", "Eva Ny"), ("unit", "gone"), ("role", "physician")],
            "staff \"eva\": unit \"gone\" is neither",
        ),
        (
            "patient",
            vec![("id", "p9"), ("name", "Eva Ny"), ("units", "hf, gone"), ("policy", "recommended")],
            "patient \"p9\": unit \"gone\" is neither",
        ),
        (
            "patient",
            vec![("id", "p9"), ("name", "Eva Ny"), ("units", "hf"), ("policy", "mine")],
            "policy \"mine\" is none of recommended",
        ),
        (
            "proxy",
            vec![("patient", "p9"), ("id", "k"), ("name", "Eva Ny")],
            "proxy \"k\": patient \"p9\" is neither",
        ),
        ("device", vec![("id", "Eva Ny"), ("model", "scale")], "12 (address) or 16"),
        ("worn_by", vec![("device", "546c0e000001"), ("patient", "svea"), ("from", "Eva Ny")], "RFC 3339"),
    ];
    for (table, fields, says) in rows {
        let answer = adam.post(&format!("/admin/{table}"), &fields).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{table}");
        let words = answer.words().replace("&#34;", "\"");
        assert!(words.contains(says), "{table}: {says} in {words}");
        assert!(answer.text.contains(r#"value="Eva Ny""#), "{table}: what was typed is kept");
    }
    let file = "staff = [{ id = \"e\", unit = \"hf\", role = \"physician\", name = \"E\", login = \"e\", password_file = \"/etc/passwd\" }]";
    let twice = "device = [{ id = \"546c0e000007\", model = \"A\" }]\nunit = [{ id = \"u\", organisation = \"gone\", name = \"U\" }]";
    for (register, says) in [(file, "command line only"), (twice, "organisation"), ("staf = []", "line 1")] {
        let answer = adam.post("/admin/register", &[("register", register)]).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(answer.words().contains(says), "{says} in {}", answer.words());
    }
    assert!(!adam.get("/admin/device").await.text.contains("546c0e000007"), "the whole register was refused");
    let fine = "device = [{ id = \"546c0e000007\", model = \"A\" }]";
    assert_eq!(adam.post("/admin/register", &[("register", fine)]).await.location(), "/admin?done=1");
}

#[tokio::test]
async fn the_register_is_for_administrators_and_shows_nothing_clinical() {
    let house = House::build().await;
    for login in ["anna", "tove", "viggo", "svea", "bo"] {
        let browser = Browser::signed_in(&house, login).await;
        for path in ["/admin", "/admin/patient", "/admin/staff"] {
            assert_eq!(browser.get(path).await.status, StatusCode::FORBIDDEN, "{login} at {path}");
        }
        let fields = [("id", "x"), ("name", "X"), ("kind", "region")];
        assert_eq!(browser.post("/admin/organisation", &fields).await.status, StatusCode::FORBIDDEN);
        let pasted = [("register", "gateway = [{ id = \"gw-9\" }]")];
        assert_eq!(browser.post("/admin/register", &pasted).await.status, StatusCode::FORBIDDEN);
    }
    let adam = Browser::signed_in(&house, "adam").await;
    for table in care::register::listing::Table::ALL {
        let page = adam.get(&format!("/admin/{}", table.key())).await;
        assert_eq!(page.status, StatusCode::OK);
        for secret in ["Målvikt", "Furosemid", "argon2", PASSWORD] {
            assert!(!page.text.contains(secret), "{} shows {secret}", table.key());
        }
    }
    assert!(adam.get("/admin/patient").await.text.contains("/admin/patient?entry=svea"));
    assert_eq!(adam.get("/patients/svea").await.status, StatusCode::FORBIDDEN, "no record");
}
