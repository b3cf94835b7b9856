mod any_answers;

use jiff::tz::TimeZone;
use vitals::{Severity, SymptomAnswers};

use super::*;
use crate::finding::Priority;

fn zone() -> TimeZone {
    TimeZone::get("Europe/Stockholm").expect("bundled")
}

/// `"red-flags=none change=worse more=dizzy,cough"` as answers.
fn answers(tree: &Questionnaire, text: &str) -> Answers {
    let mut answers = Answers::new();
    for (question, codes) in text.split_whitespace().filter_map(|pair| pair.split_once('=')) {
        let codes: Vec<String> = codes.split(',').map(str::to_owned).collect();
        tree.answer(&mut answers, question, &codes).expect(text);
    }
    answers
}

/// The triage list: what leads to 112, what to an urgent task today, what to a nurse. By hand from the list's four steps;
/// each line names the answers that report the sign.
const AMBULANCE: [(&str, &[&str]); 4] = [
    ("breathless_at_rest", &["red-flags=rest-stays"]),
    ("chest_pain", &["red-flags=chest-stays"]),
    ("fainting", &["red-flags=fainted"]),
    ("pink_froth", &["red-flags=froth"]),
];
const TODAY: [(&str, &[&str]); 3] = [
    ("woke_breathless", &["night-how=woke"]),
    ("more_pillows", &["night-how=pillows"]),
    ("much_worse", &["change=much-worse"]),
];
const NURSE: [(&str, &[&str]); 6] = [
    ("more_breathless", &["more=breathless"]),
    ("more_swelling", &["more=swollen"]),
    ("dizzy", &["more=dizzy"]),
    ("new_cough", &["more=cough"]),
    ("new_rhythm", &["more=rhythm"]),
    ("worried", &["more=worried"]),
];
/// A red flag that has eased: not 112, never self-care.
const EASED: [&str; 2] = ["red-flags=chest-eased", "red-flags=rest-eased"];

/// The mildest end that the triage list allows for an answer.
fn least(question: &str, code: &str) -> OutcomeKind {
    let answer = format!("{question}={code}");
    let among = |rows: &[(&str, &[&str])]| rows.iter().any(|(_, answers)| answers.contains(&answer.as_str()));
    if among(&AMBULANCE) {
        OutcomeKind::Emergency
    } else if among(&TODAY) || EASED.contains(&answer.as_str()) {
        OutcomeKind::Urgent
    } else if among(&NURSE) || code == UNKNOWN {
        OutcomeKind::Message
    } else {
        OutcomeKind::SelfCare
    }
}

/// Every way of answering `asks` once: each choice, or each set of at most `ticks_max` ticks.
fn every_answer(asks: &Asks, ticks_max: u32) -> Vec<Vec<String>> {
    let codes: Vec<String> = asks.choices.iter().map(|choice| choice.code.clone()).collect();
    if !asks.several {
        return codes.into_iter().map(|code| vec![code]).collect();
    }
    let alone = asks.choices.iter().filter(|choice| choice.exclusive).map(|choice| vec![choice.code.clone()]);
    let ticks: Vec<&Choice> = asks.choices.iter().filter(|choice| !choice.exclusive).collect();
    let sets = (1_u32..1 << ticks.len()).filter(|set| set.count_ones() <= ticks_max).map(|set| {
        let in_set = ticks.iter().enumerate().filter(|(at, _)| set & (1 << at) != 0);
        in_set.map(|(_, choice)| choice.code.clone()).collect()
    });
    alone.chain(sets).collect()
}

/// Walks every way through `tree` and shows each end with the answers that led there.
fn every_way(
    tree: &Questionnaire,
    ticks_max: u32,
    answers: &mut Answers,
    see: &mut impl FnMut(&Answers, &Outcome),
) {
    match tree.step(answers) {
        Step::End(outcome) => see(answers, outcome),
        Step::Ask(asks) => {
            for codes in every_answer(asks, ticks_max) {
                answers.insert(asks.id.clone(), codes);
                every_way(tree, ticks_max, answers, see);
            }
            answers.remove(&asks.id);
        }
    }
}

