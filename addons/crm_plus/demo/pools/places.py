"""Where the customers of the demo company are, and what people are called there."""
# ruff: noqa: E501 - tables of texts: one entry, one line

# country code: (language of the people, phone patterns, cities). In a phone pattern each #
# is a digit 2-8; the prefixes are real area codes, so that the numbers are valid.
COUNTRIES = {
    "DE": (
        "de",
        ("+49 30 ########", "+49 40 ########", "+49 89 ########", "+49 221 #######"),
        (
            ("Berlin", "10119", "Torstraße"),
            ("Hamburg", "22765", "Bahrenfelder Straße"),
            ("München", "80469", "Fraunhoferstraße"),
            ("Köln", "50674", "Aachener Straße"),
            ("Leipzig", "04107", "Karl-Liebknecht-Straße"),
            ("Freiburg", "79098", "Gerberau"),
        ),
    ),
    "AT": (
        "de",
        ("+43 1 #######", "+43 662 ######", "+43 316 ######"),
        (
            ("Wien", "1070", "Neubaugasse"),
            ("Salzburg", "5020", "Linzer Gasse"),
            ("Graz", "8020", "Griesgasse"),
        ),
    ),
    "CH": (
        "de",
        ("+41 44 ### ## ##", "+41 31 ### ## ##", "+41 61 ### ## ##"),
        (
            ("Zürich", "8004", "Langstrasse"),
            ("Bern", "3011", "Kramgasse"),
            ("Basel", "4058", "Rheingasse"),
        ),
    ),
    "NL": (
        "nl",
        ("+31 20 ### ####", "+31 10 ### ####"),
        (
            ("Amsterdam", "1016 GD", "Prinsengracht"),
            ("Rotterdam", "3012 KJ", "Witte de Withstraat"),
            ("Utrecht", "3511 AX", "Oudegracht"),
        ),
    ),
    "BE": (
        "nl",
        ("+32 2 ### ## ##", "+32 3 ### ## ##"),
        (
            ("Antwerpen", "2000", "Kloosterstraat"),
            ("Gent", "9000", "Brabantdam"),
            ("Bruxelles", "1000", "Rue Antoine Dansaert"),
        ),
    ),
    "FR": (
        "fr",
        ("+33 1 4# ## ## ##", "+33 4 7# ## ## ##"),
        (
            ("Paris", "75011", "Rue Oberkampf"),
            ("Lyon", "69001", "Rue de la Martinière"),
            ("Bordeaux", "33000", "Rue Notre-Dame"),
            ("Nantes", "44000", "Rue Kervégan"),
        ),
    ),
    "IT": (
        "it",
        ("+39 02 ### ####", "+39 06 ### ####"),
        (
            ("Milano", "20144", "Via Tortona"),
            ("Torino", "10124", "Via Po"),
            ("Roma", "00153", "Viale di Trastevere"),
        ),
    ),
    "ES": (
        "es",
        ("+34 91 ### ## ##", "+34 93 ### ## ##"),
        (
            ("Madrid", "28004", "Calle del Barquillo"),
            ("Barcelona", "08003", "Carrer del Rec"),
            ("Valencia", "46006", "Calle de Cuba"),
        ),
    ),
    "GB": (
        "en",
        ("+44 20 7946 0###", "+44 161 496 0###"),
        (
            ("London", "E2 7DJ", "Calvert Avenue"),
            ("Manchester", "M4 1HN", "Tib Street"),
            ("Bristol", "BS1 4RW", "Welsh Back"),
        ),
    ),
    "IE": (
        "en",
        ("+353 1 ### ####",),
        (
            ("Dublin", "D08 X2A3", "Thomas Street"),
            ("Cork", "T12 R2C4", "MacCurtain Street"),
        ),
    ),
    "DK": (
        "da",
        ("+45 33 ## ## ##", "+45 86 ## ## ##"),
        (("København", "1620", "Vesterbrogade"), ("Aarhus", "8000", "Mejlgade")),
    ),
    "SE": (
        "sv",
        ("+46 8 ### ### ##", "+46 31 ### ## ##"),
        (("Stockholm", "116 38", "Götgatan"), ("Göteborg", "413 07", "Linnégatan")),
    ),
    "PL": (
        "pl",
        ("+48 22 ### ## ##", "+48 12 ### ## ##"),
        (("Warszawa", "00-545", "Poznańska"), ("Kraków", "31-056", "Józefa")),
    ),
    "US": (
        "en",
        ("+1 415-555-01##", "+1 503-555-01##", "+1 718-555-01##", "+1 512-555-01##"),
        (
            ("San Francisco", "94110", "Valencia Street"),
            ("Portland", "97214", "SE Division Street"),
            ("Brooklyn", "11211", "Bedford Avenue"),
            ("Austin", "78704", "South Congress Avenue"),
            ("Seattle", "98122", "East Pike Street"),
        ),
    ),
    "CA": (
        "en",
        ("+1 416-555-01##", "+1 604-555-01##"),
        (
            ("Toronto", "M6J 1G1", "Queen Street West"),
            ("Vancouver", "V5T 3C1", "Main Street"),
        ),
    ),
    "MX": (
        "es",
        ("+52 55 5### ####",),
        (("Ciudad de México", "06700", "Calle Orizaba"),),
    ),
    "JP": (
        "ja",
        ("+81 3-3###-####", "+81 75-2##-####"),
        (("Tokyo", "151-0063", "Tomigaya"), ("Kyoto", "604-8005", "Sanjo-dori")),
    ),
}

