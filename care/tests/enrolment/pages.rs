//! Enrolment over HTTP: the pages that staff use, what a box is answered, and bodies of every kind.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode, header};
use care::enrolment::staff::Standing;
use proptest::prelude::*;
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::house::{House, NOW, PASSWORD, at};
use crate::{HomeBox, common_name, enrolled, standing};

/// A browser, or a box: the pages and a cookie.
struct Client {
    router: Router,
    cookie: String,
}

impl Client {
    fn at(house: &House) -> Self {
        Self { router: care::web::router(house.state.clone()), cookie: String::new() }
    }

    async fn signed_in(house: &House, login: &str) -> Self {
        let mut client = Self::at(house);
        let password = PASSWORD.replace(' ', "+").replace('å', "%C3%A5");
        let request = client.request("POST", "/login", "application/x-www-form-urlencoded");
        let request =
            request.body(Body::from(format!("login={login}&password={password}"))).expect("a request");
        let response = client.router.clone().oneshot(request).await.expect("answers");
        let cookie = response.headers().get(header::SET_COOKIE).expect("signed in").to_str().expect("text");
        client.cookie = cookie.split(';').next().expect("a value").to_owned();
        client
    }

    fn request(&self, method: &str, path: &str, kind: &str) -> axum::http::request::Builder {
        let request = Request::builder().method(method).uri(path).header(header::CONTENT_TYPE, kind);
        request.header(header::COOKIE, &self.cookie).header(header::HOST, "vagen.example")
    }

    async fn send(
        &self,
        method: &str,
        path: &str,
        kind: &str,
        body: impl Into<Body>,
    ) -> (StatusCode, String) {
        let request = self.request(method, path, kind).body(body.into()).expect("a request");
        let response = self.router.clone().oneshot(request).await.expect("answers");
        let status = response.status();
        let bytes = to_bytes(response.into_body(), usize::MAX).await.expect("a body");
        (status, String::from_utf8_lossy(&bytes).into_owned())
    }

    async fn form(&self, path: &str, form: &'static str) -> (StatusCode, String) {
        self.send("POST", path, "application/x-www-form-urlencoded", form).await
    }

    async fn get(&self, path: &str) -> (StatusCode, String) {
        self.send("GET", path, "text/html", Body::empty()).await
    }
}

fn shown_code(page: &str) -> String {
    let after =
        page.split("enrolment-code").nth(1).and_then(|rest| rest.split("<strong>").nth(1)).expect("a code");
    after.split('<').next().expect("text").to_owned()
}

#[tokio::test]
async fn a_technician_issues_a_code_on_a_page_and_a_box_enrols_with_it() {
    let house = House::build().await;
    let tove = Client::signed_in(&house, "tove").await;
    let (status, list) = tove.get("/gateways").await;
    assert!(status == StatusCode::OK && list.contains("/gateways/gw-0001"), "{list}");
    assert!(list.contains("har aldrig haft något"), "no data is not shown as well");
    let (status, page) = tove.form("/gateways/gw-0001/code", "").await;
    assert_eq!(status, StatusCode::OK);
    let code = shown_code(&page);
    assert!(
        page.contains(&format!("vagen-gateway enrol --server http://vagen.example --code {code}")),
        "{page}"
    );
    let (_, again) = tove.get("/gateways/gw-0001").await;
    assert!(!again.contains(&code) && again.contains("En kod är utfärdad"), "it is shown once");
    let body = json!({ "code": code, "csr": HomeBox::new().csr }).to_string();
    let (status, answer) = Client::at(&house).send("POST", "/enrol", "application/json", body.clone()).await;
    let answer: Value = serde_json::from_str(&answer).expect("JSON");
    assert_eq!(status, StatusCode::OK, "{answer}");
    assert_eq!(common_name(answer["certificate"].as_str().expect("PEM")), "CN=gw-0001");
    assert!(answer["ca"].as_str().expect("PEM").starts_with("-----BEGIN CERTIFICATE-----"));
    assert_eq!(answer["broker"], "mqtts://broker.example:8883");
    let (status, answer) = Client::at(&house).send("POST", "/enrol", "application/json", body).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    assert!(answer.contains("ask for a new one"), "{answer}");
    let (_, page) = tove.get("/gateways/gw-0001").await;
    assert!(page.contains("gäller till"), "{page}");
}