/// Every way through every tree: hundreds of thousands. Each ends no milder than the triage list wants for each answer on
/// it; one that ends without anybody looking today has asked about or ruled out every sign by name; none is longer than a
/// person of 80 has patience for.
#[test]
fn every_way_through_every_tree_ends_as_the_triage_list_says() {
    let signs: Vec<&str> = AMBULANCE.iter().chain(&TODAY).chain(&NURSE).map(|(sign, _)| *sign).collect();
    // The follow-up differs from the form by one question; in the short run it is walked with at most three ticks.
    let long = std::env::var_os("VAGEN_TESTS_LONG").is_some();
    let rows = [
        (symptom_form(), 8, u32::MAX),
        (follow_up(), 9, if long { u32::MAX } else { 3 }),
        (whose_reading(), 2, u32::MAX),
    ];
    for (tree, questions_max, ticks_max) in rows {
        let is_triage = tree.problem() == Problem::Symptoms;
        let mut ways = 0_u32;
        let mut ends = std::collections::BTreeSet::new();
        every_way(tree, ticks_max, &mut Answers::new(), &mut |answers, outcome| {
            ways += 1;
            ends.insert(outcome.id.clone());
            assert!(answers.len() <= questions_max, "{answers:?}");
            for (question, codes) in answers {
                for code in codes {
                    assert!(outcome.kind >= least(question, code), "{answers:?} ends in {}", outcome.id);
                }
            }
            if is_triage && outcome.kind < OutcomeKind::Urgent {
                for sign in &signs {
                    let is_asked = answers.keys().any(|id| {
                        tree.question(id).is_some_and(|asks| asks.signs().any(|asked| asked == *sign))
                    });
                    assert!(is_asked, "{sign} was not asked before {}: {answers:?}", outcome.id);
                }
            }
        });
        let all: std::collections::BTreeSet<String> =
            tree.outcomes().map(|outcome| outcome.id.clone()).collect();
        assert_eq!(ends, all, "every end of {} is reached", tree.url());
        let ways_min = if tree.problem() == Problem::Symptoms { 30_000 } else { 10 };
        assert!(ways > ways_min, "{}: only {ways} ways", tree.url());
    }
}

/// To add a case, add a row: tree, answers, the end, what the Swedish text must hold. By the four steps of the triage list.
#[test]
fn dialogues_end_where_the_triage_says() {
    let (form, more) = (symptom_form(), follow_up());
    let rows = [
        (form, "red-flags=chest-stays", "call-112", "Ring 112 nu"),
        (form, "red-flags=fainted", "call-112", "Ring 112 nu"),
        (form, "red-flags=froth", "call-112", "Ring 112 nu"),
        (form, "red-flags=chest-eased", "eased", "så snart mottagningen är öppen"),
        (form, "red-flags=none change=same more=none", "well", "Fortsätt som vanligt"),
        (form, "red-flags=none change=same more=tired tired-how=bit", "a-little-tired", "Vila gärna"),
        (form, "red-flags=none change=same more=tired tired-how=quite", "next-working-day", "nästa vardag"),
        (
            form,
            "red-flags=none change=same more=tired,worried tired-how=bit",
            "next-working-day",
            "nästa vardag",
        ),
        (form, "red-flags=none change=worse more=none", "next-working-day", "nästa vardag"),
        (form, "red-flags=none change=same more=dizzy dizzy-how=bit", "next-working-day", "nästa vardag"),
        (form, "red-flags=none change=same more=night night-how=bit", "next-working-day", "nästa vardag"),
        (form, "red-flags=none change=same more=night night-how=pillows", "today", "ring 112"),
        (form, "red-flags=none change=same more=breathless breathless-how=very", "today", "ring 112"),
        (
            form,
            "red-flags=none change=same more=breathless breathless-how=quite",
            "next-working-day",
            "ring 112",
        ),
        (
            form,
            "red-flags=none change=worse more=breathless breathless-how=quite",
            "today-worse-and-breathless",
            "112",
        ),
        (form, "red-flags=none change=much-worse more=none", "today", "så snart mottagningen är öppen"),
        (form, "red-flags=unknown change=same more=none", "today", "ring 112"),
        (form, "red-flags=none change=same more=unknown", "today", "ring 112"),
        (form, "", "today", "ring 112"),
        (form, "red-flags=none change=same", "today", "ring 112"),
        (more, "red-flags=none change=same more=none medicines=yes", "with-the-values", "nästa vardag"),
        (more, "red-flags=none change=same more=none medicines=missed", "with-the-values", "nästa vardag"),
        (more, "red-flags=none change=same more=night medicines=yes night-how=woke", "today", "ring 112"),
    ];
    for (tree, text, end, holds) in rows {
        let (_, outcome) = tree.left_at(&answers(tree, text));
        assert_eq!(outcome.id, end, "{text}");
        let said = closing(outcome, "2026-11-24T09:00:00Z".parse().expect("a time"), &zone());
        assert!(said.sv.contains(holds), "{text}: {}", said.sv);
        assert!(said.sv.contains("112") && said.en.contains("112"), "{text}: {}", said.sv);
    }
}

