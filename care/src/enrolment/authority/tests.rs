use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::enrolment::request;

fn at(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

fn now() -> Timestamp {
    at("2026-04-22T08:18:00.500Z")
}

fn authority() -> (tempfile::TempDir, Authority) {
    let folder = tempfile::tempdir().expect("a folder");
    let authority = Authority::open(folder.path(), now()).expect("an authority");
    (folder, authority)
}

fn gateway_key() -> GatewayKey {
    request::read(include_str!("../../../tests/enrolment/openssl-p256.csr")).expect("a request")
}

/// What a certificate says, read by another library than the one that wrote it.
fn said<T>(pem: &str, ask: impl FnOnce(&x509_parser::certificate::X509Certificate<'_>) -> T) -> T {
    let (_, block) = x509_parser::pem::parse_x509_pem(pem.as_bytes()).expect("PEM");
    ask(&block.parse_x509().expect("a certificate"))
}

#[test]
fn it_is_made_once_and_for_its_owner_alone() {
    let (folder, first) = authority();
    let again = Authority::open(folder.path(), now().plus_days(1)).expect("opens");
    assert_eq!(first.certificate_pem(), again.certificate_pem());
    assert_eq!(first.code_secret(), again.code_secret());
    let mode = |name: &str| {
        std::fs::metadata(folder.path().join(FOLDER).join(name)).expect("there").permissions().mode() & 0o777
    };
    assert_eq!((mode(""), mode("ca.key")), (0o700, 0o600));
    let other = tempfile::tempdir().expect("a folder");
    let other = Authority::open(other.path(), now()).expect("another");
    assert_ne!(first.certificate_pem(), other.certificate_pem());
}

#[test]
fn whoever_makes_it_second_has_the_same_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let made: Vec<_> = std::thread::scope(|scope| {
        let open = || Authority::open(folder.path(), now()).expect("opens").certificate_pem().to_owned();
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(open)).collect();
        threads.into_iter().map(|thread| thread.join().expect("ends")).collect()
    });
    assert!(made.iter().all(|one| *one == made[0]), "{made:?}");
    let left = std::fs::read_dir(folder.path()).expect("reads").count();
    assert_eq!(left, 1, "what lost is cleared away");
}

/// Expected: RFC 5280, 4.2.1.3 and 4.2.1.12, and the lifetimes of the module's documentation.
#[test]
fn a_gateway_certificate_is_good_for_that_gateway_as_a_client() {
    let (_folder, authority) = authority();
    let gateway: GatewayId = "gw-0001".parse().expect("an id");
    let issued = authority.sign_gateway(&gateway, &gateway_key(), now()).expect("signs");
    assert_eq!(issued.not_after, at("2026-07-21T08:18:00Z"), "90 days after 22 April, in whole seconds");
    let own = said(authority.certificate_pem(), |ca| ca.public_key().raw.to_vec());
    said(&issued.pem, |certificate| {
        assert_eq!(certificate.subject().to_string(), "CN=gw-0001", "not the x that the request asked for");
        assert_eq!(certificate.validity().not_after.timestamp() * 1000, issued.not_after.as_millis());
        assert_eq!(
            certificate.validity().not_before.timestamp() * 1000,
            at("2026-04-22T08:08:00Z").as_millis()
        );
        assert_eq!(vitals::hex::encode(certificate.raw_serial()), issued.serial);
        let usage = certificate.extended_key_usage().expect("reads").expect("there").value;
        assert!(usage.client_auth && !usage.server_auth && !usage.any);
        assert!(!certificate.is_ca());
        let (_, ca) = x509_parser::x509::SubjectPublicKeyInfo::from_der(&own).expect("a key");
        assert!(certificate.verify_signature(Some(&ca)).is_ok());
    });
}

/// A minute from 08:18:00; it counts from a tenth of it before, so that two thirds of it are not over before it is there.
#[test]
fn a_gateway_certificate_lives_as_long_as_the_operator_says() {
    let (_folder, authority) = authority();
    let authority = authority.with_gateway_life("1 minute".parse().expect("a life"));
    let issued = authority.sign_gateway(&"gw-0001".parse().expect("an id"), &gateway_key(), now());
    let issued = issued.expect("signs");
    assert_eq!(issued.not_after, at("2026-04-22T08:19:00Z"));
    said(&issued.pem, |certificate| {
        let not_before = certificate.validity().not_before.timestamp() * 1000;
        assert_eq!(not_before, at("2026-04-22T08:17:54Z").as_millis());
    });
}

use x509_parser::prelude::FromDer;

