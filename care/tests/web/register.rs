//! The register in the dashboard.

use axum::http::StatusCode;

use crate::browser::{Browser, Sent};
use crate::house::{House, PASSWORD};

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
