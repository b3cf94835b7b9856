//! Enrolment from outside: staff issue codes on a page, boxes send requests, certificates are renewed, taken back and replaced.
//!
//! What is expected comes from the promise: a code has one use and 24 hours, the certificate says which gateway it is whatever the
//! box asked for, and a refusal tells nothing about which codes there are.

#![cfg(feature = "web")]

#[allow(dead_code, reason = "each test file uses its own part")]
mod house;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode, header};
use care::access::{Subject, SubjectKind};
use care::admission::{gateways, replaced, streams};
use care::enrolment::attempts::Source;
use care::enrolment::certificates::{self, Ending};
use care::enrolment::enrol::{self, EnrolError};
use care::enrolment::staff::{self, Standing};
use care::enrolment::{Granted, renew, revocation};
use house::{House, NOW, PASSWORD, at};
use proptest::prelude::*;
use rcgen::{CertificateParams, KeyPair, SigningKey};
use serde_json::{Value, json};
use tower::ServiceExt;
use vitals::{GatewayId, Timestamp};

fn gateway() -> GatewayId {
    "gw-0001".parse().expect("an id")
}

fn technician() -> Subject {
    Subject {
        id: "tove".to_owned(),
        name: "Tove Test".to_owned(),
        login: "tove".to_owned(),
        language: care::language::Language::Sv,
        kind: SubjectKind::Staff {
            role: care::access::Role::Technician,
            unit: "hf".to_owned(),
            unit_name: "Hjärtsviktsmottagningen".to_owned(),
            organisation: "region".to_owned(),
        },
        must_change: false,
    }
}

/// A box with a key of its own.
struct HomeBox {
    key: KeyPair,
    csr: String,
}

impl HomeBox {
    fn new() -> Self {
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(["somebody-else".to_owned()]).expect("a name");
        let csr = params.serialize_request(&key).and_then(|request| request.pem()).expect("a request");
        Self { key, csr }
    }

    async fn enrol(&self, house: &House, code: &str, now: Timestamp) -> Result<Granted, EnrolError> {
        let body = json!({ "code": code, "csr": self.csr }).to_string();
        let source = Source::of(Some("192.0.2.1".parse().expect("an address")));
        enrol::enrol(&house.state.store, &house.state.enrolment, body.as_bytes(), source, now).await
    }

    /// Asks for `next`'s certificate, with the proof of this one's key over `said_at`.
    fn renewal(&self, certificate: &str, next: &HomeBox, said_at: &str) -> Value {
        let der = |pem: &str| x509_parser::pem::parse_x509_pem(pem.as_bytes()).expect("PEM").1.contents;
        let message = renew::message(said_at, &der(certificate), &der(&next.csr));
        let proof = vitals::hex::encode(&self.key.sign(message.as_bytes()).expect("signs"));
        json!({ "certificate": certificate, "csr": next.csr, "at": said_at, "proof": proof })
    }
}

async fn ask_renewal(house: &House, body: &Value, now: Timestamp) -> Result<Granted, EnrolError> {
    let source = Source::of(None);
    renew::renew(&house.state.store, &house.state.enrolment, body.to_string().as_bytes(), source, now).await
}

async fn code(house: &House, now: Timestamp) -> String {
    let state = &house.state;
    let fresh = staff::issue_code(&state.store, &state.enrolment, &technician(), &gateway(), now).await;
    fresh.expect("a code").code.to_string()
}

async fn enrolled(house: &House, now: Timestamp) -> (HomeBox, Granted) {
    let home_box = HomeBox::new();
    let granted = home_box.enrol(house, &code(house, now).await, now).await.expect("enrols");
    (home_box, granted)
}

fn common_name(pem: &str) -> String {
    let (_, block) = x509_parser::pem::parse_x509_pem(pem.as_bytes()).expect("PEM");
    block.parse_x509().expect("a certificate").subject().to_string()
}

async fn standing(house: &House, now: Timestamp) -> Standing {
    let mut reader = house.state.store.read().await.expect("a reader");
    staff::home_box(&mut reader, &gateway()).await.expect("reads").expect("registered").standing(now)
}

