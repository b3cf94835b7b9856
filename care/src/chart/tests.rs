use jiff::civil::Date;
use proptest::prelude::*;
use vitals::{Severity, Symptom, SymptomAnswers, Timestamp};

use super::*;
use crate::language::Language;
use crate::web::text::Text;

const SV: Text = Text(Language::Sv);
const PAPERS: [Paper; 4] = [Paper::WIDE, Paper::NARROW, Paper::OWN_WIDE, Paper::OWN_NARROW];

fn last_day() -> Date {
    Date::constant(2026, 4, 22)
}

fn morning(days_before: i64) -> Timestamp {
    "2026-04-22T05:04:00Z".parse::<Timestamp>().expect("a time").plus_days(-days_before)
}

fn kilograms(days_before: i64, value: f64) -> Point {
    Point { at: morning(days_before), value: Some(value), mark: Mark::Measured, word: None }
}

fn chart<'a>(points: &'a [Point], markers: &'a [Marker]) -> WeightChart<'a> {
    WeightChart {
        days: Days::ending(last_day(), 30),
        points,
        trend: &[],
        band: Some(Band { usual: 78.2, low: 77.2, high: 79.2 }),
        markers,
        title: "Vikt, kg".to_owned(),
        with_days: true,
    }
}

/// The numbers of attribute `name` on elements of `class`, in order.
fn attribute(svg: &str, class: &str, name: &str) -> Vec<f64> {
    svg.split('<')
        .filter(|element| element.contains(&format!("class=\"{class}\"")))
        .filter_map(|element| element.split(&format!(" {name}=\"")).nth(1)?.split('"').next()?.parse().ok())
        .collect()
}

#[test]
fn a_weighing_stands_where_a_ruler_says() {
    let svg = chart(&[kilograms(0, 80.6), kilograms(29, 77.5)], &[]).draw(Paper::WIDE, SV);
    // The sheet is 764 wide, columns from 104 to 748: 30 days of 21.467. First day's middle 114.7, last day's 737.3.
    // The axis runs from 76 to 82 over 132 px from a top of 15.625 + 12.5 x 1.6 = 35.6, so the bottom is 167.6.
    // 77.5 is a quarter up: 167.6 - 33 = 134.6. 80.6 is 4.6/6 up: 167.6 - 101.2 = 66.4.
    assert_eq!(attribute(svg.as_str(), "chart-dot", "cx"), [114.7, 737.3]);
    assert_eq!(attribute(svg.as_str(), "chart-dot", "cy"), [134.6, 66.4]);
    // The band from 79.2 (3.2/6 up: 97.2) to 77.2 (1.2/6 up: 141.2): 44 high.
    assert_eq!(attribute(svg.as_str(), "chart-band", "y"), [97.2]);
    assert_eq!(attribute(svg.as_str(), "chart-band", "height"), [44.0]);
    assert!(svg.as_str().contains("80,6\u{202f}kg</text>"));
}

#[test]
fn a_reading_set_aside_does_not_stretch_the_axis() {
    let odd = Point {
        at: morning(3),
        value: Some(61.2),
        mark: Mark::Unassessed,
        word: Some("oklart vem".to_owned()),
    };
    let points = [kilograms(4, 78.0), odd, kilograms(0, 78.4)];
    let svg = chart(&points, &[]).draw(Paper::WIDE, SV);
    assert!(svg.as_str().contains("61,2\u{202f}kg, oklart vem</text>"));
    // The band's 77.2 and 79.2 give 76 to 82; the square stands on the lower edge.
    assert!(svg.as_str().contains(">76</text>") && !svg.as_str().contains(">60</text>"));
}

#[test]
fn a_failed_weighing_is_a_cross_and_no_value() {
    let failed = Point { at: morning(0), value: None, mark: Mark::Failed, word: None };
    let svg = chart(&[failed], &[]).draw(Paper::WIDE, SV);
    assert_eq!(attribute(svg.as_str(), "chart-cross", "x1").len(), 2);
    assert!(
        svg.as_str().contains("Inga mätningar de här dagarna"),
        "the summary says that nothing was measured"
    );
}

#[test]
fn summaries_are_the_sentence_a_nurse_would_say() {
    let rising: Vec<Point> = [78.2, 78.2, 78.6, 79.0, 79.4, 79.9, 80.3, 80.6]
        .into_iter()
        .zip((0..8).rev())
        .map(|(value, before)| kilograms(before, value))
        .collect();
    // A chance low of 77.9 a week ago is not where the rise began: 78.2 the day after was usual too.
    let noisy: Vec<Point> = [77.9, 78.2, 78.6, 79.0, 79.4, 79.8, 80.3, 80.6]
        .into_iter()
        .zip((0..8).rev())
        .map(|(value, before)| kilograms(before, value))
        .collect();
    let falling: Vec<Point> =
        [(5, 80.0), (4, 80.0), (0, 78.5)].map(|(before, value)| kilograms(before, value)).into();
    let level = [kilograms(1, 78.0), kilograms(0, 78.4)];
    // Worked by hand: the last 78.2 stood six days before 80.6; the last 80.0 four days before 78.5.
    let rows: [(&[Point], &str); 6] = [
        (
            &noisy,
            "Vikten har ökat 2,4 kg på 6 dagar, till 80,6 kg. Det vanliga är 78,2 kg. 22 av 30 dagar saknar mätning.",
        ),
        (
            &rising,
            "Vikten har ökat 2,4 kg på 6 dagar, till 80,6 kg. Det vanliga är 78,2 kg. 22 av 30 dagar saknar mätning.",
        ),
        (
            &falling,
            "Vikten har minskat 1,5 kg på 4 dagar, till 78,5 kg. Det vanliga är 78,2 kg. 27 av 30 dagar saknar mätning.",
        ),
        (
            &level,
            "Vikten är ungefär oförändrad den senaste veckan, senast 78,4 kg. Det vanliga är 78,2 kg. 28 av 30 dagar saknar mätning.",
        ),
        (
            &level[..1],
            "Vikten är ungefär oförändrad den senaste veckan, senast 78,0 kg. Det vanliga är 78,2 kg. 29 av 30 dagar saknar mätning.",
        ),
        (&[], "Inga mätningar de här dagarna"),
    ];
    for (points, expected) in rows {
        let svg = chart(points, &[]).draw(Paper::WIDE, SV).to_string();
        assert!(
            svg.contains(&format!("<desc id=\"weight-wide-summary\">{expected}</desc>")),
            "{expected}\n{svg}"
        );
    }
}

