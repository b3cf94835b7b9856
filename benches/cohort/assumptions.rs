//! Every assumption behind a made cohort, with its unit and where it comes from, and the variants that change some of them.
//!
//! **Invariant:** a cohort depends on its assumptions, its seed and its number of people, and on nothing else.

macro_rules! assumptions {
    ($($name:ident: $value:literal, $unit:literal, $why:literal;)+) => {
        /// A cohort's assumptions; each one's meaning is in [`Assumptions::rows`].
        #[derive(Clone, Copy, Debug, PartialEq)]
        pub(crate) struct Assumptions {
            $(pub(crate) $name: f64,)+
        }

        impl Default for Assumptions {
            fn default() -> Self {
                Self { $($name: $value,)+ }
            }
        }

        impl Assumptions {
            /// Name, value, unit, and what it rests on.
            pub(crate) fn rows(&self) -> Vec<(&'static str, f64, &'static str, &'static str)> {
                vec![$((stringify!($name), self.$name, $unit, $why),)+]
            }
        }
    };
}

assumptions! {
    // What is to be foreseen.
    events_per_year: 0.6, "/year", "admissions for heart failure";
    event_rate_log_sd: 0.5, "", "ours: some people are admitted again and again";
    event_gain_kg: 0.9, "kg", "Zhang 2009: gain in the 14 days before";
    event_gain_sd_kg: 2.0, "kg", "Zhang 2009: 2.1, with the noise of two weighings in it";
    onset_days: 30.0, "days", "Chaudhry 2007: begins about day -30";
    onset_slow_share: 0.3, "", "Chaudhry 2007: the rest diverges in the last days";
    onset_fast_days_min: 4.0, "days", "ours, about Chaudhry's week";
    onset_fast_days_max: 14.0, "days", "ours";
    event_symptoms_grade: 1.4, "grades", "ours: rise of breathlessness at the end, at least 0";
    event_symptoms_sd_grade: 0.9, "grades", "ours: many events show none";
    event_pulse_per_min: 4.0, "/min", "ours: rise at the end";
    event_pulse_sd_per_min: 4.0, "/min", "ours";
    event_systolic_mmhg: 5.0, "mmHg", "ours: as often down as up";
    event_silence: 0.12, "", "ours, after PMC7352152: more missing days in the last week";
    stay_days: 7.0, "days", "ours";
    stay_is_told: 1.0, "", "whether admission and discharge reach the record";
    dry_weight_sd_kg: 0.8, "kg", "ours: the weight after discharge against that before";
    other_admissions_per_year: 0.2, "/year", "ours; not to be foreseen, weight -0.2 +/- 1.1 kg (Zhang 2009)";
    // Weight of everybody, always.
    weight_kg: 82.0, "kg", "ours"; weight_sd_kg: 15.0, "kg", "ours";
    weight_noise_kg: 0.45, "kg", "a person's noise, median";
    weight_noise_log_sd: 0.4, "", "between persons";
    weight_tail: 0.02, "", "share of weighings with four times the noise";
    drift_sd_kg: 0.65, "kg", "ours: wandering of the true weight";
    drift_memory_days: 25.0, "days", "ours";
    trend_sd_kg_per_year: 1.0, "kg/year", "ours: appetite, muscle";
    season_kg: 0.3, "kg", "ours: heavier in winter";
    salty_meals_per_year: 4.0, "/year", "ours: a kilogram for two days";
    diuretic_changes_per_year: 0.4, "/year", "ours: a new weight within five days";
    diuretic_change_sd_kg: 1.0, "kg", "ours";
    other_person: 0.002, "", "ours: share of weighings by somebody else";
    scale_changes_per_year: 0.1, "/year", "ours: another scale, or the same on a carpet";
    scale_change_sd_kg: 0.8, "kg", "ours";
    pounds_per_year: 0.0, "/year", "ours: three days in pounds";
    // Pressure and pulse.
    systolic_mmhg: 122.0, "mmHg", "ours"; systolic_sd_mmhg: 13.0, "mmHg", "ours";
    systolic_noise_mmhg: 8.6, "mmHg", "Ohasama, morning";
    systolic_wander_mmhg: 3.0, "mmHg", "ours: wandering over weeks";
    diastolic_noise_mmhg: 5.8, "mmHg", "Ohasama, morning";
    pulse_per_min: 70.0, "/min", "ours"; pulse_sd_per_min: 8.0, "/min", "ours";
    pulse_noise_per_min: 5.0, "/min", "ours";
    pulse_wander_per_min: 2.0, "/min", "ours: wandering over weeks";
    irregular_share: 0.15, "", "ours: atrial fibrillation, twice the noise of pulse";
    beta_blocked_share: 0.4, "", "ours: a third of the rise of pulse";
    cuff_share: 1.0, "", "people who have a cuff";
    // Symptoms.
    habit_sd_grade: 0.5, "grades", "ours: around 0.6 breathless, 0.25 lying flat, 0.4 swollen, 0.3 dizzy, 0.8 tired";
    answer_noise_grade: 0.42, "grades", "ours: a person's noise, median";
    answer_noise_log_sd: 0.3, "", "ours: between persons";
    symptom_wander_grade: 0.15, "grades", "ours: wandering over a week or two";
    form_every_days: 2.0, "days", "the recommended plan";
    form_skipped: 0.1, "", "ours: of the forms on days with measuring";
    formless_share: 0.0, "", "people who never answer";
    // What goes up and down again and is no event.
    benign_per_year: 1.5, "/year", "ours: builds like an event and is gone in five days";
    benign_gain_kg: 0.3, "kg", "ours"; benign_gain_sd_kg: 0.8, "kg", "ours";
    benign_symptoms_grade: 0.3, "grades", "ours"; benign_symptoms_sd_grade: 0.4, "grades", "ours";
    benign_pulse_per_min: 0.0, "/min", "ours"; benign_pulse_sd_per_min: 1.0, "/min", "ours";
    colds_per_year: 0.5, "/year", "ours: a week of cough, tiredness, breathlessness, pulse";
    cold_grade: 0.8, "grades", "ours"; cold_pulse_per_min: 5.0, "/min", "ours";
    // Measuring at all.
    missing_min: 0.2, "", "share of days without anything, the most diligent";
    missing_max: 0.4, "", "the least diligent";
    missing_growth: 0.6, "", "a year in, against its start, as a share; least in the first two weeks";
    missing_run_days: 1.5, "days", "ours: how long a gap lasts on average";
    weight_skipped: 0.03, "", "ours: days with pressure but no weight";
    late_share: 0.0, "", "ours: days whose values arrive three days later";
}

