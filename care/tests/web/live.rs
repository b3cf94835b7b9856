//! Open pages hear of changes.

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use futures::StreamExt;
use tower::ServiceExt;

use crate::browser::Browser;
use crate::house::House;

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
