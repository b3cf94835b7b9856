patients-title = Patients
patients-search = Search by name
patients-find = Search
patients-found = { $count ->
    [one] One patient you have a care relation with.
   *[other] { $count } patients you have a care relation with.
 }
patients-empty-title = No patient to show
patients-empty = The patients your unit has a care relation with stand here. Change the search, or ask whoever keeps the register to add your unit to the patient.
patients-never = Never measured
patients-silent = { $when } (silent for { $count } days)