/// To add a purpose, add a row.
#[test]
fn our_own_certificates_have_names_that_no_gateway_can_have() {
    let (_folder, authority) = authority();
    let broker = Purpose::Broker(["broker.example".to_owned(), "127.0.0.1".to_owned()].into());
    let rows = [
        (Purpose::Server, "CN=vagen:server", true),
        (Purpose::Telltale, "CN=vagen:revoked", true),
        (broker, "CN=vagen:broker", false),
        (Purpose::Seat("gw-0001".parse().expect("an id")), "CN=gw-0001", true),
    ];
    for (purpose, name, is_client) in rows {
        let identity = authority.make(&purpose, now()).expect("makes");
        said(&identity.issued.pem, |certificate| {
            assert_eq!(certificate.subject().to_string(), name);
            let usage = certificate.extended_key_usage().expect("reads").expect("there").value;
            assert_eq!((usage.client_auth, usage.server_auth), (is_client, !is_client), "{name}");
        });
        assert!(rcgen::KeyPair::from_pem(&identity.key_pem).is_ok());
        let is_id = name.trim_start_matches("CN=").parse::<GatewayId>().is_ok();
        assert_eq!(is_id, matches!(purpose, Purpose::Seat(_)), "{name}");
    }
}

#[test]
fn the_list_names_what_is_revoked_and_does_not_expire() {
    let (_folder, authority) = authority();
    let serial = "4102030405060708090a0b0c0d0e0f10".to_owned();
    let revoked = [Revoked { serial: serial.clone(), at: now(), superseded: false }];
    let pem = authority.revocation_list(7, now(), &revoked).expect("signs");
    let (_, block) = x509_parser::pem::parse_x509_pem(pem.as_bytes()).expect("PEM");
    let (_, list) =
        x509_parser::revocation_list::CertificateRevocationList::from_der(&block.contents).expect("a list");
    let named: Vec<String> =
        list.iter_revoked_certificates().map(|one| vitals::hex::encode(one.raw_serial())).collect();
    assert_eq!(named, [serial]);
    assert_eq!(list.last_update().timestamp(), at("2026-04-22T08:18:00Z").as_millis() / 1000);
    let years =
        (list.next_update().expect("there").timestamp() - list.last_update().timestamp()) / 86_400 / 365;
    assert_eq!(years, 20);
    assert_eq!(list.crl_number().map(|number| number.to_string()).as_deref(), Some("7"));
}

/// Each row is a pair of files that is none: made from two authorities and a gateway's certificate.
#[test]
fn files_that_are_no_authority_are_refused_by_name() {
    let (one, first) = authority();
    let (two, _second) = authority();
    let leaf = one.path().join("leaf.pem");
    let pem =
        first.sign_gateway(&"gw-0001".parse().expect("an id"), &gateway_key(), now()).expect("signs").pem;
    std::fs::write(&leaf, pem).expect("writes");
    let path = |of: &tempfile::TempDir, name: &str| of.path().join(FOLDER).join(name);
    let rows = [
        (path(&one, "ca.pem"), path(&two, "ca.key"), "is not the key"),
        (path(&one, "ca.key"), path(&one, "ca.key"), "holds no certificate"),
        (path(&one, "ca.pem"), path(&one, "ca.pem"), "holds no private key"),
        (leaf, path(&one, "ca.key"), "is not the self-signed certificate"),
        (path(&one, "gone.pem"), path(&one, "ca.key"), "No such file"),
    ];
    for (certificate, key, expected) in rows {
        let error = Authority::from_files(&certificate, &key).expect_err("refused").to_string();
        assert!(error.contains(expected), "{error}");
    }
    assert!(Authority::from_files(&path(&one, "ca.pem"), &path(&one, "ca.key")).is_ok());
}

/// To add a case, add a row. Two years by the constant's documentation: half of it is 365 days.
#[test]
fn a_brokers_certificate_is_kept_for_half_of_its_time() {
    let ((_one, authority), (_two, other)) = (authority(), authority());
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
    let own = names(&["broker.example", "127.0.0.1", "::1"]);
    let pem = authority.make(&Purpose::Broker(own.clone()), now()).expect("makes").issued.pem;
    let rows = [
        (&authority, own.clone(), 0, true),
        (&authority, names(&["::1", "127.0.0.1", "broker.example"]), 364, true),
        (&authority, own.clone(), 366, false),
        (&authority, names(&["broker.example"]), 0, false),
        (&other, own, 0, false),
    ];
    for (authority, names, days, expected) in rows {
        assert_eq!(is_current(authority, &pem, &names, now().plus_days(days)), expected, "{names:?} {days}");
    }
    assert!(!is_current(&authority, "", &BTreeSet::new(), now()));
}