/// Assumptions with a name.
pub(crate) struct Variant {
    pub(crate) name: &'static str,
    pub(crate) assumptions: Assumptions,
}

/// The base case first, then each way in which people may differ from it.
#[rustfmt::skip]
pub(crate) fn variants() -> Vec<Variant> {
    let base = Assumptions::default();
    let named = |name, assumptions| Variant { name, assumptions };
    vec![
        named("base", base),
        named("weights 30 % noisier, and drifting", Assumptions { weight_noise_kg: 0.585, drift_sd_kg: 0.9, trend_sd_kg_per_year: 3.0, season_kg: 0.8, ..base }),
        named("symptoms and pulse that also change benignly", Assumptions { benign_per_year: 3.0, benign_symptoms_grade: 0.7, benign_symptoms_sd_grade: 0.5, benign_pulse_per_min: 3.0, benign_pulse_sd_per_min: 2.0, colds_per_year: 1.0, symptom_wander_grade: 0.3, ..base }),
        named("colds: two a year, and worse", Assumptions { colds_per_year: 2.0, cold_grade: 1.1, cold_pulse_per_min: 8.0, ..base }),
        named("salty meals, diuretic changes, seasons", Assumptions { salty_meals_per_year: 15.0, diuretic_changes_per_year: 2.0, diuretic_change_sd_kg: 1.5, season_kg: 1.2, ..base }),
        named("fewer gains of weight before events", Assumptions { event_gain_kg: 0.5, event_gain_sd_kg: 1.4, ..base }),
        named("fewer symptoms before events", Assumptions { event_symptoms_grade: 0.9, event_symptoms_sd_grade: 0.9, ..base }),
        named("slow onset", Assumptions { onset_days: 40.0, onset_slow_share: 0.6, onset_fast_days_min: 10.0, onset_fast_days_max: 25.0, ..base }),
        named("fast onset", Assumptions { onset_slow_share: 0.15, onset_fast_days_min: 3.0, onset_fast_days_max: 8.0, ..base }),
        named("half as many events", Assumptions { events_per_year: 0.3, ..base }),
        named("twice as many events", Assumptions { events_per_year: 1.2, ..base }),
        named("long gaps, half of all days missing", Assumptions { missing_min: 0.35, missing_max: 0.6, missing_run_days: 4.0, ..base }),
        named("everybody measures nearly every day", Assumptions { missing_min: 0.05, missing_max: 0.15, ..base }),
        named("forms skipped or never answered", Assumptions { form_every_days: 3.0, form_skipped: 0.3, formless_share: 0.2, ..base }),
        named("a form every day", Assumptions { form_every_days: 1.0, ..base }),
        named("talkative: answers swing", Assumptions { answer_noise_grade: 0.65, habit_sd_grade: 0.8, symptom_wander_grade: 0.3, ..base }),
        named("two people on the scale, pounds, new scales", Assumptions { other_person: 0.03, scale_changes_per_year: 1.0, scale_change_sd_kg: 1.2, pounds_per_year: 0.5, ..base }),
        named("other admissions, new dry weights", Assumptions { other_admissions_per_year: 1.0, dry_weight_sd_kg: 2.0, ..base }),
        named("admissions that nobody tells of", Assumptions { stay_is_told: 0.0, other_admissions_per_year: 0.5, ..base }),
        named("irregular pulses", Assumptions { irregular_share: 0.5, ..base }),
        named("pulses held by beta blockers", Assumptions { beta_blocked_share: 1.0, ..base }),
        named("no cuffs", Assumptions { cuff_share: 0.0, ..base }),
        named("a tenth arrives three days late", Assumptions { late_share: 0.1, ..base }),
    ]
}