/// To add a case, add a row: answers, and what the reading holds of them. A sign that was not ticked is a "no" by name; one
/// that nobody asked about, or that is not known, is not there.
#[test]
fn what_was_answered_is_what_the_reading_holds() {
    let form = symptom_form();
    let rows = [
        ("red-flags=chest-stays", r#"{"chest_pain":3}"#),
        ("red-flags=unknown change=unknown more=unknown", "{}"),
        ("red-flags=froth", "{}"),
        (
            "red-flags=none change=same more=none",
            r#"{"breathlessness":0,"orthopnoea":0,"swelling":0,"dizziness":0,"fatigue":0,"worse_than_yesterday":0,"chest_pain":0,"fainting":0,"breathless_at_rest":0,"cough":0,"palpitations":0}"#,
        ),
        (
            "red-flags=none change=worse more=breathless,cough breathless-how=quite",
            r#"{"breathlessness":2,"orthopnoea":0,"swelling":0,"dizziness":0,"fatigue":0,"worse_than_yesterday":1,"chest_pain":0,"fainting":0,"breathless_at_rest":0,"cough":1,"palpitations":0}"#,
        ),
        (
            "red-flags=unknown change=worse more=dizzy,unknown dizzy-how=unknown",
            r#"{"worse_than_yesterday":1}"#,
        ),
    ];
    for (text, expected) in rows {
        let expected: SymptomAnswers = serde_json::from_str(expected).expect("answers");
        assert_eq!(form.symptoms(&answers(form, text)), expected, "{text}");
    }
}

/// To add a case, add a row: answers, how many questions are left for somebody to whom the rest is "no". By hand.
#[test]
fn it_says_how_many_questions_are_left() {
    let form = symptom_form();
    let rows = [
        ("", 3),
        ("red-flags=none", 2),
        ("red-flags=froth", 0),
        ("red-flags=none change=same more=dizzy,tired", 2),
    ];
    for (text, left) in rows {
        assert_eq!(form.rest(&answers(form, text)), left, "{text}");
    }
}

/// What was answered and then walked away from by another answer counts for nothing.
#[test]
fn only_answers_on_the_way_count() {
    let form = symptom_form();
    let mut given = answers(form, "red-flags=none change=same more=dizzy dizzy-how=very");
    form.answer(&mut given, "more", &["none".to_owned()]).expect("an answer");
    assert!(matches!(form.step(&given), Step::End(outcome) if outcome.id == "well"));
    assert_eq!(form.symptoms(&given).get(Symptom::Dizziness), Some(Severity::NONE));
    form.answer(&mut given, "more", &["none".to_owned(), "swollen".to_owned()]).expect("an answer");
    assert_eq!(given["more"], ["swollen"], "\"none of it\" beside a tick is that tick");
    for (question, codes) in
        [("more", &[][..]), ("change", &["same", "worse"]), ("more", &["gone"]), ("gone", &["none"])]
    {
        let codes: Vec<String> = codes.iter().map(|code| (*code).to_owned()).collect();
        assert!(form.answer(&mut given, question, &codes).is_err(), "{question} {codes:?}");
    }
}

/// To add a case, add a row: tree, answers, and the reason that staff read; none where nobody need act.
#[test]
fn staff_read_what_was_answered() {
    let (form, whose) = (symptom_form(), whose_reading());
    let rows = [
        (form, "red-flags=none change=same more=none", None),
        (
            form,
            "red-flags=chest-stays",
            Some((Priority::Urgent, "svaren leder till 112: ont i bröstet, och det går inte över")),
        ),
        (
            form,
            "red-flags=none change=much-worse more=worried",
            Some((Priority::Urgent, "svaren är brådskande: mycket sämre; orolig för hur jag mår")),
        ),
        (form, "", Some((Priority::Urgent, "svaren är brådskande: vet inte på 3 av frågorna"))),
        (
            form,
            "red-flags=none change=same more=swollen swollen-how=quite",
            Some((
                Priority::Soon,
                "svarade på frågor: svullen om ben, fötter eller mage; svullen: ganska mycket",
            )),
        ),
        (whose, "whose=other", Some((Priority::Routine, "svarade på frågor: nej, det var någon annan"))),
    ];
    for (tree, text, expected) in rows {
        let (answers, outcome) = tree.left_at(&answers(tree, text));
        let now = "2026-11-24T09:00:00Z".parse().expect("a time");
        let found = finding(tree, &answers, outcome, (None, "1", now));
        let read = found.as_ref().map(|one| (one.priority, one.reason.text_sv.as_str()));
        assert_eq!(read, expected, "{text}");
        assert!(found.is_none_or(|one| is_answered(&one.reason.rule) && one.problem == tree.problem()));
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
    let form = symptom_form();
    let given = answers(form, "red-flags=none change=same more=swollen swollen-how=quite");
    for (now, holds, lacks, why) in rows {
        let now: Timestamp = now.parse().expect(now);
        let (_, outcome) = form.left_at(&given);
        for text in [closing(outcome, now, &zone()).sv, opening(Problem::Pulse, &[], now, &zone()).text.sv] {
            assert!(text.contains(holds), "{why}: {text}");
            assert!(lacks.is_empty() || !text.contains(lacks), "{why}: {text}");
        }
    }
    let (_, call) = form.left_at(&answers(form, "red-flags=froth"));
    let said = closing(call, rows[0].0.parse().expect("a time"), &zone()).sv;
    assert!(!said.contains("stängd"), "who must call 112 is told nothing else: {said}");
}

/// The words the patient must never meet, from the house's own rule on plain language; nor a promise that somebody is
/// watching.
#[test]
fn openings_are_plain_and_name_a_number_to_call() {
    let now = "2026-11-24T09:00:00Z".parse().expect("a time");
    let mut texts: Vec<Bilingual> =
        Problem::ALL.iter().map(|problem| opening(*problem, &[], now, &zone()).text).collect();
    texts.extend(trees().iter().flat_map(Questionnaire::outcomes).map(|outcome| outcome.text.clone()));
    for text in &texts {
        for (text, banned) in [
            (&text.sv, ["systol", "CUSUM", "EMA", "minut", "trend", "dekomp", "vakar", "genast"]),
            (&text.en, ["systol", "CUSUM", "EMA", "minute", "MACD", "decomp", "watching", "at once"]),
        ] {
            assert!(text.contains("112"), "{text}");
            for word in banned {
                assert!(!text.contains(word), "{word} in {text}");
            }
        }
    }
    for problem in Problem::ALL {
        let asks = opening(*problem, &[], now, &zone()).asks;
        let is_asked = problem.is_clinical() || *problem == Problem::DataQuality;
        assert_eq!(asks.is_some(), is_asked, "{problem:?}");
        if problem.is_clinical() {
            let first = asks.and_then(|tree| tree.questions().next()).expect("a question");
            assert_eq!(first.id, "red-flags", "red flags are asked first");
        }
    }
}

/// A tree that cannot be meant is refused, with the item and the reason. Each row is the shipped form with one thing in it
/// changed.
#[test]
fn a_tree_that_cannot_be_meant_is_refused() {
    let text = include_str!("../../questionnaires/symptom-form.json");
    Questionnaire::parse(text).expect("as it is shipped");
    let rows = [
        ("\"status\": \"active\"", "\"status\": \"draft\"", "not an active"),
        ("\"valueCode\": \"symptoms\"", "\"valueCode\": \"nothing\"", "which problem"),
        ("\"enableBehavior\"", "\"enableBehaviour\"", "unknown field"),
        ("\"question\": \"more\"", "\"question\": \"mroe\"", "does not come before"),
        ("\"code\": \"unknown\", \"display\"", "\"code\": \"unknwon\", \"display\"", "\"unknown\""),
        ("\"operator\": \">\"", "\"operator\": \"~\"", "not understood"),
        ("\"valueCode\": \"emergency\"", "\"valueCode\": \"ambulance\"", "without kind"),
        (
            "\"name\", \"valueCode\": \"chest_pain\"",
            "\"name\", \"valueCode\": \"chest\"",
            "symptom or a grade",
        ),
        ("\"linkId\": \"change\"", "\"linkId\": \"red-flags\"", "one link id"),
        ("urn:vagen:fhir:unticked", "urn:vagen:fhir:untickd", "extension that is not known"),
    ];
    for (from, to, says) in rows {
        assert!(text.contains(from), "{from}");
        let error = Questionnaire::parse(&text.replace(from, to)).expect_err(to).to_string();
        assert!(error.contains(says), "{to}: {error}");
    }
    let end = text.rfind("\"linkId\": \"next-working-day\"").expect("the last end");
    let conditional = format!(
        "{}\"enableWhen\": [{{\"question\": \"more\", \"operator\": \"exists\", \"answerBoolean\": true}}], {}",
        &text[..end],
        &text[end..]
    );
    let error = Questionnaire::parse(&conditional).expect_err("no end for everybody").to_string();
    assert!(error.contains("must end in an outcome"), "{error}");
}
