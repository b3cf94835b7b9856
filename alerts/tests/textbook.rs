//! Textbook rules on weight, each as a policy of its own with worked examples. No policy that comes with the product has them
//! but the guideline's jump; any policy may.

#![allow(missing_docs)]

use alerts::Policy;
use jiff::tz::TimeZone;

/// What every policy needs, without a rule.
const HEAD: &str = r#"
name = "textbook"
version = "1"
author = "a test"
valid_from = "2026-01-01"
case_quiet_days = 14
cooldown_days = 3
late_after_minutes = 60
symptom_form_days = 2
[due]
opens = "08:00"
closes = "16:30"
urgent_office_hours = 2
soon_office_days = 1
routine_office_days = 5
[competence]
decompensation = "heart_failure_nurse"
blood_pressure = "heart_failure_nurse"
pulse = "heart_failure_nurse"
oxygen = "heart_failure_nurse"
symptoms = "heart_failure_nurse"
silence = "home_care"
missing_measurement = "measuring_support"
data_quality = "measuring_support"
device = "measuring_support"
gateway = "technician"
technical = "technician"
"#;

const EMPOWER: &str =
    "[rules.weight_jump]\ngain_kg = 2.3\ndays = 3\nurgent_gain_kg = 4\nshort_gain_kg = 1.4\nshort_days = 1";
const AHA: &str = "[rules.weight_jump]\ngain_kg = 2.268\ndays = 7\nurgent_gain_kg = 4\nshort_gain_kg = 1.361\nshort_days = 1";
const MACD: &str =
    "[rules.weight_macd]\nfast_days = 3\nslow_days = 14\ngain_kg = 0.7\nreadings_min = 5\ndays_min = 4";
const CUSUM: &str = "[rules.weight_cusum]\nusual_days = 20\nallowance = 0.5\nlimit = 4\nnoise_prior_kg = 0.6\nnoise_prior_count = 20\nreadings_min = 5\ndays_min = 4";
const SLOPE: &str = "[rules.weight_slope]\ndays = 7\nreadings_min = 5\ngain_kg = 1\nprobability_max = 0.05";

