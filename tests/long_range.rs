//! Long charts and the overview of a unit, read from a real QuestDB and from the store: the same days either way, and a page that is
//! whole and says where it was read when the server lags, differs or is gone.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use care::health::{Health, Part};
use care::series::{self, Behind, Days, From, LongSeries, Series, Span, StoreReason};
use care::store::{Address, Store};
use ingest::questdb::LongAnswers;
use serde_json::{Value, json};
use vitals::{PatientId, Quantity, Timestamp};

use support::browser::{Browser, Driver};
use support::mqtt::{Gateway, weighing};
use support::questdb::{QuestDb, free_port};
use support::web::Visitor;
use support::{REGISTER, Serving, apply, export, house};

mod support;

const SCALE: &str = "546c0e000001";

/// Six more patients of the unit, each with a scale, and somebody who may not see how they do.
fn more() -> String {
    let mut text = String::from(
        "staff = [{ id = \"tove\", unit = \"hf\", role = \"technician\", name = \"Tove Test\", login = \"tove\", password = \"tove-password\" }]\n",
    );
    let rows = |row: &dyn Fn(u32) -> String| (1..=6).map(row).collect::<Vec<_>>().join(", ");
    let patient = |n: u32| {
        format!(
            "{{ id = \"c{n}\", name = \"Prov {n}\", units = [\"hf\"], language = \"sv\", policy = \"recommended\" }}"
        )
    };
    let device = |n: u32| format!("{{ id = \"546c0e0000c{n}\", model = \"A&D UC-352BLE\" }}");
    let worn = |n: u32| {
        format!("{{ device = \"546c0e0000c{n}\", patient = \"c{n}\", from = \"2020-01-01T00:00:00Z\" }}")
    };
    text += &format!("patient = [{}]\n", rows(&patient));
    text += &format!("device = [{}]\n", rows(&device));
    text += &format!("worn_by = [{}]\n", rows(&worn));
    text
}

struct Place {
    _kept: tempfile::TempDir,
    data: PathBuf,
    config: PathBuf,
    port: u16,
}

impl Place {
    fn new() -> Self {
        let (kept, data) = house();
        apply(&data, REGISTER);
        let port = free_port();
        let config = data.with_extension("config.toml");
        std::fs::write(&config, format!("questdb = \"http://127.0.0.1:{port}\"\n")).expect("a configuration");
        Self { _kept: kept, data, config, port }
    }

    fn questdb(&self) -> QuestDb {
        QuestDb::start(&self.data.with_extension("questdb"), self.port)
    }

    fn serve(&self) -> Serving {
        let config = self.config.to_str().expect("a path");
        Serving::start_with(&self.data, &["--mqtt", "0", "--config", config], &[])
    }

    fn answers(&self) -> LongAnswers {
        LongAnswers::new(format!("http://127.0.0.1:{}", self.port).parse().expect("an address"))
    }

    fn series(&self) -> Series {
        Series::of(Arc::new(self.answers()), Health::of([Part::Projection]))
    }
}

fn patient(id: &str) -> PatientId {
    id.parse().expect("an id")
}

