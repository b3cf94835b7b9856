use jiff::tz::TimeZone;
use proptest::prelude::*;
use vitals::{Severity, Symptom, SymptomAnswers};

use super::*;

fn zone() -> TimeZone {
    TimeZone::get("Europe/Stockholm").expect("bundled")
}

fn answers(rows: &[(Symptom, u8)]) -> SymptomAnswers {
    rows.iter().map(|(symptom, grade)| (*symptom, Severity::new(*grade).expect("0 to 3"))).collect()
}

fn all(grade: u8) -> Vec<(Symptom, u8)> {
    Symptom::ALL.iter().map(|symptom| (*symptom, grade)).collect()
}

fn with(symptom: Symptom, grade: u8) -> SymptomAnswers {
    let mut rows = all(0);
    rows.retain(|(one, _)| *one != symptom);
    rows.push((symptom, grade));
    answers(&rows)
}

/// To add a case, add a row: answers, priority, what the Swedish text must hold. By the four steps of the triage: red flag
/// 112; waking breathless or much worse today; more of something the next working day; none, carry on.
#[test]
fn dialogues_end_where_the_triage_says() {
    let mut without_chest_pain = all(0);
    without_chest_pain.retain(|(symptom, _)| *symptom != Symptom::ChestPain);
    let mut without_swelling = all(0);
    without_swelling.retain(|(symptom, _)| *symptom != Symptom::Swelling);
    let rows = [
        (with(Symptom::ChestPain, 1), Priority::Urgent, "Ring 112 nu"),
        (with(Symptom::Fainting, 3), Priority::Urgent, "Ring 112 nu"),
        (with(Symptom::BreathlessAtRest, 2), Priority::Urgent, "Ring 112 nu"),
        (with(Symptom::Orthopnoea, 2), Priority::Urgent, "så snart mottagningen är öppen"),
        (with(Symptom::Breathlessness, 3), Priority::Urgent, "så snart mottagningen är öppen"),
        (with(Symptom::Swelling, 1), Priority::Soon, "Svar senast nästa vardag"),
        (with(Symptom::Cough, 1), Priority::Soon, "Svar senast nästa vardag"),
        (answers(&all(0)), Priority::Routine, "Fortsätt som vanligt"),
        (
            form().iter().map(|asked| (asked.symptom, Severity::NONE)).collect(),
            Priority::Routine,
            "Fortsätt som vanligt",
        ),
        (answers(&[]), Priority::Urgent, "112"),
        (answers(&without_chest_pain), Priority::Urgent, "ring 112"),
        (answers(&without_swelling), Priority::Soon, "Svar senast nästa vardag"),
    ];
    for (answers, priority, holds) in rows {
        let advice = closing(&answers, "2026-11-24T09:00:00Z".parse().expect("a time"), &zone());
        assert_eq!(advice.priority, priority, "{answers:?}");
        assert!(advice.text.sv.contains(holds), "{}", advice.text.sv);
    }
}

/// To add a case, add a row: when (UTC), what the Swedish text must and must not hold. By the calendar of 2026.
#[test]
fn the_text_covers_days_on_which_nobody_is_there() {
    let rows = [
        ("2026-11-27T18:00:00Z", "stängd från lördag och öppnar igen på måndag", "", "Friday evening"),
        ("2026-11-28T09:00:00Z", "stängd i dag lördag och öppnar igen på måndag", "", "Saturday"),
        ("2026-04-02T18:00:00Z", "stängd från fredag och öppnar igen på tisdag", "", "before Good Friday"),
        ("2026-11-24T18:00:00Z", "Svar senast nästa vardag", "stängd", "Tuesday evening"),
        ("2026-11-29T09:00:00Z", "Svar senast nästa vardag", "stängd", "Sunday: open tomorrow"),
    ];
    for (now, holds, lacks, why) in rows {
        let advice = closing(&with(Symptom::Swelling, 2), now.parse().expect(now), &zone());
        assert!(advice.text.sv.contains(holds), "{why}: {}", advice.text.sv);
        assert!(lacks.is_empty() || !advice.text.sv.contains(lacks), "{why}: {}", advice.text.sv);
    }
}

/// The words the patient must never meet, from the house's own rule on plain language.
#[test]
fn openings_are_plain_and_name_a_number_to_call() {
    for problem in Problem::ALL {
        let opening = opening(*problem, &[]);
        for (text, banned) in [
            (&opening.text.sv, ["systol", "CUSUM", "EMA", "minut", "trend", "dekomp"]),
            (&opening.text.en, ["systol", "CUSUM", "EMA", "minute", "MACD", "decomp"]),
        ] {
            assert!(text.contains("112"), "{text}");
            for word in banned {
                assert!(!text.contains(word), "{word} in {text}");
            }
        }
        assert_eq!(opening.questions.is_empty(), !problem.is_clinical(), "{problem:?}");
        if let Some(first) = opening.questions.first() {
            assert_eq!(first.symptom, Symptom::BreathlessAtRest, "red flags are asked first");
        }
    }
}

proptest! {
    /// Whoever answers everything asked is done, and is asked nothing twice.
    #[test]
    fn questions_end(grades in proptest::collection::vec(0u8..=3, 40)) {
        let mut answers = SymptomAnswers::new();
        let mut grades = grades.into_iter();
        for _ in 0..=Symptom::ALL.len() {
            let questions = follow_up(&answers);
            for question in &questions {
                prop_assert_eq!(answers.get(question.symptom), None);
                let pick = usize::from(grades.next().unwrap_or(0)) % question.options.len();
                answers.set(question.symptom, question.options[pick].0);
            }
            if questions.is_empty() {
                return Ok(());
            }
        }
        prop_assert!(false, "still asking");
    }

    /// Leaving an answer out, or grading it worse, never makes the advice milder.
    #[test]
    fn unknown_and_worse_lead_upward(grades in proptest::collection::vec(proptest::option::of(0u8..=3), 11), place in 0usize..11) {
        let now = "2026-11-24T09:00:00Z".parse().expect("a time");
        let given = |grades: &[Option<u8>]| -> SymptomAnswers {
            Symptom::ALL.iter().zip(grades).filter_map(|(symptom, grade)| {
                Some((*symptom, Severity::new((*grade)?)?))
            }).collect()
        };
        let before = closing(&given(&grades), now, &zone()).priority;
        let mut left_out = grades.clone();
        left_out[place] = None;
        let left_out = given(&left_out);
        // Nothing more is asked of whoever answers the whole form with "no": what it did not ask was not left out.
        prop_assert!(questions::is_clear_form(&left_out) || closing(&left_out, now, &zone()).priority >= before);
        if let Some(grade) = grades[place] {
            let mut worse = grades.clone();
            worse[place] = Some((grade + 1).min(3));
            prop_assert!(closing(&given(&worse), now, &zone()).priority >= before);
        }
    }
}
