//! A gateway that babbles gets its receipts later, loses nothing, and delays nobody else.

use support::mqtt::{Gateway, weighing};
use support::{REGISTER, Serving, apply, house, status};

mod support;

const SCALE: &str = "546c0e000001";
/// Each begins one KiB: with 256 at once and one a second, 144 too many.
const BABBLED: u64 = 400;

#[test]
fn a_babbling_gateway_waits_for_its_receipts_and_others_do_not() {
    let (_kept, data) = house();
    apply(&data, REGISTER);
    let config = data.with_extension("config.toml");
    std::fs::write(&config, "[gateways]\npace_kib_per_s = 1\nburst_kib = 256\n").expect("a configuration");
    let serving =
        Serving::start_with(&data, &["--mqtt", "0", "--config", config.to_str().expect("a path")], &[]);
    let babbler = Gateway::connect(serving.mqtt_port(), "gw-0001");
    let quiet = Gateway::connect(serving.mqtt_port(), "gw-0002");
    for seq in 1..=BABBLED {
        babbler.up(weighing("gw-0001", "box-a", seq, SCALE, 80.0, 100 + seq as i64).to_string());
    }
    for _ in 0..BABBLED {
        babbler.acknowledged();
    }
    quiet.up(weighing("gw-0002", "box-b", 1, SCALE, 80.0, 60).to_string());
    quiet.receipt("box-b", 1);
    // The quiet one's came behind all of them in every queue there is, and its receipt is here first.
    let receipts = babbler.heard();
    let through = receipts.iter().filter_map(|message| message["receipt"]["through"].as_u64()).max();
    assert!(through < Some(BABBLED), "the babbler's last receipt is held: {through:?}");
    babbler.receipt("box-a", BABBLED);
    let status = status(&data);
    assert_eq!(
        (&status["readings"], &status["quarantined"]),
        (&(BABBLED + 1).into(), &serde_json::json!({}))
    );
}
