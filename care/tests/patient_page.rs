//! One patient's page, who has read it, and a reading down to its bytes: what each must show, and to whom.
//!
//! What is expected comes from the picture of the page, from the month in `svea`, and from the access rules.

#![cfg(feature = "web")]

// Shared with the other tests of the web; each uses its own part.
#[allow(dead_code)]
mod house;
mod svea;

use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode, header};
use care::store::sql;
use house::{House, NOW, PASSWORD, at, patient};
use tower::ServiceExt;
use vitals::ReadingId;

struct Scene {
    house: House,
    last: ReadingId,
    odd: ReadingId,
}

impl Scene {
    /// The house with Svea's month, her task resting on her last weighing.
    async fn set() -> Self {
        let house = House::build().await;
        let mut tx = house.state.store.write().await.expect("a transaction");
        let (last, odd) = svea::month(&mut tx, at("2026-04-22T05:04:00Z")).await;
        sql::query(
            "INSERT INTO finding_reading (finding, position, reading)
             SELECT finding.id, 0, $1 FROM finding JOIN task ON task.id = finding.task WHERE task.patient = 'svea'",
        )
        .bind(last.as_str())
        .execute(&mut tx)
        .await
        .expect("rests");
        tx.commit().await.expect("commits");
        Self { house, last, odd }
    }

    async fn get(&self, login: &str, path: &str) -> (StatusCode, String) {
        let store = &self.house.state.store;
        let token = care::accounts::log_in(store, login, PASSWORD, at(NOW)).await.expect("signs in");
        let request = Request::get(path)
            .header(header::COOKIE, format!("vagen_session={}", token.reveal()))
            .header(header::ACCEPT, "text/html")
            .body(Body::empty())
            .expect("a request");
        let router = care::web::router(self.house.state.clone());
        let response = router.oneshot(request).await.expect("answers");
        let status = response.status();
        let bytes = to_bytes(response.into_body(), usize::MAX).await.expect("a body");
        (status, String::from_utf8_lossy(&bytes).into_owned())
    }
}

#[tokio::test]
async fn the_page_says_what_the_picture_says() {
    let scene = Scene::set().await;
    let (status, page) = scene.get("anna", "/patients/svea").await;
    assert_eq!(status, StatusCode::OK);
    let expected = [
        // Who, and why it is seen.
        "Svea Test",
        "89 år, född 31 januari 1937",
        "Hjärtsviktsmottagningen och Hemtjänst Centrum. Du ser detta för att: vårdrelation.",
        "href=\"/patients/svea/readers\"",
        // The sentence under the chart: the month ends 2.4 kg above the last 78.2, which stood six days before.
        "Vikten har ökat 2,4 kg på 6 dagar, till 80,6 kg.",
        "61,2\u{202f}kg, oklart vem</text>",
        "80,6\u{202f}kg</text>",
        // The last answers: 2, 1 and 1.
        "Senaste svar 22 april: andfåddhet 2, svullnad 1, trötthet 1.",
        // What is to be done, and the way down to the reading.
        "+2,4 kg över det vanliga (78,2) på 6 dagar",
        "Väg dig varje morgon. Målvikt 78,0 kg.",
        "Bisoprolol 5 mg",
        "mätningen misslyckades",
        "rättad med känt fel (\u{2212}2\u{202f}h)",
    ];
    for words in expected {
        assert!(page.contains(words), "{words}");
    }
    assert!(page.contains(&format!("/readings/{}", scene.last)), "each line leads to its reading");
    assert!(!page.contains("style=\""), "the policy allows no inline style");
    assert!(!page.contains("[chart") && !page.contains("NaN"));
}

