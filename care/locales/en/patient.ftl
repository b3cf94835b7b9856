# patient
chart-weight = Weight, kg
chart-pressure = Blood pressure, mmHg
chart-pulse = Pulse, beats/min
chart-symptoms = Symptoms
chart-usual = usual
chart-empty = No measurements yet
chart-empty-symptoms = No answers yet
chart-no-symptoms = no symptoms
chart-symptom-breathlessness = Breathlessness
chart-symptom-orthopnoea = Lying flat
chart-symptom-swelling = Swelling
chart-symptom-dizziness = Dizziness
chart-symptom-fatigue = Fatigue
chart-symptom-worse-than-yesterday = Worse than yesterday
chart-symptom-chest-pain = Chest pain
chart-symptom-fainting = Fainting
chart-symptom-breathless-at-rest = Breathless at rest
chart-symptom-cough = Cough
chart-symptom-palpitations = Palpitations
mark-measured = measured
mark-manual = written by hand
mark-late = arrived late
mark-unassessed = not assessed
mark-failed = could not measure
summary-weight-up = Weight rose { $kg } kg in { $days ->
    [one] { $days } day
   *[other] { $days } days
 }, to { $last } kg.
summary-weight-down = Weight fell { $kg } kg in { $days ->
    [one] { $days } day
   *[other] { $days } days
 }, to { $last } kg.
summary-weight-level = Weight has been about level for a week, last { $last } kg.
summary-usual = Usual is { $usual } kg.
summary-missing = { $count } of { $days } days have no measurement.
summary-pressure = Blood pressure was last { $last }, systolic between { $low } and { $high } over { $days } days.
summary-pulse = Pulse was last { $last }, between { $low } and { $high } over { $days } days.
summary-symptoms = Last answers { $day }: { $words }.
