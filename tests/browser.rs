//! The pages in a real browser: a task arrives on an open worklist, two people talk, and the task is closed, all of it
//! without a page being loaded again; and every page fits a phone.

use serde_json::json;

use support::browser::{Browser, Driver};
use support::mqtt::Gateway;
use support::{REGISTER, Serving, apply, export, house};

mod support;

/// A blood pressure by hand: systolic 70 is below every limit there is, so that two in a row must reach somebody.
fn pressure(seq: u64) -> serde_json::Value {
    let at = jiff::Timestamp::now() - jiff::SignedDuration::from_mins(20 - seq as i64);
    let device_time = at.strftime("%Y-%m-%dT%H:%M:%S").to_string();
    let hex = format!("164600280032000000000000000000460000{seq:02x}");
    json!({
        "v": 1, "gateway": "gw-0001", "outbox": "box-a", "seq": seq, "sealed_at": format!("{at:.3}"),
        "device": { "id": "546c0e000002", "model": "A&D UA-651BLE" },
        "measurement": {
            "kind": "blood_pressure", "outcome": "measured",
            "values": { "systolic_mmhg": 70, "diastolic_mmhg": 40, "mean_arterial_mmhg": 50, "pulse_per_min": 70 },
            "absent": {}, "device_time": device_time, "user_slot": null, "flags": [],
            "measured_at": format!("{device_time}.000Z"), "clock": "synced", "clock_offset_s": 0
        },
        "raw": { "characteristic": "2a35", "hex": hex }
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_arrives_live_is_talked_about_and_closed() {
    let (_kept, data) = house();
    apply(&data, REGISTER);
    let serving = Serving::start(&data);
    let base = serving.http.clone();
    let driver = Driver::start();

    let anna = driver.browser(1280).await;
    anna.sign_in(&base, "anna", "anna-password").await;
    anna.until("the worklist", "return location.pathname === '/worklist'").await;
    anna.says("Värden övervakas inte dygnet runt").await;
    anna.mark_page().await;

    let gateway = Gateway::connect(serving.mqtt_port(), "gw-0001");
    for seq in 1..=2 {
        gateway.up(pressure(seq).to_string());
    }
    gateway.receipt("box-a", 2);
    anna.says("Svea Test").await;
    assert!(anna.is_same_page().await, "the task came without the page being loaded again");

    anna.click("tr[data-task] .cell-why a").await;
    anna.until("the task's page", "return location.pathname.startsWith('/tasks/')").await;
    anna.says("Följ till mätningen").await;
    let page = anna.client.current_url().await.expect("an address");

    let svea = driver.browser(390).await;
    svea.sign_in(&base, "svea", "svea-password").await;
    svea.until("the patient's page", "return location.pathname.startsWith('/me')").await;
    svea.says("Ring 1177 för råd, 112 om det är akut").await;
    svea.goto(&format!("{base}/me/conversation")).await;
    svea.mark_page().await;

    anna.fill(".reply textarea", "Hej Svea, hur mår du?").await;
    anna.click(".reply button").await;
    svea.says("Hej Svea, hur mår du?").await;
    assert!(svea.is_same_page().await, "the nurse's message came without the page being loaded again");

    anna.goto(page.as_str()).await;
    anna.mark_page().await;
    svea.fill(".reply textarea", "Jag är lite yr.").await;
    svea.press(".reply button", "\u{e007}").await;
    anna.says("Jag är lite yr.").await;
    assert!(anna.is_same_page().await, "the patient's message came without the page being loaded again");

    anna.click("details[id^=close-] summary").await;
    anna.fill("textarea[id^=close-text-]", "Tar en tablett mindre").await;
    anna.click("button[name=outcome][value=phoned]").await;
    let closed = || export(&data, "tasks").into_iter().find(|task| task["status"] == "closed");
    let task = support::wait_for("the task to close", closed);
    assert_eq!((&task["outcome"], &task["owner"]), (&json!("phoned"), &json!("anna")));
    let said = task["conversation"].as_array().expect("messages");
    let authors: Vec<&str> = said.iter().filter_map(|message| message["author"].as_str()).collect();
    assert_eq!(authors[0], "system", "{authors:?}");
    assert!(authors.contains(&"Anna Test") && authors.contains(&"Svea Test"), "{authors:?}");

    pages_fit(&base, &driver, page.as_str(), &task).await;
    svea.close().await;
    anna.close().await;
}

/// Every page, at a desk and on a phone.
async fn pages_fit(base: &str, driver: &Driver, task_page: &str, task: &serde_json::Value) {
    let reading = task["reading_ids"][0].as_str().expect("a reading");
    for width in [1280, 390] {
        let browser = driver.browser(width).await;
        browser.sign_in(base, "anna", "anna-password").await;
        let patient = format!("{base}/patients/p1");
        let pages = [
            format!("{base}/worklist"),
            format!("{base}/patients"),
            task_page.to_owned(),
            patient.clone(),
            format!("{patient}/readers"),
            format!("{base}/readings/{reading}"),
        ];
        fit(&browser, width, &pages).await;
        browser.close().await;
    }
    let browser = driver.browser(390).await;
    browser.sign_in(base, "svea", "svea-password").await;
    let pages = ["", "/form", "/values", "/conversation", "/plan"].map(|page| format!("{base}/me{page}"));
    fit(&browser, 390, &pages).await;
    browser.close().await;
}

async fn fit(browser: &Browser, width: u32, pages: &[String]) {
    for page in pages {
        browser.goto(page).await;
        browser.fits(&format!("{page} at {width}")).await;
        let titled = browser
            .script("return document.querySelectorAll('h1').length === 1 && document.title !== ''")
            .await;
        assert_eq!(titled, json!(true), "{page} has one heading and a title");
    }
}

/// By keyboard alone, on a phone: each row is the answers, screen by screen, and what the end says. By the triage list.
#[tokio::test(flavor = "multi_thread")]
async fn questions_are_answered_by_keyboard_to_each_end_and_a_task_rests() {
    let (_kept, data) = house();
    apply(&data, REGISTER);
    let serving = Serving::start(&data);
    let base = serving.http.clone();
    let driver = Driver::start();
    let svea = driver.browser(390).await;
    svea.sign_in(&base, "svea", "svea-password").await;
    let rows: [(&[&[&str]], &str); 4] = [
        (&[&["none"], &["same"], &["none"]], "Fortsätt som vanligt"),
        (&[&["none"], &["worse"], &["dizzy", "cough"], &["bit"]], "En sjuksköterska läser dem"),
        (&[&["none"], &["same"], &["night"], &["woke"]], "så snart mottagningen är öppen"),
        (&[&["chest-stays"]], "Ring 112 nu"),
    ];
    for (screens, says) in rows {
        svea.goto(&format!("{base}/me/form")).await;
        for codes in screens {
            svea.fits(&format!("the question before {codes:?}")).await;
            for code in *codes {
                svea.press(&format!("input[name=answer][value={code}]"), " ").await;
            }
            svea.mark_page().await;
            svea.press("form.questions button", "\u{e007}").await;
            svea.until(
                "the next screen",
                "return window.markedByTest !== true && document.readyState === 'complete'",
            )
            .await;
        }
        svea.says(says).await;
        svea.fits(says).await;
    }
    svea.close().await;

    let anna = driver.browser(1280).await;
    anna.sign_in(&base, "anna", "anna-password").await;
    anna.says("Svaren leder till 112").await;
    anna.press("tr[data-task] .cell-why a", "\u{e007}").await;
    anna.until("the task's page", "return location.pathname.startsWith('/tasks/')").await;
    anna.press("details[id^=history-] summary", "\u{e007}").await;
    anna.says("visade uppmaningen att ringa 112").await;
    anna.press("details[id^=rest-] summary", "\u{e007}").await;
    let day = (jiff::Timestamp::now() + jiff::SignedDuration::from_hours(72)).strftime("%Y-%m-%d");
    anna.script(&format!("document.querySelector('input[name=until]').value = '{day}'")).await;
    anna.fill("textarea[name=why]", "Ambulans har hämtat henne").await;
    anna.press("form[action$='/snooze'] button", "\u{e007}").await;
    anna.says("Ambulans har hämtat henne").await;
    anna.goto(&format!("{base}/worklist?filter=unit")).await;
    let rows = |count| format!("return document.querySelectorAll('tr[data-task]').length === {count}");
    anna.until("the other task alone", &rows(1)).await;
    anna.says("Svarade på frågor: sämre; yr").await;
    anna.goto(&format!("{base}/worklist?filter=resting")).await;
    anna.until("the task that rests", &rows(1)).await;
    anna.says("Svaren leder till 112").await;
    anna.close().await;
}