#[tokio::test]
async fn every_range_and_the_fragment_answer() {
    let scene = Scene::set().await;
    for days in [14, 30, 90, 365] {
        let (status, page) = scene.get("anna", &format!("/patients/svea?days={days}")).await;
        assert_eq!(status, StatusCode::OK);
        assert!(page.contains(&format!("days={days}\" aria-current=\"true\"")), "{days}");
    }
    let (status, part) = scene.get("anna", "/patients/svea?days=14&fragment=charts").await;
    assert_eq!(status, StatusCode::OK);
    assert!(part.contains("weight-wide-title") && !part.contains("<html"));
    let task = scene.house.task_of("svea").await;
    for (known, new) in [(task.as_str(), false), ("", true), ("another", true)] {
        let (_, part) = scene.get("anna", &format!("/patients/svea?fragment=news&known={known},")).await;
        assert_eq!(part.contains("En ny uppgift har öppnats."), new, "{known}");
    }
    let (status, _) = scene.get("anna", "/patients/svea?fragment=everything").await;
    assert_eq!(status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn the_page_is_in_english_for_who_reads_english() {
    let scene = Scene::set().await;
    let token =
        care::accounts::log_in(&scene.house.state.store, "anna", PASSWORD, at(NOW)).await.expect("signs in");
    let request = Request::get("/patients/svea")
        .header(header::COOKIE, format!("vagen_session={}; vagen_language=en", token.reveal()))
        .body(Body::empty())
        .expect("a request");
    let response = care::web::router(scene.house.state.clone()).oneshot(request).await.expect("answers");
    let bytes = to_bytes(response.into_body(), usize::MAX).await.expect("a body");
    let page = String::from_utf8_lossy(&bytes);
    for words in
        ["Weight rose 2.4 kg in 6 days, to 80.6 kg.", "Who has read this?", "not assessed", "care relation."]
    {
        assert!(page.contains(words), "{words}");
    }
}

#[tokio::test]
async fn a_patient_without_readings_is_told_what_would_be_here() {
    let scene = Scene::set().await;
    let mut tx = scene.house.state.store.write().await.expect("a transaction");
    sql::query("DELETE FROM reading WHERE patient = 'nils'").execute(&mut tx).await.expect("deletes");
    tx.commit().await.expect("commits");
    let (status, page) = scene.get("anna", "/patients/nils").await;
    assert_eq!(status, StatusCode::OK);
    for words in ["Inga mätningar de här dagarna", "Ingen plan är inskriven", "Inga läkemedel är inskrivna"]
    {
        assert!(page.contains(words), "{words}");
    }
}

#[tokio::test]
async fn only_those_in_the_care_see_anything_and_each_look_is_logged() {
    let scene = Scene::set().await;
    let reading = format!("/readings/{}", scene.last);
    for path in ["/patients/svea", "/patients/svea/readers", "/patients/svea/talk", reading.as_str()] {
        // The health centre has no care relation, the technician's role reads no records, the patient is no staff.
        for (login, status) in [("viggo", 403), ("tove", 403), ("svea", 403), ("anna", 200), ("kim", 200)] {
            let (found, page) = scene.get(login, path).await;
            assert_eq!(found.as_u16(), status, "{login} {path}");
            assert!(status == 200 || !page.contains("80,6"), "{login} {path}");
        }
    }
    let (_, page) = scene.get("kim", "/patients/svea").await;
    assert!(page.contains("Du ser detta för att: vårdrelation och samtycke 3 mars."));
    let (_, log) = scene.get("anna", "/patients/svea/readers").await;
    for words in [
        "Viggo Test",
        "Vårdcentralen, Region Exempel",
        "nekades",
        "ingen vårdrelation",
        "Kim Test",
        "läste journalen",
    ] {
        assert!(log.contains(words), "{words}");
    }
    assert!(log.contains("vårdrelation och samtycke 3 mars 2026"));
}

#[tokio::test]
async fn a_reading_is_shown_down_to_its_bytes_and_up_to_its_task() {
    let scene = Scene::set().await;
    let (status, page) = scene.get("anna", &format!("/readings/{}", scene.last)).await;
    assert_eq!(status, StatusCode::OK);
    let task = scene.house.task_of("svea").await;
    let task_link = format!("href=\"/tasks/{task}\"");
    let expected = [
        "80,6\u{202f}kg",
        // Device time, correction, corrected time in Stockholm, arrival twenty seconds later.
        "2026-04-22 09:04:00",
        "\u{2212}2\u{202f}h",
        "i dag 07:04:00",
        "i dag 07:04:20",
        "20\u{202f}s efter mätningen",
        "A&#38;D UC-352BLE",
        "546c0e000001",
        "gw-0001",
        "outbox-1",
        "<code>2a9d</code>, 10 byte",
        "<code>f8</code>",
        "vagen decode 2a9d 02f83eea070416090400",
        "+2,4 kg över det vanliga (78,2) på 6 dagar",
        &task_link,
    ];
    for words in expected {
        assert!(page.contains(words), "{words}");
    }
    let (_, odd) = scene.get("anna", &format!("/readings/{}", scene.odd)).await;
    assert!(odd.contains("Ej bedömd:") && odd.contains("oklart vem"));
}

#[tokio::test]
async fn what_is_not_there_is_not_found() {
    let scene = Scene::set().await;
    for path in [
        "/patients/nobody",
        "/patients/nobody/readers",
        "/readings/none",
        "/patients/%00",
        "/patients/svea/other",
    ] {
        let (status, _) = scene.get("anna", path).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{path}");
    }
}

#[tokio::test]
async fn a_name_with_markup_is_a_name() {
    let scene = Scene::set().await;
    let (status, page) = scene.get("anna", "/patients/elsa").await;
    assert_eq!(status, StatusCode::OK);
    assert!(!page.contains("<b>Test</b>"));
    let (status, own) = scene.get("svea", "/me/values").await;
    assert_eq!(status, StatusCode::OK);
    assert!(own.contains("weight-own-narrow-title") && own.contains("Blodtryck (övertryck/undertryck)"));
    assert_eq!(patient("elsa").as_str(), "elsa");
}
