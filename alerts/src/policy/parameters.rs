//! The numbers a policy may set, section by section, each with the range outside which it is a slip of the pen.
//!
//! A section that a policy leaves out is a rule that it does not have, and so is a number that is `optional` within one: no
//! number stands in for it. The same list serves three: it checks a
//! policy, it says which keys a patient's own limits may use, and it documents them.
//!
//! **Invariant:** a [`Rules`] that was parsed holds every number within its range; rules need not check again.

use serde::Deserialize;

/// What [`Rules::visit`] shows of one number: section, key, the number, its least and its greatest.
pub(crate) struct Parameter<'a> {
    pub(crate) section: &'static str,
    pub(crate) key: &'static str,
    pub(crate) value: &'a mut f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
}

macro_rules! sections {
    ($($(#[$doc:meta])* $name:ident $key:ident {
        $($(#[$field_doc:meta])* $field:ident: $min:literal, $max:literal;)+
    } $([$($(#[$more_doc:meta])* $more:ident: $more_min:literal, $more_max:literal;)+])?)+) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
            #[serde(deny_unknown_fields)]
            pub struct $name {
                $($(#[$field_doc])* pub $field: f64,)+
                $($($(#[$more_doc])* #[serde(default)] pub $more: Option<f64>,)+)?
            }
        )+

        /// The rules of a policy; an absent one is off.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
        #[serde(deny_unknown_fields)]
        pub struct Rules {
            $($(#[$doc])* pub $key: Option<$name>,)+
        }

        impl Rules {
            /// Shows every number there is.
            pub(crate) fn visit(&mut self, mut see: impl FnMut(Parameter<'_>)) {
                $(if let Some(section) = &mut self.$key {
                    $(see(Parameter {
                        section: stringify!($key),
                        key: stringify!($field),
                        value: &mut section.$field,
                        min: $min,
                        max: $max,
                    });)+
                    $($(if let Some(value) = &mut section.$more {
                        see(Parameter {
                            section: stringify!($key),
                            key: stringify!($more),
                            value,
                            min: $more_min,
                            max: $more_max,
                        });
                    })+)?
                })+
            }
        }
    };
}

sections! {
    /// A gain over a few days that opens a case on its own.
    WeightJump weight_jump {
        /// More than this gain, kg.
        gain_kg: 0.2, 20.0;
        /// Within this many days.
        days: 1.0, 30.0;
        /// A gain at least this large is urgent, kg.
        urgent_gain_kg: 0.2, 50.0;
    } [
        /// Or more than this gain within `short_days`, kg.
        short_gain_kg: 0.2, 20.0;
        /// The shorter span, days.
        short_days: 1.0, 30.0;
    ]
    /// The difference of two moving averages of weight, as a rule of its own.
    WeightMacd weight_macd {
        /// The fast average: N of an exponential moving average, days.
        fast_days: 1.0, 30.0;
        /// The slow average, days.
        slow_days: 5.0, 120.0;
        /// More than this difference, kg.
        gain_kg: 0.1, 20.0;
        /// Weighings needed before weight is judged.
        readings_min: 2.0, 60.0;
        /// Days from the first of them to the last.
        days_min: 0.0, 60.0;
    }
    /// A cumulative sum of standardised residuals of weight.
    WeightCusum weight_cusum {
        /// The average that weight is compared with: N of an exponential moving average, days.
        usual_days: 5.0, 120.0;
        /// Allowance: what each standardised residual is lessened by.
        allowance: 0.0, 5.0;
        /// More than this sum.
        limit: 0.5, 50.0;
        /// Usual noise of a person's weighings, kg (standard deviation of the day-to-day difference).
        noise_prior_kg: 0.05, 5.0;
        /// How many differences the usual noise counts for beside the person's own.
        noise_prior_count: 1.0, 200.0;
        /// Weighings needed before weight is judged.
        readings_min: 2.0, 60.0;
        /// Days from the first of them to the last.
        days_min: 0.0, 60.0;
    }
    /// A straight line through the last weighings that rises beyond chance.
    WeightSlope weight_slope {
        /// Weighings of this many days, at most the last ten.
        days: 3.0, 30.0;
        /// At least so many of them.
        readings_min: 3.0, 10.0;
        /// The line rises by more than this over `days`, kg.
        gain_kg: 0.1, 20.0;
        /// One-sided probability of such a line by chance, at most.
        probability_max: 0.0001, 0.5;
    }
    /// The combined detector: signs give points, the points one sum, the sum one case.
    Decompensation decompensation {
        /// The sum that opens a case.
        alarm_points: 0.1, 100.0;
        /// Each further step of the sum is news for an open case.
        step_points: 0.1, 100.0;
        /// The sum that makes it urgent.
        urgent_points: 0.1, 100.0;
        /// A smoothed gain over the usual weight that makes it urgent, kg.
        urgent_gain_kg: 0.5, 50.0;
        /// Breathlessness or orthopnoea of this grade, above habit and beside a weight sign, makes it urgent.
        urgent_symptom_grade: 1.0, 3.0;
        /// The fast average of weight: N of an exponential moving average, days.
        weight_fast_days: 1.0, 30.0;
        /// The slow average of weight, days.
        weight_slow_days: 5.0, 120.0;
        /// Usual noise of a person's weighings, kg (standard deviation of the day-to-day difference).
        weight_noise_prior_kg: 0.05, 5.0;
        /// How many differences the usual noise counts for beside the person's own.
        weight_noise_prior_count: 1.0, 200.0;
        /// Weighings needed before weight is judged.
        weight_readings_min: 2.0, 60.0;
        /// Days from the first of them to the last.
        weight_days_min: 0.0, 60.0;
        /// Difference of the averages over noise where points begin.
        weight_from: 0.0, 20.0;
        /// Where they are all given.
        weight_full: 0.1, 40.0;
        /// Points of a full weight sign.
        weight_points: 0.0, 100.0;
        /// More than this gain within `jump_days` adds `jump_points`, kg.
        jump_gain_kg: 0.2, 20.0;
        /// Days of the jump.
        jump_days: 1.0, 30.0;
        /// Points of a jump.
        jump_points: 0.0, 100.0;
        /// The fast average of pulse and pressure, days.
        vital_fast_days: 1.0, 30.0;
        /// The slow average of pulse and pressure, days.
        vital_slow_days: 5.0, 120.0;
        /// Readings needed before they are judged.
        vital_readings_min: 2.0, 60.0;
        /// Usual noise of pulse, /min.
        pulse_noise_prior_per_min: 0.5, 40.0;
        /// Usual noise of systolic pressure, mmHg.
        systolic_noise_prior_mmhg: 0.5, 60.0;
        /// How many differences the usual noise of either counts for.
        vital_noise_prior_count: 1.0, 200.0;
        /// Difference of the averages over noise where points begin.
        vital_from: 0.0, 20.0;
        /// Where they are all given.
        vital_full: 0.1, 40.0;
        /// Points of a full rise of pulse.
        pulse_points: 0.0, 100.0;
        /// Points of a full change of systolic pressure, either way.
        systolic_points: 0.0, 100.0;
        /// Answers count as recent for this long, days.
        symptom_recent_days: 0.5, 14.0;
        /// A habit begins at answers this old, days.
        habit_from_days: 1.0, 14.0;
        /// A habit ends at answers this old, days.
        habit_until_days: 10.0, 120.0;
        /// How many answers of "none" a habit starts from.
        habit_prior_count: 0.0, 50.0;
        /// Usual swing of a person's answers around their habit, grades (standard deviation).
        symptom_noise_grade: 0.1, 3.0;
        /// Grades above habit where points begin.
        symptom_from: 0.0, 3.0;
        /// Where they are all given.
        symptom_full: 0.1, 3.0;
        /// Points of each symptom at full.
        breathlessness_points: 0.0, 100.0;
        /// As above.
        orthopnoea_points: 0.0, 100.0;
        /// As above.
        swelling_points: 0.0, 100.0;
        /// As above.
        fatigue_points: 0.0, 100.0;
        /// As above.
        dizziness_points: 0.0, 100.0;
        /// As above.
        cough_points: 0.0, 100.0;
        /// As above.
        palpitations_points: 0.0, 100.0;
        /// Points of "worse than yesterday".
        worse_points: 0.0, 100.0;
        /// Share of days without a reading in the last week, above the person's habit, where points begin.
        silence_from: 0.0, 1.0;
        /// Points when the share is one above habit.
        silence_points: 0.0, 100.0;
    } [
        /// A level of the sum is left only when the sum falls this far below it.
        rearm_points: 0.0, 50.0;
        /// The alarm changes by this much of itself for each whole by which the person's own mean of sum over alarm, without
        /// consequence, differs from `personal_usual`.
        personal_share: 0.0, 10.0;
        /// The mean of sum over alarm that is usual.
        personal_usual: 0.0, 1.0;
        /// How many days the usual mean counts for beside the person's own.
        personal_prior_count: 1.0, 1000.0;
        /// Noise of weight is also how far the person's averages differ from each other by habit, times this; the geometric
        /// mean of both is used.
        weight_swing_factor: 0.1, 10.0;
        /// Usual difference of the averages, kg (root mean square).
        weight_swing_prior_kg: 0.05, 5.0;
        /// How many weighings the usual difference counts for beside the person's own.
        weight_swing_prior_count: 1.0, 200.0;
        /// How many days of answers the usual swing of answers counts for beside the person's own; absent: as for habits.
        symptom_noise_prior_count: 0.0, 100.0;
        /// The swing of answers that is usual while the person's own is not known, grades; absent: as `symptom_noise_grade`, which is
        /// the least that is reckoned with.
        symptom_noise_prior_grade: 0.1, 3.0;
        /// Answers are weighed by how many there are, recent and old, against so many recent ones and a habit long known.
        symptom_answers_usual: 0.5, 14.0;
        /// Until so many answers are old enough for a habit, those before the recent days stand in for them.
        habit_answers_min: 0.0, 50.0;
        /// The grade of the answers that a habit starts from; absent: none.
        habit_prior_grade: 0.0, 1.0;
        /// Until so many days of answers are old enough to tell how the person's answers swing, those before the recent days
        /// stand in for them.
        swing_answers_min: 0.0, 50.0;
        /// What an answer below habit takes from the points of the others, as a share of what it would give above it.
        symptom_below_share: 0.0, 1.0;
        /// The person's sum over alarm is raised to this power, a whole number, before its mean is taken, so that high days
        /// count for more; absent: 1.
        personal_power: 1.0, 4.0;
    ]
    /// Blood pressure limits.
    BloodPressure blood_pressure {
        /// Systolic below this, with recent symptoms, mmHg.
        systolic_low_symptoms_mmhg: 50.0, 140.0;
        /// Systolic above this, with recent symptoms, mmHg.
        systolic_high_symptoms_mmhg: 110.0, 250.0;
        /// Systolic below this, mmHg.
        systolic_low_mmhg: 50.0, 140.0;
        /// Systolic above this, mmHg.
        systolic_high_mmhg: 110.0, 250.0;
        /// Diastolic above this, mmHg.
        diastolic_high_mmhg: 60.0, 160.0;
        /// Systolic below this needs no second reading and is urgent, mmHg.
        systolic_low_extreme_mmhg: 40.0, 140.0;
        /// Systolic at or above this needs no second reading and is urgent, mmHg.
        systolic_high_extreme_mmhg: 120.0, 300.0;
        /// Diastolic at or above this needs no second reading and is urgent, mmHg.
        diastolic_high_extreme_mmhg: 80.0, 200.0;
        /// Two readings in a row count when no more than this lies between them, days.
        repeat_days: 0.5, 30.0;
        /// Answers make "with symptoms" for this long, hours.
        symptom_hours: 1.0, 168.0;
    } [
        /// What has counted counts again only after the person's usual pressure lay this far inside the limit, mmHg.
        hysteresis_mmhg: 0.0, 40.0;
        /// A limit lies at least this far beyond the person's usual systolic pressure, mmHg.
        usual_margin_mmhg: 0.0, 80.0;
        /// Answers make "with symptoms" from so many grades above habit.
        above_habit: 0.0, 3.0;
        /// Two readings in a row count when at least this lies between them, hours.
        repeat_hours_min: 0.0, 72.0;
        /// What has counted and was never left counts again after this long, days.
        hold_days_max: 1.0, 365.0;
    ]
    /// Pulse limits.
    Pulse pulse {
        /// Below this, with recent symptoms, /min.
        low_symptoms_per_min: 25.0, 80.0;
        /// Above this, with recent symptoms, /min.
        high_symptoms_per_min: 70.0, 200.0;
        /// Below this, /min.
        low_per_min: 25.0, 80.0;
        /// Above this, /min.
        high_per_min: 70.0, 200.0;
        /// Below this needs no second reading and is urgent, /min.
        low_extreme_per_min: 20.0, 80.0;
        /// At or above this needs no second reading and is urgent, /min.
        high_extreme_per_min: 80.0, 250.0;
        /// Two readings in a row count when no more than this lies between them, days.
        repeat_days: 0.5, 30.0;
        /// Answers make "with symptoms" for this long, hours.
        symptom_hours: 1.0, 168.0;
    } [
        /// What has counted counts again only after the person's usual pulse lay this far inside the limit, /min.
        hysteresis_per_min: 0.0, 40.0;
        /// A limit lies at least this far beyond the person's usual pulse, /min.
        usual_margin_per_min: 0.0, 80.0;
        /// Answers make "with symptoms" from so many grades above habit.
        above_habit: 0.0, 3.0;
        /// Two readings in a row count when at least this lies between them, hours.
        repeat_hours_min: 0.0, 72.0;
        /// What has counted and was never left counts again after this long, days.
        hold_days_max: 1.0, 365.0;
    ]
    /// Oxygen saturation limits.
    Oxygen oxygen {
        /// Below this, twice in a row, %.
        low_percent: 60.0, 98.0;
        /// Below this needs no second reading and is urgent, unless the device doubts the value, %.
        urgent_percent: 60.0, 98.0;
        /// Two readings in a row count when no more than this lies between them, days.
        repeat_days: 0.5, 30.0;
    } [
        /// What has counted counts again only after a value lay this far above the limit, percentage points.
        hysteresis_percent: 0.0, 10.0;
        /// Two readings in a row count when at least this lies between them, hours.
        repeat_hours_min: 0.0, 72.0;
        /// What has counted and was never left counts again after this long, days.
        hold_days_max: 1.0, 365.0;
    ]
    /// Symptoms that need no other sign.
    SymptomFlags symptoms {
        /// Chest pain, fainting or breathlessness at rest of at least this grade.
        red_flag_grade: 1.0, 3.0;
        /// Breathless lying flat of at least this grade.
        orthopnoea_grade: 1.0, 3.0;
        /// Breathlessness of at least this grade.
        breathlessness_grade: 1.0, 3.0;
        /// The two above count only when this far above the person's habit, grades.
        above_habit: 0.0, 3.0;
        /// How many answers of "none" a habit starts from.
        habit_prior_count: 0.0, 50.0;
    } [
        /// A habit of few answers is known less well: what is asked above it grows by the root of one and this over their
        /// number.
        unknown_share: 0.0, 2.0;
    ]
    /// The ladder of silence: whole local days without any sign of the patient.
    Silence silence {
        /// A message to the patient, days.
        message_days: 1.0, 60.0;
        /// Staff see a task from this many days; a reminder before that is between the patient and us.
        task_days: 1.0, 60.0;
        /// The patient is called, days.
        call_patient_days: 1.0, 60.0;
        /// The next of kin is called, days.
        call_next_of_kin_days: 1.0, 60.0;
        /// The clinician is told, days; and once a week from then on.
        clinician_days: 1.0, 60.0;
        /// A day counts as silent from this hour, local time.
        check_hour: 0.0, 23.0;
        /// Heard of, but without a weight for this long, days.
        missing_weight_days: 1.0, 60.0;
        /// A hospital stay without a known end stops excusing silence after this long, days.
        admission_days_max: 1.0, 365.0;
    } [
        /// For who by habit leaves gaps every step waits longer, by at most this many days.
        habit_days_max: 0.0, 14.0;
        /// The plan asks for a measurement every so many days.
        every_days: 1.0, 31.0;
    ]
    /// Measurements that a device says failed.
    Device device {
        /// This many failures of one kind, with no measured value between, within `hours`.
        failures: 1.0, 20.0;
        /// Hours they fall within.
        hours: 1.0, 168.0;
        /// Or failures of one kind, with no measured value between, on this many days.
        days: 1.0, 30.0;
    }
}
