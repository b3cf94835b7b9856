# patient
chart-weight = Vikt, kg
chart-pressure = Blodtryck, mmHg
chart-pulse = Puls, slag/min
chart-symptoms = Symtom
chart-usual = det vanliga
chart-empty = Inga mätningar ännu
chart-empty-symptoms = Inga svar ännu
chart-no-symptoms = inga symtom
chart-symptom-breathlessness = Andfåddhet
chart-symptom-orthopnoea = Plana läget
chart-symptom-swelling = Svullnad
chart-symptom-dizziness = Yrsel
chart-symptom-fatigue = Trötthet
chart-symptom-worse-than-yesterday = Sämre än i går
chart-symptom-chest-pain = Bröstsmärta
chart-symptom-fainting = Svimning
chart-symptom-breathless-at-rest = Andnöd i vila
chart-symptom-cough = Hosta
chart-symptom-palpitations = Hjärtklappning
mark-measured = mätt
mark-manual = inskrivet för hand
mark-late = kom sent
mark-unassessed = ej bedömd
mark-failed = mätning misslyckades
summary-weight-up = Vikten har ökat { $kg } kg på { $days ->
    [one] { $days } dag
   *[other] { $days } dagar
 }, till { $last } kg.
summary-weight-down = Vikten har minskat { $kg } kg på { $days ->
    [one] { $days } dag
   *[other] { $days } dagar
 }, till { $last } kg.
summary-weight-level = Vikten är ungefär oförändrad den senaste veckan, senast { $last } kg.
summary-usual = Det vanliga är { $usual } kg.
summary-missing = { $count } av { $days } dagar saknar mätning.
summary-pressure = Blodtrycket är senast { $last }, övertrycket mellan { $low } och { $high } på { $days } dagar.
summary-pulse = Pulsen är senast { $last }, mellan { $low } och { $high } på { $days } dagar.
summary-symptoms = Senaste svar { $day }: { $words }.