#[test]
fn words_of_others_are_escaped_and_kept_on_the_sheet() {
    let markers = [
        Marker { at: morning(0), words: "<script>alert(1)</script>".to_owned() },
        Marker { at: morning(1), words: "furosemid 40 → 20 mg".to_owned() },
    ];
    for paper in PAPERS {
        let svg = chart(&[], &markers).draw(paper, SV);
        assert!(svg.as_str().contains("&lt;script&gt;") && !svg.as_str().contains("<script"));
        for x in attribute(svg.as_str(), "chart-change-word", "x") {
            assert!((0.0..paper.width).contains(&x), "{x}");
        }
    }
}

#[test]
fn a_day_without_an_answer_is_an_outline_and_never_a_nought() {
    let answers = [(0, 2), (2, 0)].map(|(before, grade)| Answer {
        at: morning(before),
        answers: [(Symptom::Breathlessness, Severity::new(grade).expect("a grade"))].into_iter().collect(),
    });
    let chart = SymptomChart {
        days: Days::ending(last_day(), 14),
        answers: &answers,
        title: "Symtom".to_owned(),
        with_days: false,
    };
    let svg = chart.draw(Paper::WIDE, SV);
    assert_eq!(attribute(svg.as_str(), "chart-square chart-grade-2", "x").len(), 1);
    assert_eq!(attribute(svg.as_str(), "chart-square chart-grade-0", "x").len(), 1);
    // Three rows of fourteen squares; two were answered, in one row.
    assert_eq!(attribute(svg.as_str(), "chart-square chart-unanswered", "x").len(), 40);
    assert!(svg.as_str().contains("Senaste svar 22 april: andfåddhet 2."));
}

fn any_point() -> impl Strategy<Value = Point> {
    let value = prop_oneof![
        Just(None),
        (-1e9..1e9_f64).prop_map(Some),
        any::<f64>().prop_map(Some),
        (70.0..90.0).prop_map(Some)
    ];
    let mark = prop::sample::select(Mark::ALL.to_vec());
    (-400_i64..40, 0..86_400_000_i64, value, mark, prop::option::of(".{0,40}")).prop_map(
        |(days, millis, value, mark, word)| Point {
            at: morning(-days).plus_millis(millis),
            value,
            mark,
            word,
        },
    )
}

fn is_well_formed(svg: &str) -> bool {
    let numbers_ok = !svg.contains("NaN") && !svg.contains("inf");
    numbers_ok && svg.starts_with("<svg ") && svg.ends_with("</svg>") && svg.matches("<svg").count() == 1
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    #[test]
    fn no_input_breaks_a_chart(
        points in prop::collection::vec(any_point(), 0..40),
        days in 0..800_u16,
        words in "\\PC{0,60}",
        band in prop::option::of((any::<f64>(), any::<f64>())),
        paper in prop::sample::select(PAPERS.to_vec()),
        grade in 0..=3_u8,
    ) {
        let days = Days::ending(last_day(), days);
        let trend: Vec<Sample> =
            points.iter().map(|point| Sample { at: point.at, value: point.value.unwrap_or(f64::NAN) }).collect();
        let markers: Vec<Marker> = points.iter().map(|point| Marker { at: point.at, words: words.clone() }).collect();
        let band = band.map(|(low, high)| Band { usual: low, low, high });
        let title = words.replace("NaN", "").replace("inf", "");
        let points: Vec<Point> = points.into_iter().map(|mut point| {
            point.word = point.word.map(|word| word.replace("NaN", "").replace("inf", ""));
            point
        }).collect();
        let markers: Vec<Marker> = markers.into_iter().map(|mut marker| { marker.words.clone_from(&title); marker }).collect();
        let weight = WeightChart { days, points: &points, trend: &trend, band, markers: &markers, title: title.clone(), with_days: true };
        prop_assert!(is_well_formed(weight.draw(paper, SV).as_str()));
        let pulse = PulseChart { days, points: &points, title: title.clone(), with_days: true };
        prop_assert!(is_well_formed(pulse.draw(paper, SV).as_str()));
        let bars: Vec<Pressure> = points.iter().map(|point| Pressure {
            at: point.at, systolic: point.value, diastolic: point.value.map(|value| value - 40.0), mark: point.mark,
        }).collect();
        let pressure = PressureChart { days, points: &bars, title: title.clone(), with_days: true };
        prop_assert!(is_well_formed(pressure.draw(paper, SV).as_str()));
        let answers: Vec<Answer> = points.iter().map(|point| Answer {
            at: point.at,
            answers: Symptom::ALL.iter().map(|symptom| (*symptom, Severity::new(grade).expect("a grade"))).collect::<SymptomAnswers>(),
        }).collect();
        let symptoms = SymptomChart { days, answers: &answers, title, with_days: true };
        prop_assert!(is_well_formed(symptoms.draw(paper, SV).as_str()));
        prop_assert!(is_well_formed(spark(days, &points, band).to_string().as_str()));
    }
}
