//! Who comes in, where they come to, and in which language.

use axum::http::{StatusCode, header};

use crate::browser::Browser;
use crate::house::{House, NOW, PASSWORD, at};

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
