# patients