fn at(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

fn span() -> Span {
    Span { from: at("2025-10-01T00:00:00Z"), to: at("2026-05-01T00:00:00Z") }
}

/// `2025-10-26 80.0 80.4 79.6 80.4 80.0 3`: first, last, lowest, highest, mean, how many.
fn written(days: &Days) -> Vec<String> {
    days.iter()
        .filter_map(|day| {
            let one = day.get(Quantity::WeightKg)?;
            Some(format!(
                "{} {:.1} {:.1} {:.1} {:.1} {:.6} {}",
                day.date, one.first, one.last, one.min, one.max, one.mean, one.count
            ))
        })
        .collect()
}

/// Weighings around both changes of the clock: when by UTC, kg. To add one, add a row and work out [`BY_HAND`] anew.
const WEIGHED: [(&str, f64); 7] = [
    ("2025-10-25T22:30:00.000Z", 80.0),
    ("2025-10-26T06:00:00.000Z", 79.6),
    ("2025-10-26T22:30:00.000Z", 80.4),
    ("2025-10-26T23:10:00.000Z", 81.0),
    ("2026-03-28T23:10:00.000Z", 78.0),
    ("2026-03-29T21:50:00.000Z", 78.4),
    ("2026-03-29T22:10:00.000Z", 78.2),
];

/// Worked by hand: 26 October 2025 has 25 hours in Stockholm and 29 March 2026 has 23; (80.0 + 79.6 + 80.4) / 3 = 80.0, and
/// (78.0 + 78.4) / 2 = 78.2.
const BY_HAND: [&str; 4] = [
    "2025-10-26 80.0 80.4 79.6 80.4 80.000000 3",
    "2025-10-27 81.0 81.0 81.0 81.0 81.000000 1",
    "2026-03-29 78.0 78.4 78.0 78.4 78.200000 2",
    "2026-03-30 78.2 78.2 78.2 78.2 78.200000 1",
];

fn send(gateway: &Gateway, first: u64, weighed: &[(&str, f64)]) {
    for (seq, (time, kilograms)) in (first..).zip(weighed) {
        let mut envelope = weighing("gw-0001", "box-a", seq, SCALE, *kilograms, seq as i64);
        envelope["measurement"]["measured_at"] = json!(time);
        gateway.up(envelope.to_string());
    }
    gateway.receipt("box-a", first + weighed.len() as u64 - 1);
}

/// The days of p1 once they come from the copy with as much missing as `behind` says.
async fn from_copy(store: &Store, series: &Series, behind: i64) -> Days {
    for _ in 0..300 {
        let (days, from) =
            series::daily(store, series, &patient("p1"), span()).await.expect("the store answers");
        if from == From::Copy(Behind { readings: behind }) {
            return days;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    panic!("the copy never answers with {behind} behind");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_days_come_from_questdb_and_from_the_store() {
    let place = Place::new();
    let questdb = place.questdb();
    let serving = place.serve();
    let gateway = Gateway::connect(serving.mqtt_port(), "gw-0001");
    send(&gateway, 1, &WEIGHED);
    let store = Store::at(&Address::Directory(place.data.clone())).await.expect("the store opens");
    let series = place.series();

    let (days, from) =
        series::daily(&store, &Series::default(), &patient("p1"), span()).await.expect("the store answers");
    assert_eq!(
        (written(&days), from),
        (BY_HAND.map(str::to_owned).to_vec(), From::Store(StoreReason::NoCopy))
    );
    let days = from_copy(&store, &series, 0).await;
    assert_eq!(written(&days), BY_HAND);

    // An id may hold a quote: it is text in a query and nothing else.
    for hostile in ["p1' OR 'a' = 'a", "p1'; DROP TABLE vagen_reading; --", "p1\\' OR 1=1 --", "'"] {
        let held = place.answers().days(patient(hostile), span()).await.expect("an answer");
        assert_eq!((held.readings, held.days.len()), (0, 0), "{hostile}");
        let counted = place.answers().measured(vec![patient(hostile)], span()).await.expect("an answer");
        assert!(counted.iter().all(|(_, one)| one.readings == 0 && one.measured.is_empty()), "{hostile}");
    }
    assert_eq!(questdb.ask("SELECT count() FROM vagen_reading"), Ok(vec![vec![json!(7)]]));

    // Nobody projects: what arrives now is added from the store, and said to be.
    drop((gateway, serving));
    let serving = Serving::start(&place.data);
    let gateway = Gateway::connect(serving.mqtt_port(), "gw-0001");
    send(&gateway, 8, &[("2026-03-30T06:00:00.000Z", 78.6)]);
    // (78.2 + 78.6) / 2 = 78.4.
    let later = "2026-03-30 78.2 78.6 78.2 78.6 78.400000 2";
    let expected = [BY_HAND[0], BY_HAND[1], BY_HAND[2], later];
    assert_eq!(written(&from_copy(&store, &series, 1).await), expected);
    let found =
        series::measured(&store, &series, &[patient("p1"), patient("p2")], span()).await.expect("both");
    let counts: Vec<(String, i64)> =
        found.days[&patient("p1")].iter().map(|(date, count)| (date.to_string(), *count)).collect();
    let by_hand = [("2025-10-26", 3), ("2025-10-27", 1), ("2026-03-29", 2), ("2026-03-30", 2)];
    assert_eq!(counts, by_hand.map(|(date, count)| (date.to_owned(), count)));
    assert_eq!((found.from, found.patients_put_right), (From::Copy(Behind { readings: 1 }), 0));
    assert!(found.days[&patient("p2")].is_empty());

    // One row is gone behind the projection's back: a hole is no chart.
    questdb.tell("CREATE TABLE kept AS (SELECT * FROM vagen_reading)");
    questdb.tell("TRUNCATE TABLE vagen_reading");
    questdb.tell("INSERT INTO vagen_reading SELECT * FROM kept WHERE arrival != 3");
    let (days, from) =
        series::daily(&store, &series, &patient("p1"), span()).await.expect("the store answers");
    assert_eq!(
        (written(&days), from),
        (expected.map(str::to_owned).to_vec(), From::Store(StoreReason::Differs))
    );
    let put_right =
        series::measured(&store, &series, &[patient("p1")], span()).await.expect("the store answers");
    assert_eq!(
        (&put_right.days[&patient("p1")], put_right.patients_put_right),
        (&found.days[&patient("p1")], 1)
    );

    questdb.kill();
    let (days, from) =
        series::daily(&store, &series, &patient("p1"), span()).await.expect("the store answers");
    assert_eq!(
        (written(&days), from),
        (expected.map(str::to_owned).to_vec(), From::Store(StoreReason::Silent))
    );
    drop((gateway, serving));
}

/// Four hundred mornings of p1 with a cuff beside, and eighty-four of the others; the sixth of them stopped three weeks ago.
fn months(gateway: &Gateway) {
    let mut envelopes: Vec<Value> = Vec::new();
    for day in (0..400_i64).rev() {
        let rise = if day < 8 { 0.3 * (8 - day) as f64 } else { 0.0 };
        let kilograms = 78.0 + f64::from((day % 7) as i32 - 3) / 5.0 + rise;
        let seq = envelopes.len() as u64 + 1;
        let weight = weighing("gw-0001", "box-a", seq, SCALE, kilograms, day * 1440 + 5);
        let mut pressure = weight.clone();
        pressure["seq"] = json!(seq + 1);
        pressure["device"] = json!({ "id": "546c0e000002", "model": "A&D UA-651BLE" });
        pressure["measurement"]["kind"] = json!("blood_pressure");
        pressure["measurement"]["values"] = json!({ "systolic_mmhg": 124 + day % 9, "diastolic_mmhg": 74 + day % 5, "pulse_per_min": 66 + day % 8 });
        pressure["measurement"]["device_time"] = Value::Null;
        envelopes.extend([weight, pressure]);
    }
    for day in (0..84_i64).rev() {
        for n in (1..=6_i64).filter(|n| *n < 6 || day > 21) {
            let device = format!("546c0e0000c{n}");
            let seq = envelopes.len() as u64 + 1;
            envelopes.push(weighing("gw-0001", "box-a", seq, &device, 70.0 + n as f64, day * 1440 + 10 + n));
        }
    }
    for some in envelopes.chunks(150) {
        gateway.up(Value::from(some.to_vec()).to_string());
    }
    gateway.receipt("box-a", envelopes.len() as u64);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pages_say_where_they_were_read_and_fit() {
    let place = Place::new();
    apply(&place.data, &more());
    let questdb = place.questdb();
    let serving = place.serve();
    let gateway = Gateway::connect(serving.mqtt_port(), "gw-0001");
    months(&gateway);
    let base = serving.http.clone();
    let anna = Visitor::sign_in(&base, "anna", "anna-password").await;
    let year = until(&anna, "/patients/p1?days=365", "Den har alla patientens mätningar").await;
    assert!(year.contains("Varje dag: lägsta, högsta och senaste värdet"), "{year}");
    let (_, all) = anna.get("/patients/p1?days=all").await;
    assert!(all.contains(">Allt</a>") && all.contains("Läst ur långtidskopian"), "{all}");

    // Eight patients; p1 and five others measured this week, one stopped and one never began: 6 / 8.
    let overview = until(&anna, "/population", "Den har alla").await;
    assert!(overview.contains("<dd>8</dd>") && overview.contains("<dd>75\u{202f}%</dd>"), "{overview}");
    assert!(!overview.contains("Svea") && !overview.contains("Prov 1"), "nobody is named");
    // The municipality has one patient there: nothing is told of one.
    let maria = Visitor::sign_in(&base, "maria", "maria-password").await;
    let (_, few) = maria.get("/population").await;
    assert!(few.contains("färre än 5 patienter") && !few.contains("chart-column"), "{few}");
    let tove = Visitor::sign_in(&base, "tove", "tove-password").await;
    assert_eq!(tove.get("/population").await.0, 403);
    let audit = export(&place.data, "audit");
    let looked = |who: &str, decision: &str| {
        audit.iter().any(|row| {
            row["action"] == "read population" && row["actor"] == who && row["decision"] == decision
        })
    };
    assert!(looked("anna", "allowed") && looked("maria", "allowed") && looked("tove", "denied"), "{audit:?}");

    let driver = Driver::start();
    let pages = ["/patients/p1?days=90", "/patients/p1?days=365", "/patients/p1?days=all", "/population"];
    for width in [1280, 390] {
        let browser = driver.browser(width).await;
        browser.sign_in(&base, "anna", "anna-password").await;
        for (number, page) in pages.into_iter().enumerate() {
            browser.goto(&format!("{base}{page}")).await;
            browser
                .script("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
                .await;
            browser.fits(&format!("{page} at {width}")).await;
            browser
                .script("document.querySelectorAll('details').forEach((one) => { one.open = false; })")
                .await;
            shot(&browser, &format!("long-{number}-{width}")).await;
        }
        browser.close().await;
    }

    questdb.kill();
    let (status, page) = anna.get("/patients/p1?days=365").await;
    assert_eq!(status, 200);
    assert!(page.contains("Kurvan är läst ur journalen och är hel"), "{page}");
    let table = |page: &str| {
        let after = page.split_once("id=\"chart-tables\"").expect("tables").1.to_owned();
        after.split_once("</details>").expect("their end").0.to_owned()
    };
    assert_eq!(table(&page), table(&year), "the same values, wherever they were read");
    let (_, overview) = anna.get("/population").await;
    assert!(overview.contains("svarar inte") && overview.contains("<dd>75\u{202f}%</dd>"), "{overview}");
    drop((gateway, serving));
}

/// Asks for `path` until it says `words`.
async fn until(visitor: &Visitor, path: &str, words: &str) -> String {
    for _ in 0..300 {
        let (status, page) = visitor.get(path).await;
        assert_eq!(status, 200, "{page}");
        if page.contains(words) {
            return page;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    panic!("{path} never says {words}: {}", visitor.get(path).await.1);
}

/// Keeps a picture where somebody asked for it.
async fn shot(browser: &Browser, name: &str) {
    let Some(folder) = std::env::var_os("VAGEN_SHOTS") else { return };
    let picture = browser.client.screenshot().await.expect("a picture");
    std::fs::write(PathBuf::from(folder).join(format!("{name}.png")), picture).expect("kept");
}