#[tokio::test]
async fn a_code_has_one_use_and_names_the_gateway() {
    let house = House::build().await;
    let now = at(NOW);
    let code = code(&house, now).await;
    let granted = HomeBox::new().enrol(&house, &code.to_lowercase(), now).await.expect("enrols");
    assert_eq!(common_name(&granted.certificate), "CN=gw-0001", "not what the box asked to be called");
    assert_eq!(
        (granted.gateway.as_str(), granted.broker.as_str()),
        ("gw-0001", "mqtts://broker.example:8883")
    );
    assert_eq!(standing(&house, now).await, Standing::Live { until: at("2026-07-21T08:18:00Z") });
    let again = HomeBox::new().enrol(&house, &code, now).await.expect_err("used");
    let never = HomeBox::new().enrol(&house, "ABCD-2345", now).await.expect_err("never issued");
    let misspelt = HomeBox::new().enrol(&house, "I0I0", now).await.expect_err("no code");
    assert_eq!((again.to_string(), misspelt.to_string()), (never.to_string(), never.to_string()));
}

/// To add a case, add a row: how long after it was issued a code is used, and whether it counts. 24 hours: the promise.
#[tokio::test]
async fn a_code_lives_for_a_day_and_only_the_last_one_counts() {
    let house = House::build().await;
    for (hours, minutes, counts) in [(0, 0, true), (23, 59, true), (24, 0, false), (24, 1, false)] {
        let code = code(&house, at(NOW)).await;
        let later = at(NOW).plus_millis(hours * Timestamp::HOUR_MS + minutes * Timestamp::MINUTE_MS);
        assert_eq!(HomeBox::new().enrol(&house, &code, later).await.is_ok(), counts, "{hours}:{minutes}");
    }
    let first = code(&house, at(NOW)).await;
    let second = code(&house, at(NOW)).await;
    assert!(HomeBox::new().enrol(&house, &first, at(NOW)).await.is_err(), "a newer one was issued");
    assert!(HomeBox::new().enrol(&house, &second, at(NOW)).await.is_ok());
}

#[tokio::test]
async fn of_many_boxes_with_one_code_exactly_one_enrols() {
    let house = House::build().await;
    let code = code(&house, at(NOW)).await;
    let boxes: Vec<HomeBox> = (0..8).map(|_| HomeBox::new()).collect();
    let tried = futures::future::join_all(boxes.iter().map(|one| one.enrol(&house, &code, at(NOW)))).await;
    assert_eq!(tried.iter().filter(|tried| tried.is_ok()).count(), 1, "{tried:?}");
    let mut reader = house.state.store.read().await.expect("a reader");
    assert_eq!(certificates::of(&mut reader, &gateway()).await.expect("reads").len(), 1);
}

#[tokio::test]
async fn a_request_that_cannot_be_signed_spends_no_code() {
    let house = House::build().await;
    let code = code(&house, at(NOW)).await;
    let wrong = HomeBox { csr: "no request".to_owned(), ..HomeBox::new() };
    assert!(matches!(wrong.enrol(&house, &code, at(NOW)).await, Err(EnrolError::Request(_))));
    assert!(HomeBox::new().enrol(&house, &code, at(NOW)).await.is_ok());
}

#[tokio::test]
async fn the_store_holds_no_code_that_could_be_used() {
    let house = House::build().await;
    let code = code(&house, at(NOW)).await;
    house.state.store.close().await;
    let bytes = std::fs::read(format!("{}/{}", house.state.store.address(), care::store::FILE_NAME))
        .expect("the store");
    for text in [code.clone(), code.replace('-', "")] {
        assert!(!bytes.windows(text.len()).any(|window| window == text.as_bytes()));
    }
}

#[tokio::test]
async fn guessing_is_slowed_down_and_logged() {
    let house = House::build().await;
    let (now, code) = (at(NOW), code(&house, at(NOW)).await);
    for _ in 0..10 {
        assert!(matches!(HomeBox::new().enrol(&house, "ABCD-2345", now).await, Err(EnrolError::Code)));
    }
    let held_off = HomeBox::new().enrol(&house, &code, now).await.expect_err("held off");
    assert!(matches!(held_off, EnrolError::TooMany { seconds: 600 }), "{held_off}");
    assert!(
        HomeBox::new().enrol(&house, &code, now.plus_millis(600_000)).await.is_ok(),
        "and only for a while"
    );
    let mut reader = house.state.store.read().await.expect("a reader");
    let log = care::audit::rows(&mut reader, None, None).await.expect("reads");
    let of = |decision: &str| {
        let tried =
            log.iter().filter(|row| row.entry.actor_kind == "gateway" && row.entry.decision == decision);
        tried.map(|row| row.entry.reason.clone()).collect::<Vec<_>>()
    };
    assert_eq!((of("denied").len(), of("allowed").len()), (10, 1));
    assert!(of("denied")[0].contains("192.0.2.1"), "{:?}", of("denied"));
    assert!(log.iter().any(|row| row.entry.action == "issue enrolment code" && row.entry.actor == "tove"));
}

