//! HTTPS by the server itself, and a box that enrols over it.

use std::path::Path;
use std::sync::Arc;

use care::clock::Clock;
use care::enrolment::authority::Purpose;
use care::enrolment::{Authority, Enrolment, staff};

use crate::support::{self, Serving, apply, run, stderr, vagen_gateway, wait_for};

/// A certificate for 127.0.0.1 and its key, by an authority in `folder`, which is left as `ca.pem`.
fn certify(folder: &Path) {
    let now = Clock::system().now();
    let authority = Authority::open(&folder.join("https"), now).expect("an authority");
    let made = authority.make(&Purpose::Broker(["127.0.0.1".to_owned()].into()), now).expect("makes");
    for (name, text) in
        [("ca.pem", authority.certificate_pem()), ("tls.pem", &made.issued.pem), ("tls.key", &made.key_pem)]
    {
        std::fs::write(folder.join(name), text).expect("writes");
    }
}

/// The certificate that the server shows, as far as this client believes it, and the headers of its first page.
fn visit(base: &str, ca: &Path) -> Result<ureq::http::HeaderMap, ureq::Error> {
    let pem = std::fs::read(ca).expect("an authority");
    let roots = [ureq::tls::Certificate::from_pem(&pem).expect("PEM")];
    let tls = ureq::tls::TlsConfig::builder()
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .root_certs(ureq::tls::RootCerts::new_with_certs(&roots))
        .build();
    let agent: ureq::Agent = ureq::Agent::config_builder().tls_config(tls).max_redirects(0).build().into();
    Ok(agent
        .post(format!("{base}/login"))
        .send_form([("login", "anna"), ("password", "anna-password")])?
        .headers()
        .clone())
}

async fn code(data: &Path) -> String {
    let now = Clock::system().now();
    let store = care::store::trial::open(data).await.expect("the store");
    let enrolment = Enrolment::new(Authority::open(data, now).expect("the authority"), "");
    let subject = care::access::Subject {
        id: "tove".to_owned(),
        name: "Tove Test".to_owned(),
        login: "tove".to_owned(),
        language: care::language::Language::Sv,
        kind: care::access::SubjectKind::Patient,
        must_change: false,
    };
    let gateway = "gw-0001".parse().expect("an id");
    let fresh = staff::issue_code(&store, &enrolment, &subject, &gateway, now).await.expect("a code");
    store.close().await;
    fresh.code.to_string()
}

#[tokio::test]
async fn the_server_speaks_https_and_takes_up_a_new_certificate() {
    let (folder, data) = support::house();
    certify(folder.path());
    let file = |name: &str| folder.path().join(name);
    let config = file("serve.toml");
    let text = format!("[tls]\ncertificate = {:?}\nkey = {:?}\n", file("tls.pem"), file("tls.key"));
    std::fs::write(&config, text).expect("writes");
    apply(&data, support::REGISTER);
    let serving =
        Serving::start_with(&data, &["--mqtt", "0", "--config", config.to_str().expect("text")], &[]);
    assert!(serving.http.starts_with("https://127.0.0.1:"), "{}", serving.http);
    let headers = visit(&serving.http, &file("ca.pem")).expect("answers");
    let header =
        |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    assert!(header("strict-transport-security").contains("max-age=31536000"), "{headers:?}");
    assert!(header("set-cookie").contains("Secure"), "{headers:?}");

    let out = folder.path().join("box");
    let enrol = |code: &str, ca: Option<&Path>| {
        let mut command = vagen_gateway();
        command.args(["enrol", "--server", &serving.http, "--code", code, "--out"]).arg(&out);
        if let Some(ca) = ca {
            command.arg("--ca").arg(ca);
        }
        run(&mut command)
    };
    let code = code(&data).await;
    let unbelieved = enrol(&code, None);
    assert_eq!(unbelieved.status.code(), Some(1), "nobody vouches for the server: {}", stderr(&unbelieved));
    assert!(!out.join("gateway.pem").exists());
    let enrolled = enrol(&code, Some(&file("ca.pem")));
    assert!(enrolled.status.success(), "{}", stderr(&enrolled));
    assert!(std::fs::read_to_string(out.join("gateway.pem")).expect("there").contains("PRIVATE KEY"));

    std::fs::remove_dir_all(folder.path().join("https")).expect("removed");
    let old = file("old-ca.pem");
    std::fs::copy(file("ca.pem"), &old).expect("copies");
    certify(folder.path());
    support::signal(serving.pid(), "HUP");
    wait_for("the new certificate", || visit(&serving.http, &file("ca.pem")).ok());
    assert!(visit(&serving.http, &old).is_err(), "the old authority's is gone");
    let (ended, _) = serving.terminate();
    assert!(ended.success(), "{ended}");
}
