//! Plans, policies and quarantine from outside: who may say what about whom, what is refused, and what a person is told. Limits
//! and words are those of the policies and of the pages' promises.

#![cfg(feature = "web")]

#[allow(dead_code, reason = "each test file uses its own part")]
mod house;
mod visitor;

use care::plans::{self, Plan};
use care::policies::{Book, Scope};
use care::store::sql;
use house::{House, NOW, at, patient};
use visitor::Visitor;

const OURS: &str = include_str!("../../alerts/policies/recommended.toml");

/// A form, what is written in it, and what a page then says.
type Row = (&'static str, &'static [(&'static str, &'static str)], &'static str);

fn ours() -> String {
    OURS.replacen("\"recommended\"", "\"ours\"", 1)
        .replacen(
            &format!("\nversion = \"{}\"", alerts::Policy::recommended().version()),
            "\nversion = \"1\"",
            1,
        )
        .replacen("symptom_form_days = 2 ", "symptom_form_days = 3 ", 1)
}

async fn plan_of(house: &House, id: &str) -> Plan {
    let mut reader = house.state.store.read().await.expect("a reader");
    Plan::of(&plans::history(&mut reader, &patient(id)).await.expect("reads"), at(NOW))
}

#[tokio::test]
async fn a_nurse_says_what_holds_and_the_page_and_the_patient_show_it() {
    let house = House::build().await;
    let anna = Visitor::signed_in(&house, "anna").await;
    let rows: [Row; 6] = [
        ("target", &[("target_kg", "77,5"), ("reason", "torr")], "Målvikt 77,5 kg"),
        ("limits", &[("blood_pressure.systolic_high_mmhg", "150"), ("reason", "högt")], "Övertryck över 150"),
        ("schedule", &[("symptoms-1", "1"), ("symptoms-4", "1"), ("reason", "orkar inte")], "mån, tors"),
        (
            "diuretic",
            &[("diuretic", "Vid +2 kg: en extra tablett i tre dagar."), ("reason", "dr T")],
            "extra tablett",
        ),
        (
            "pause",
            &[("from", "2026-04-25T08:00"), ("until", "2026-05-02T20:00"), ("reason", "resa")],
            "Paus från",
        ),
        ("words", &[("words", "Väg dig på morgonen."), ("reason", "kortare")], "Väg dig på morgonen"),
    ];
    for (what, fields, said) in rows {
        let answer = anna.post(&format!("/patients/svea/plan/{what}"), fields).await;
        assert_eq!(answer.status, 303, "{what}: {}", answer.words());
        let page = anna.get("/patients/svea/plan").await;
        assert!(page.words().contains(said), "{what}: {}", page.words());
        assert!(page.words().contains(fields.last().expect("a reason").1), "why is in the history");
    }
    let plan = plan_of(&house, "svea").await;
    assert_eq!(plan.target_kg, Some(77.5));
    assert_eq!(plan.limits.get("blood_pressure.systolic_high_mmhg"), Some(150.0));
    let own = Visitor::signed_in(&house, "svea").await.get("/me/plan").await.words();
    for said in ["77,5", "extra tablett", "mån, tors", "Du behöver inte mäta"] {
        assert!(own.contains(said), "{said}: {own}");
    }
    let of_patient = anna.get("/patients/svea").await.words();
    assert!(of_patient.contains("Målvikt 77,5"), "{of_patient}");
}

/// To add a case, add a row: the form, what is written, and what the page says. The ranges are the policy's.
#[tokio::test]
async fn what_cannot_hold_is_refused_shown_again_and_changes_nothing() {
    let house = House::build().await;
    let anna = Visitor::signed_in(&house, "anna").await;
    let rows: [Row; 8] = [
        ("limits", &[("blood_pressure.systolic_high_mmhg", "1500"), ("reason", "x")], "Övertryck över"),
        ("limits", &[("blood_pressure.systolic_high_mmhg", "hög"), ("reason", "x")], "kan inte läsas"),
        ("limits", &[("blood_pressure.systolic_high_mmhg", "150"), ("reason", " ")], "Skriv varför"),
        (
            "limits",
            &[("pulse.low_per_min", "79"), ("pulse.high_per_min", "75"), ("reason", "x")],
            "fel ordning",
        ),
        ("target", &[("target_kg", "780"), ("reason", "x")], "25 och 300"),
        (
            "pause",
            &[("from", "2026-04-25T08:00"), ("until", "2027-04-25T08:00"), ("reason", "x")],
            "120 dagar",
        ),
        ("admission", &[("at", "2026-04-25T08:00"), ("reason", "x")], "har redan hänt"),
        ("pause-end", &[("pause", "7"), ("reason", "x")], "redan slut"),
    ];
    for (what, fields, said) in rows {
        let answer = anna.post(&format!("/patients/svea/plan/{what}"), fields).await;
        assert_eq!(answer.status, 422, "{what} {fields:?}");
        assert!(answer.words().contains(said), "{said}: {}", answer.words());
        assert!(
            fields[0].0.ends_with("at")
                || what == "pause"
                || what == "pause-end"
                || answer.text.contains(fields[0].1)
        );
    }
    assert_eq!(plan_of(&house, "svea").await, Plan::default());
}

/// A municipal nurse with a care relation says that somebody is away; limits are a clinician's. Who has no part says nothing.
#[tokio::test]
async fn who_may_say_what_follows_from_role_and_relation() {
    let house = House::build().await;
    let rows = [
        ("kim", "svea", "admission", 303),
        ("kim", "svea", "target", 403),
        ("kim", "nils", "admission", 403),
        ("tove", "svea", "admission", 403),
        ("adam", "svea", "target", 403),
        ("svea", "svea", "admission", 403),
        ("anna", "nobody", "target", 404),
    ];
    for (login, whose, what, status) in rows {
        let fields = [("at", "2026-04-22T08:00"), ("target_kg", "70"), ("reason", "x")];
        let answer = Visitor::signed_in(&house, login)
            .await
            .post(&format!("/patients/{whose}/plan/{what}"), &fields)
            .await;
        assert_eq!(answer.status, status, "{login} {whose} {what}: {}", answer.words());
    }
}

#[tokio::test]
async fn a_policy_is_taken_in_tried_on_ones_own_patients_and_switched_on() {
    let house = House::build().await;
    let anna = Visitor::signed_in(&house, "anna").await;
    let wrong = anna
        .post("/policies", &[("policy", &ours().replacen("\nalarm_points = ", "\nalarm_points = 9", 1))])
        .await;
    assert_eq!(wrong.status, 422);
    assert!(wrong.words().contains("example"), "{}", wrong.words());
    assert_eq!(anna.post("/policies", &[("policy", &ours())]).await.status, 303);
    let read = anna.get("/policies/ours/1").await.words();
    assert!(read.contains("0 tal skiljer") && read.contains("BEATHF, with symptoms"), "{read}");
    let kim = Visitor::signed_in(&house, "kim").await;
    assert_eq!(kim.get("/policies/ours/1").await.status, 200, "everybody in care may read the rules");
    assert_eq!(kim.post("/policies/ours/1", &[("scope", "unit:centrum")]).await.status, 403);
    assert_eq!(anna.post("/policies/ours/1", &[("scope", "unit:vc")]).await.status, 403, "not her unit");
    let started = anna.post("/policies/ours/1", &[("scope", "unit:hf")]).await;
    assert_eq!(started.status, 303, "{}", started.words());
    let page = anna.until(started.location(), "Slå på").await;
    // All six patients have hf first; both policies are the same rules, so nothing differs.
    assert!(
        page.words().contains("6 patienter") && page.words().contains("6 av dem utan skillnad"),
        "{}",
        page.words()
    );
    let maria = Visitor::signed_in(&house, "maria").await;
    assert_eq!(maria.get(started.location()).await.status, 404, "what was tried is shown to who tried it");
    let switch = format!("{}/switch-on", started.location());
    assert_eq!(anna.post(&switch, &[("reason", "")]).await.status, 422);
    assert_eq!(anna.post(&switch, &[("reason", "prövat på våra")]).await.status, 303);
    assert_eq!(anna.post(&switch, &[("reason", "igen")]).await.status, 422, "it stands already");
    let stands = anna.get("/policies").await.words();
    assert!(stands.contains("ours 1 av Anna Test") && stands.contains("prövat på våra"), "{stands}");
    let mut reader = house.state.store.read().await.expect("reads");
    let facts = care::people::facts(&mut reader, &patient("svea")).await.expect("reads").expect("svea");
    drop(reader);
    let book = Book::load(&mut house.state.store.read().await.expect("reads")).await.expect("loads");
    assert_eq!(book.standing(&facts, at(NOW)).policy.name(), "ours");
    assert_eq!(book.standing(&facts, at("2026-04-22T08:17:59Z")).policy.name(), "recommended", "not before");
    let off = [("scope", "unit"), ("target", "hf"), ("reason", "tillbaka")];
    assert_eq!(anna.post("/policies/switch-off", &off).await.status, 303);
    let book = Book::load(&mut house.state.store.read().await.expect("reads")).await.expect("loads");
    assert_eq!(book.standing(&facts, at(NOW)).policy.name(), "recommended");
    assert!(book.switched_on(&Scope::Unit("hf".to_owned()), at(NOW)).is_none());
}

/// A task that a policy of one's own opened rests at most as long as that one says: two days here, where the recommended one says
/// fourteen. It is Wednesday, 22 April 2026.
#[tokio::test]
async fn a_task_follows_the_policy_that_opened_it() {
    let house = House::build().await;
    let anna = Visitor::signed_in(&house, "anna").await;
    let own = ours().replacen("snooze_days_max = 14", "snooze_days_max = 2", 1);
    assert_eq!(anna.post("/policies", &[("policy", &own)]).await.status, 303);
    let task = house.task_of("aino").await;
    let fields = [("until", "2026-04-29"), ("why", "ny dos")];
    let shipped = alerts::Policy::recommended().version();
    for (policy, version, status) in [("ours", "1", 422), ("recommended", shipped, 303)] {
        let mut tx = house.state.store.write().await.expect("a transaction");
        sql::query("UPDATE task SET policy = $1, policy_version = $2 WHERE id = $3")
            .bind(policy)
            .bind(version)
            .bind(&task)
            .execute(&mut tx)
            .await
            .expect("updates");
        tx.commit().await.expect("commits");
        let answer = anna.post(&format!("/tasks/{task}/snooze"), &fields).await;
        assert_eq!(answer.status, status, "{policy}: {}", answer.words());
    }
}

#[tokio::test]
async fn quarantine_is_shown_to_whom_it_concerns_with_names_only_they_may_know() {
    let house = House::build().await;
    let mut tx = house.state.store.write().await.expect("a transaction");
    let raw = r#"{"v":1,"gateway":"gw-0001","outbox":"o1","seq":900,"sealed_at":"2026-04-22T05:04:05.000Z","device":{"id":"546c0e000001","model":"A&D UC-352BLE"},"measurement":{"kind":"weight","outcome":"measured","values":{"weight_kg":82.4},"absent":{},"device_time":null,"user_slot":null,"flags":[],"measured_at":"2026-04-22T05:04:00.000Z","clock":"synced","clock_offset_s":null},"raw":{"characteristic":"2a9d","hex":"02943eea070101080400"}}"#;
    for (patient, slot) in [("svea", 1), ("nils", 2)] {
        sql::query("INSERT INTO worn_by (device, patient, slot, from_at) VALUES ('546c0e000001', $1, $2, 0)")
            .bind(patient)
            .bind(slot)
            .execute(&mut tx)
            .await
            .expect("worn");
    }
    let gateway = "gw-0001".parse().expect("an id");
    let row = care::admission::quarantine::Row {
        gateway: Some(&gateway),
        place: Some(("o1", 900)),
        reason: "ambiguous_wearer",
        detail: "several people had the device",
        received_at: at(NOW),
        raw,
        fingerprint: "f1",
        measured: Some(("546c0e000001", at(NOW))),
    };
    assert!(care::admission::quarantine::put(&mut tx, &row).await.expect("puts"));
    tx.commit().await.expect("commits");
    let anna = Visitor::signed_in(&house, "anna").await.get("/quarantine").await.words();
    for said in ["82,4", "Svea Test vägde senast", "Nils Test vägde senast", "Ingen kan säga vems den är"]
    {
        assert!(anna.contains(said), "{said}: {anna}");
    }
    let kim = Visitor::signed_in(&house, "kim").await.get("/quarantine").await.words();
    assert!(kim.contains("Svea Test vägde senast") && !kim.contains("Nils"), "{kim}");
    let adam = Visitor::signed_in(&house, "adam").await.get("/quarantine").await.words();
    assert!(adam.contains("Ingen kan säga vems den är"), "{adam}");
    assert!(!adam.contains("82,4") && !adam.contains("Svea") && !adam.contains("02943e"), "{adam}");
    let viggo = Visitor::signed_in(&house, "viggo").await.get("/quarantine").await.words();
    assert!(viggo.contains("Inget väntar"), "{viggo}");
    assert_eq!(Visitor::signed_in(&house, "svea").await.get("/quarantine").await.status, 403);
}