#[tokio::test]
async fn taking_back_needs_a_confirmation_and_says_how_it_stands() {
    let house = House::build().await;
    enrolled(&house, at(NOW)).await;
    let adam = Client::signed_in(&house, "adam").await;
    for act in ["revoke", "replace"] {
        let (status, page) = adam.form(&format!("/gateways/gw-0001/{act}"), "").await;
        assert!(
            status == StatusCode::UNPROCESSABLE_ENTITY && page.contains("Ingenting gjordes"),
            "{act}: {page}"
        );
    }
    assert!(matches!(standing(&house, at(NOW)).await, Standing::Live { .. }));
    let (status, _) = adam.form("/gateways/gw-0001/revoke", "confirm=yes").await;
    assert_eq!(status, StatusCode::SEE_OTHER);
    let (_, page) = adam.get("/gateways/gw-0001").await;
    assert!(page.contains("återkallat") && page.contains("Återkallelsen gäller inte än"), "{page}");
    let (status, page) = adam.form("/gateways/gw-0001/replace", "confirm=yes").await;
    assert_eq!(status, StatusCode::OK);
    assert!(HomeBox::new().enrol(&house, &shown_code(&page), at(NOW)).await.is_ok());
}

#[tokio::test]
async fn home_boxes_are_for_those_who_look_after_them() {
    let house = House::build().await;
    for login in ["anna", "kim", "viggo", "svea"] {
        let client = Client::signed_in(&house, login).await;
        for path in ["/gateways", "/gateways/gw-0001"] {
            assert_eq!(client.get(path).await.0, StatusCode::FORBIDDEN, "{login} {path}");
        }
        for act in ["code", "revoke", "replace"] {
            let (status, _) = client.form(&format!("/gateways/gw-0001/{act}"), "confirm=yes").await;
            assert_eq!(status, StatusCode::FORBIDDEN, "{login} {act}");
        }
        assert!(!client.get("/").await.1.contains("/gateways"));
    }
    let tove = Client::signed_in(&house, "tove").await;
    for path in ["/gateways/gw-0009", "/gateways/a%20b"] {
        assert_eq!(tove.get(path).await.0, StatusCode::NOT_FOUND, "{path}");
    }
    let mut reader = house.state.store.read().await.expect("a reader");
    let log = care::audit::rows(&mut reader, None, None).await.expect("reads");
    let denied =
        |row: &&care::audit::Logged| row.entry.action == "open gateways" && row.entry.decision == "denied";
    assert_eq!(log.iter().filter(denied).count(), 4 * 5);
}

#[tokio::test]
async fn too_many_guesses_are_told_when_to_come_back() {
    let house = House::build().await;
    let client = Client::at(&house);
    for _ in 0..10 {
        assert_eq!(client.send("POST", "/enrol", "application/json", "{}").await.0, StatusCode::BAD_REQUEST);
    }
    let request =
        client.request("POST", "/enrol", "application/json").body(Body::from("{}")).expect("a request");
    let response = client.router.clone().oneshot(request).await.expect("answers");
    assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(response.headers().get(header::RETRY_AFTER).expect("when"), "600");
    let (status, _) = client.send("POST", "/enrol", "application/json", vec![b' '; 70_000]).await;
    assert!(matches!(status, StatusCode::PAYLOAD_TOO_LARGE | StatusCode::TOO_MANY_REQUESTS), "{status}");
}

/// JSON of about the right shape, and bytes of none.
fn bodies() -> impl Strategy<Value = Vec<u8>> {
    let text = prop_oneof!["[A-Z2-9]{4}-[A-Z2-9]{4}", ".{0,60}", Just("2026-04-22T08:18:00Z".to_owned())];
    let keys = prop::sample::subsequence(vec!["code", "csr", "certificate", "at", "proof"], 0..=5);
    let object = (keys, prop::collection::vec(text, 5)).prop_map(|(keys, values)| {
        let map: serde_json::Map<String, Value> =
            keys.into_iter().zip(values).map(|(key, value)| (key.to_owned(), json!(value))).collect();
        Value::Object(map).to_string().into_bytes()
    });
    prop_oneof![object, prop::collection::vec(any::<u8>(), 0..300)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever comes in, the answer is a refusal in JSON that blames whoever sent it.
    #[test]
    fn no_body_breaks_enrolment(bodies in prop::collection::vec(bodies(), 1..12), renewing: bool) {
        static HOUSE: std::sync::OnceLock<(tokio::runtime::Runtime, House)> = std::sync::OnceLock::new();
        let (runtime, house) = HOUSE.get_or_init(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            let house = runtime.block_on(House::build());
            (runtime, house)
        });
        let mut state = house.state.clone();
        state.enrolment.attempts = std::sync::Arc::default();
        let client = Client { router: care::web::router(state), cookie: String::new() };
        let path = if renewing { "/enrol/renew" } else { "/enrol" };
        for body in bodies {
            let (status, answer) = runtime.block_on(client.send("POST", path, "application/json", body));
            prop_assert!(status.is_client_error(), "{} {}", status, answer);
            prop_assert!(serde_json::from_str::<Value>(&answer).is_ok_and(|answer| answer["error"].is_string()));
        }
    }
}
