//! Enrolment from outside: staff issue codes on a page, boxes send requests, certificates are renewed, taken back and replaced.
//!
//! What is expected comes from the promise: a code has one use and 24 hours, the certificate says which gateway it is whatever the
//! box asked for, and a refusal tells nothing about which codes there are.

#![cfg(feature = "web")]

mod ending;
#[allow(dead_code, reason = "each test file uses its own part")]
#[path = "../house/mod.rs"]
mod house;
mod pages;

use care::access::{Subject, SubjectKind};
use care::enrolment::attempts::Source;
use care::enrolment::certificates::{self, Ending};
use care::enrolment::enrol::{self, EnrolError};
use care::enrolment::staff::{self, Standing};
use care::enrolment::{Granted, renew};
use house::{House, NOW, at};
use rcgen::{CertificateParams, KeyPair, SigningKey};
use serde_json::{Value, json};
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
    // Whichever database it is in: the same rows in one file.
    let folder = tempfile::tempdir().expect("a folder");
    let file = care::store::Store::open(folder.path()).await.expect("opens");
    let rows = care::store::copy::copy(&house.state.store, &file, |_| ()).await.expect("copies");
    assert!(rows.iter().any(|copied| copied.table == "enrolment_code" && copied.rows == 1), "{rows:?}");
    file.close().await;
    let bytes = std::fs::read(folder.path().join(care::store::FILE_NAME)).expect("the store");
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