# language: (given names, family names)
PEOPLE = {
    "de": (
        "Anna Lukas Miriam Jonas Katharina Felix Sabine Tobias Lena Moritz Ulrike Stefan Johanna Matthias Franziska Niklas",
        "Brandt Hofmann Vogel Kessler Lindner Pfeiffer Steiner Huber Reinhardt Albrecht Wagenknecht Zimmerli Egger Moser Baumann Thalmann",
    ),
    "nl": (
        "Sanne Joris Femke Bram Lotte Thijs Marieke Ruben Els Wouter",
        "Vermeulen Dijkstra Hendriks Claes Maes Kuipers Brouwer Jacobs Mulder Peeters",
    ),
    "fr": (
        "Claire Hugo Élodie Antoine Manon Julien Amélie Mathieu Solène Bastien",
        "Lefebvre Moreau Girard Rousseau Chevalier Fontaine Mercier Dubois Perrin Gauthier",
    ),
    "it": (
        "Giulia Marco Chiara Alessandro Elena Davide Francesca Paolo",
        "Ferrari Conti Gallo Marini Rinaldi Colombo Santoro Barbieri",
    ),
    "es": (
        "Lucía Javier Carmen Diego Marta Álvaro Ximena Rodrigo",
        "Ortega Navarro Castillo Romero Molina Vidal Iglesias Fuentes",
    ),
    "en": (
        "Hannah Oliver Grace Liam Charlotte Ethan Maeve Daniel Zoe Marcus Priya Kwame Rachel Sean Denise Tyler",
        "Hughes Fletcher Murphy Okafor Bennett Whitaker Sullivan Patel Coleman Nakamura Reyes Doyle Harper Lindgren Foster Kim",
    ),
    "da": (
        "Freja Mikkel Ida Rasmus Signe Anders",
        "Holm Kjær Lauritsen Vestergaard Bach Friis",
    ),
    "sv": (
        "Elin Oskar Maja Viktor Astrid Henrik",
        "Lindqvist Sandberg Nyström Ekdahl Hedlund Åberg",
    ),
    "pl": (
        "Zofia Jakub Agnieszka Michał Hanna Piotr",
        "Nowicka Zieliński Wójcik Mazur Sikora Dudek",
    ),
    "ja": (
        "Haruka Kenji Yuki Takumi Naoko Ren",
        "Fujimoto Ishikawa Mori Ueda Hayashi Okada",
    ),
}