/// A rule, daily weights from 1 March, the day in March on which a task opens and by which rule, and why.
type Row = (&'static str, &'static [f64], Option<(u32, &'static str)>, &'static str);

/// To add a case, add a row.
#[test]
fn textbook_rules_open_where_their_formulas_say() {
    let rows: [Row; 13] = [
        (EMPOWER, &[80.0, 81.4], None, "1.4 kg in a day is not more than 1.4"),
        (EMPOWER, &[80.0, 81.5], Some((2, "weight_jump")), "1.5 kg in a day"),
        (
            EMPOWER,
            &[80.0, 80.8, 81.6, 82.3],
            None,
            "2.3 kg in three days is not more than 2.3, nor is 0.8 than 1.4",
        ),
        (EMPOWER, &[80.0, 80.8, 81.6, 82.4], Some((4, "weight_jump")), "2.4 kg in three days"),
        (AHA, &[80.0, 80.4, 80.8, 81.2, 81.6, 82.0, 82.2], None, "2.2 kg in a week are 4.85 lb"),
        (
            AHA,
            &[80.0, 80.4, 80.8, 81.2, 81.6, 82.0, 82.4],
            Some((7, "weight_jump")),
            "2.4 kg in a week are 5.3 lb",
        ),
        (AHA, &[80.0, 81.4], Some((2, "weight_jump")), "1.4 kg in a day are 3.1 lb"),
        // Averages by hand: both 80; then fast 80.75 and 81.125 (a = 1/2), slow 80.2 and 80.373 (a = 2/15).
        (MACD, &[80.0, 80.0, 80.0, 80.0, 80.0, 80.0, 80.0, 80.0, 80.0, 80.0, 81.5], None, "0.55 kg"),
        (
            MACD,
            &[80.0, 80.0, 80.0, 80.0, 80.0, 80.0, 80.0, 80.0, 80.0, 80.0, 81.5, 81.5],
            Some((12, "weight_macd")),
            "0.752 kg",
        ),
        // The sum worked apart by its formula, day by day: 0 until day 10, then 2.18 and 4.15.
        (CUSUM, &[80.0, 80.0, 80.0, 80.0, 80.0, 80.0, 80.0, 80.0, 80.0, 80.0, 81.0], None, "a sum of 2.2"),
        (
            CUSUM,
            &[80.0, 80.0, 80.0, 80.0, 80.0, 80.0, 80.0, 80.0, 80.0, 80.0, 81.0, 81.0],
            Some((12, "weight_cusum")),
            "a sum of 4.1",
        ),
        // By hand: 0.17 kg a day, t = 4.49 with 3 degrees of freedom, p = 0.010.
        (SLOPE, &[80.0, 80.3, 80.2, 80.6, 80.7], Some((5, "weight_slope")), "1.2 kg a week beyond chance"),
        // Slope 0.10 kg a day, residuals 0.8 in squares: t = 0.6.
        (SLOPE, &[80.0, 80.9, 79.8, 80.7, 80.6], None, "within chance"),
    ];
    let zone = TimeZone::get("Europe/Stockholm").expect("bundled");
    for (rule, weights_kg, opens, why) in rows {
        let tasks = opens.map_or_else(String::new, |(day, name)| {
            let at = format!("2026-03-{day:02}T06:00:00Z");
            format!(
                r#"{{ problem = "decompensation", priority = "soon", opened_from = "{at}", opened_until = "{at}", rules = ["{name}"] }}"#
            )
        });
        let text = format!(
            "{HEAD}{rule}\n[[example]]\nname = \"{why}\"\nsource = \"by hand\"\nfrom = \"2026-03-01T06:00:00Z\"\nweights_kg = {weights_kg:?}\ntasks = [{tasks}]\n"
        );
        let policy = Policy::parse(&text).unwrap_or_else(|error| panic!("{why}: {error}"));
        for example in policy.examples() {
            if let Err(error) = example.check(&policy, &zone) {
                panic!("{error}");
            }
        }
    }
}

/// To add a case, add a row: the weights of four mornings. ESC 2021: more than 2 kg in 3 days; six weighings a day, two hours apart
/// from 06:00, 0.1 kg more at each. By hand, the fourth day's last lies 0.5 kg above its morning and no more than three days and
/// a half from the first morning, which is the lowest: 82.0 - 80.0 is not more than 2, 82.2 - 80.0 is.
#[test]
fn who_weighs_six_times_a_day_is_judged_over_days_as_well() {
    let rule = "[rules.weight_jump]\ngain_kg = 2\ndays = 3\nurgent_gain_kg = 4";
    let rows: [(&str, [f64; 4], bool); 3] = [
        ("2.0 kg in three days", [80.0, 80.5, 81.0, 81.5], false),
        ("2.2 kg in three days", [80.0, 80.6, 81.1, 81.7], true),
        ("as much on the third day alone", [80.0, 80.0, 80.0, 81.7], true),
    ];
    for (why, mornings_kg, opens) in rows {
        let lines: Vec<String> = (1..)
            .zip(mornings_kg)
            .flat_map(|(day, kg)| {
                (0..6).map(move |time| {
                    let (hour, kg) = (6 + 2 * time, kg + 0.1 * f64::from(time));
                    format!(
                        r#"'{{"patient":"p","at":"2026-03-{day:02}T{hour:02}:00:00Z","kind":"weight","values":{{"weight_kg":{kg:.1}}}}}'"#
                    )
                })
            })
            .collect();
        let tasks = if opens {
            r#"{ problem = "decompensation", priority = "soon", opened_from = "2026-03-04T06:00:00Z", opened_until = "2026-03-04T18:00:00Z", rules = ["weight_jump"] }"#
        } else {
            ""
        };
        let text = format!(
            "{HEAD}{rule}\n[[example]]\nname = \"{why}\"\nsource = \"by hand\"\nlines = [{}]\ntasks = [{tasks}]\n",
            lines.join(",")
        );
        let policy = Policy::parse(&text).unwrap_or_else(|error| panic!("{why}: {error}"));
        for example in policy.examples() {
            if let Err(error) = example.check(&policy, &TimeZone::get("Europe/Stockholm").expect("bundled")) {
                panic!("{error}");
            }
        }
    }
}