#[tokio::test]
async fn the_old_key_vouches_for_the_new_one() {
    let house = House::build().await;
    let (old, granted) = enrolled(&house, at(NOW)).await;
    let (now, next) = (at(NOW).plus_days(60), HomeBox::new());
    let body = old.renewal(&granted.certificate, &next, &now.to_string());
    let renewed = ask_renewal(&house, &body, now).await.expect("renews");
    assert_eq!(common_name(&renewed.certificate), "CN=gw-0001");
    assert_ne!(renewed.certificate, granted.certificate);
    let again = ask_renewal(&house, &body, now).await.expect("the answer was lost");
    assert_eq!(again, renewed, "and asked again it is the same");
    let mut reader = house.state.store.read().await.expect("a reader");
    let all = certificates::of(&mut reader, &gateway()).await.expect("reads");
    assert_eq!(all.len(), 2);
    assert_eq!(all[0].ended, None);
    assert_eq!(all[1].ended, Some((now.plus_days(1), Ending::Superseded)), "a day for the change-over");
    drop(reader);
    let late = now.plus_days(1);
    let body = old.renewal(&granted.certificate, &HomeBox::new(), &late.to_string());
    assert!(matches!(ask_renewal(&house, &body, late).await, Err(EnrolError::Certificate)), "superseded");
}

/// To add a case, add a row: what is wrong with a renewal, and what is said.
#[tokio::test]
async fn a_renewal_without_the_key_or_the_time_is_refused() {
    let house = House::build().await;
    let (old, granted) = enrolled(&house, at(NOW)).await;
    let (stranger, next, now) = (HomeBox::new(), HomeBox::new(), at(NOW).plus_days(60));
    let said_at = now.to_string();
    let good = old.renewal(&granted.certificate, &next, &said_at);
    let with = |key: &str, value: Value| {
        let mut body = good.clone();
        body[key] = value;
        body
    };
    let early = now.plus_millis(-601_000).to_string();
    let self_made = CertificateParams::default().self_signed(&stranger.key).expect("signs").pem();
    let rows = [
        ("another's key", stranger.renewal(&granted.certificate, &next, &said_at), "cannot be renewed"),
        ("a certificate of nobody's", stranger.renewal(&self_made, &next, &said_at), "cannot be renewed"),
        ("a request that was put in later", with("csr", json!(HomeBox::new().csr)), "cannot be renewed"),
        ("a time that was put in later", with("at", json!("2026-06-21T08:17:00.000Z")), "cannot be renewed"),
        ("a proof that is none", with("proof", json!("00")), "cannot be renewed"),
        ("a proof that is no hex", with("proof", json!("no")), "cannot be renewed"),
        ("an old proof", old.renewal(&granted.certificate, &next, &early), "set the clock"),
        ("the same key again", old.renewal(&granted.certificate, &old, &said_at), "the old key"),
    ];
    for (what, body, says) in rows {
        let error = ask_renewal(&house, &body, now).await.expect_err(what).to_string();
        assert!(error.contains(says), "{what}: {error}");
    }
    let expired = at(NOW).plus_days(90);
    let body = old.renewal(&granted.certificate, &next, &expired.to_string());
    assert!(matches!(ask_renewal(&house, &body, expired).await, Err(EnrolError::Certificate)), "expired");
    staff::revoke(&house.state.store, &technician(), &gateway(), now).await.expect("revokes");
    assert!(matches!(ask_renewal(&house, &good, now).await, Err(EnrolError::Certificate)), "revoked");
}

#[tokio::test]
async fn what_is_revoked_is_on_the_list_until_it_is_seen_to_be_refused() {
    let house = House::build().await;
    let (_, granted) = enrolled(&house, at(NOW)).await;
    let code = code(&house, at(NOW)).await;
    let (store, authority) = (&house.state.store, &house.state.enrolment.authority);
    let now = at(NOW).plus_millis(1000);
    assert_eq!(staff::revoke(store, &technician(), &gateway(), now).await.expect("revokes"), 1);
    assert_eq!(staff::revoke(store, &technician(), &gateway(), now).await.expect("again"), 0);
    assert!(HomeBox::new().enrol(&house, &code, now).await.is_err(), "the code was taken back too");
    let mut reader = store.read().await.expect("a reader");
    let open = revocation::unenforced(&mut reader, now).await.expect("reads");
    assert!(open.len() == 1 && open[0].ends_session && open[0].since == now, "{open:?}");
    let first = revocation::list(store, authority, now).await.expect("a list");
    let second = revocation::list(store, authority, now).await.expect("another within the second");
    let (serial, one, two) = (serial_of(&granted.certificate), facts(&first.pem), facts(&second.pem));
    assert!(one.0.contains(&serial) && one.0.contains(&first.telltale.issued.serial), "{one:?}");
    assert!(two.0.contains(&serial) && !two.0.contains(&first.telltale.issued.serial), "{two:?}");
    assert!(two.1 > one.1 && two.2 > one.2, "a broker goes by the later one: {one:?} {two:?}");
    assert!(matches!(
        standing(&house, now).await,
        Standing::Ended { why: Ending::Revoked, enforced_at: None, .. }
    ));
    revocation::enforced(store, &open, now.plus_millis(5)).await.expect("notes");
    assert!(revocation::unenforced(&mut reader, now).await.expect("reads").is_empty());
}

