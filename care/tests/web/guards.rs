//! What stands around every page.

use axum::http::{StatusCode, header};
use proptest::prelude::*;

use crate::browser::Browser;
use crate::house::{House, NOW, at};

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

#[test]
fn the_morning_is_the_one_the_pages_speak_of() {
    // Wednesday 22 April 2026, 10:18 in Stockholm (UTC+2).
    assert_eq!(at(NOW).to_string(), "2026-04-22T08:18:00.000Z");
}
