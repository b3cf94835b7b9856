//! What holds for any answers, and any text of a tree.

use proptest::prelude::*;

use super::*;

proptest! {
    /// Not knowing never ends milder than any answer would, short of 112; leaving in the middle is not knowing the rest.
    #[test]
    fn unknown_leads_upward(picks in proptest::collection::vec(0usize..4096, 9), place in 0usize..9) {
        for tree in [symptom_form(), follow_up()] {
            let mut answers = Answers::new();
            let mut picks = picks.iter().cycle();
            while let Step::Ask(asks) = tree.step(&answers) {
                let every = every_answer(asks, u32::MAX);
                let pick = picks.next().copied().unwrap_or(0) % every.len();
                answers.insert(asks.id.clone(), every[pick].clone());
            }
            let kind = tree.left_at(&answers).1.kind.min(OutcomeKind::Urgent);
            let asked: Vec<String> = tree.way(&answers).iter().map(|(asks, _)| asks.id.clone()).collect();
            let question = &asked[place % asked.len()];
            let mut unknown = answers.clone();
            unknown.insert(question.clone(), vec![UNKNOWN.to_owned()]);
            prop_assert!(tree.left_at(&unknown).1.kind >= kind, "{:?} without {}", answers, question);
            let mut left = answers.clone();
            left.retain(|id, _| asked.iter().position(|one| one == id) < Some(place % asked.len()));
            prop_assert!(tree.left_at(&left).1.kind >= kind, "{:?} left at {}", answers, question);
        }
    }

    /// One tick more never makes the end milder.
    #[test]
    fn a_tick_more_never_ends_milder(ticks in 0u32..512, one in 0usize..9, grades in proptest::collection::vec(0usize..4, 5)) {
        let form = symptom_form();
        let more = form.question("more").expect("a question");
        let may: Vec<String> = more.choices.iter().filter(|choice| !choice.exclusive).map(|choice| choice.code.clone()).collect();
        let end = |ticks: u32| {
            let mut answers = answers(form, "red-flags=none change=same");
            let codes: Vec<String> = may.iter().enumerate().filter(|(at, _)| ticks & (1 << at) != 0).map(|(_, code)| code.clone()).collect();
            let codes = if codes.is_empty() { vec!["none".to_owned()] } else { codes };
            form.answer(&mut answers, "more", &codes).expect("an answer");
            for (id, grade) in ["breathless-how", "night-how", "swollen-how", "dizzy-how", "tired-how"].iter().zip(&grades) {
                let asks = form.question(id).expect("a question");
                answers.insert((*id).to_owned(), vec![asks.choices[*grade].code.clone()]);
            }
            form.left_at(&answers).1.kind
        };
        prop_assert!(end(ticks | 1 << one) >= end(ticks));
    }

    /// No text breaks the reader, and no walk fails to end.
    #[test]
    fn any_text_is_a_tree_or_an_error(text in ".{0,200}", from in 0usize..30_000, length in 0usize..40) {
        let _ = Questionnaire::parse(&text);
        let shipped = include_str!("../../../questionnaires/symptom-form.json");
        let cut: String = shipped.chars().enumerate().filter(|(at, _)| *at < from || *at >= from + length).map(|(_, c)| c).collect();
        if let Ok(tree) = Questionnaire::parse(&cut) {
            let (answers, _) = tree.left_at(&Answers::new());
            prop_assert!(matches!(tree.step(&answers), Step::End(_)));
        }
    }

    /// What the demo's people feel is what the form reads back.
    #[test]
    fn the_form_reads_back_what_is_felt(grades in proptest::collection::vec(0u8..=3, 5), worse in 0u8..=1) {
        let symptoms = [Symptom::Breathlessness, Symptom::Orthopnoea, Symptom::Swelling, Symptom::Dizziness, Symptom::Fatigue];
        let mut felt: SymptomAnswers = symptoms.iter().zip(&grades).filter_map(|(symptom, grade)| Some((*symptom, Severity::new(*grade)?))).collect();
        felt.set(Symptom::WorseThanYesterday, Severity::new(worse).expect("a grade"));
        let form = symptom_form();
        let read = form.symptoms(&form.felt(&felt));
        for (symptom, severity) in felt.iter() {
            prop_assert_eq!(read.get(symptom), Some(severity), "{}", symptom);
        }
    }
}