fn serial_of(pem: &str) -> String {
    let (_, block) = x509_parser::pem::parse_x509_pem(pem.as_bytes()).expect("PEM");
    vitals::hex::encode(block.parse_x509().expect("a certificate").raw_serial())
}

/// The serial numbers on a list, its number, and its time.
fn facts(pem: &str) -> (Vec<String>, String, i64) {
    let (_, block) = x509_parser::pem::parse_x509_pem(pem.as_bytes()).expect("PEM");
    let (_, list) = x509_parser::parse_x509_crl(&block.contents).expect("a list");
    let serials = list.iter_revoked_certificates().map(|one| vitals::hex::encode(one.raw_serial())).collect();
    (serials, format!("{:09}", list.crl_number().expect("a number")), list.last_update().timestamp())
}

/// Numbers by hand: 1 to 3 and 5 came, the last heartbeat said 9, so 4, 6, 7, 8 and 9 are missing.
#[tokio::test]
async fn a_replaced_box_is_shut_out_and_what_it_held_is_counted() {
    let house = House::build().await;
    let store = &house.state.store;
    enrolled(&house, at(NOW)).await;
    let outbox = "old".parse().expect("a label");
    let mut tx = store.write().await.expect("a transaction");
    let stream = streams::begin(&mut tx, &gateway(), &outbox).await.expect("begins");
    for seq in [1_u64, 2, 3, 5] {
        let seq = vitals::Seq::new(seq).expect("a number");
        streams::decide(&mut tx, stream.id, seq, "h", streams::Verdict::Stored).await.expect("decides");
    }
    let stands = streams::Stream { through: 3, highest: 5, gap_since: Some(at(NOW)), ..stream.clone() };
    streams::note(&mut tx, &stands, at(NOW)).await.expect("notes");
    let beat = serde_json::from_value(
        json!({ "v": 1, "gateway": "gw-0001", "at": NOW, "outbox": "old", "last_seq": 9,
        "unreceipted": 6, "devices": [] }),
    );
    gateways::beat(&mut tx, &beat.expect("a heartbeat"), at(NOW)).await.expect("keeps");
    tx.commit().await.expect("commits");
    let now = at(NOW).plus_millis(60_000);
    let mut reader = store.read().await.expect("a reader");
    assert_eq!(
        streams::gapped(&mut reader, now).await.expect("reads").len(),
        1,
        "it is asked for while the box is there"
    );

    let fresh = staff::replace(store, &house.state.enrolment, &technician(), &gateway(), now)
        .await
        .expect("replaces");
    assert!(matches!(standing(&house, now).await, Standing::Ended { why: Ending::Replaced, .. }));
    assert!(streams::gapped(&mut reader, now).await.expect("reads").is_empty(), "nobody is left to ask");
    let untold = replaced::untold(&mut reader).await.expect("reads");
    assert_eq!(
        untold.iter().map(|one| (one.through, one.last, one.missing)).collect::<Vec<_>>(),
        [(3, 9, 5)]
    );
    let granted =
        HomeBox::new().enrol(&house, &fresh.code.to_string(), now).await.expect("the new box enrols");
    assert_eq!(common_name(&granted.certificate), "CN=gw-0001");

    let mut tx = store.write().await.expect("a transaction");
    replaced::told(&mut tx, stream.id, now).await.expect("notes");
    streams::note(&mut tx, &stands, now.plus_millis(1000)).await.expect("a last message on its way");
    tx.commit().await.expect("commits");
    assert!(streams::gapped(&mut reader, now).await.expect("reads").is_empty());
    let mut tx = store.write().await.expect("a transaction");
    streams::note(&mut tx, &stands, now.plus_millis(600_000)).await.expect("the old disk in the new box");
    tx.commit().await.expect("commits");
    assert_eq!(
        streams::gapped(&mut reader, now).await.expect("reads").len(),
        1,
        "it speaks again and is asked again"
    );
    assert!(replaced::untold(&mut reader).await.expect("reads").is_empty());
}

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
