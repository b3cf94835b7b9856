patients-title = Patienter
patients-search = Sök på namn
patients-find = Sök
patients-found = { $count ->
    [one] En patient som du har vårdrelation med.
   *[other] { $count } patienter som du har vårdrelation med.
 }
patients-empty-title = Ingen patient att visa
patients-empty = Här står de patienter som din enhet har vårdrelation med. Ändra sökningen, eller be den som sköter registret lägga till din enhet hos patienten.
patients-never = Aldrig mätt
patients-silent = { $when } ({ $count } dagar tyst)
