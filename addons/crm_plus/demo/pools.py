"""What the demo company's world is made of: names, places, texts.

All invented. E-mail domains end in ``.example``; nobody owns them.
"""
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

# country code: companies with what they are (roaster, cafe, hotel, office, bakery, shop)
COMPANIES = {
    "DE": (
        ("Rösterei Morgenlicht GmbH", "roaster"),
        ("Kaffeewerk Elbhang", "roaster"),
        ("Zeitlos Kaffeerösterei", "roaster"),
        ("Speicher 9 Kaffee GmbH", "roaster"),
        ("Hinterhof Röster", "roaster"),
        ("Goldene Trommel Rösterei", "roaster"),
        ("Café Lindenblatt", "cafe"),
        ("Tante Ottilie Café", "cafe"),
        ("Kiosk & Krema", "cafe"),
        ("Café Sonnendeck", "cafe"),
        ("Kaffeebar Zwölf", "cafe"),
        ("Frühstücksklub Isar", "cafe"),
        ("Hotel Am Alten Hafen", "hotel"),
        ("Waldhaus Titisee Hotel", "hotel"),
        ("Pension Elsterblick", "hotel"),
        ("Bäckerei Kornfeld", "bakery"),
        ("Brot & Butter Backstube", "bakery"),
        ("Nordlicht Software GmbH", "office"),
        ("Kanzlei Dr. Vogel & Partner", "office"),
        ("Rheinbogen Architekten", "office"),
        ("Feinkost Albers", "shop"),
        ("Unverpackt Südstadt", "shop"),
        ("Druckhaus Pleiße", "office"),
        ("Kontor Klara", "shop"),
        ("Café Morgenrot Kreuzberg", "cafe"),
        ("Rösterei Blaue Stunde", "roaster"),
        ("Hotel Speicherblick", "hotel"),
        ("Bäckerei Jannsen & Töchter", "bakery"),
    ),
    "AT": (
        ("Rösthaus Neubau", "roaster"),
        ("Bergkaffee Manufaktur", "roaster"),
        ("Wiener Bohnenwerk", "roaster"),
        ("Café Spittelberg 14", "cafe"),
        ("Kaffeehaus Zum Uhu", "cafe"),
        ("Hotel Kapuzinerhof", "hotel"),
        ("Konditorei Marillenzeit", "bakery"),
        ("Murblick Kreativbüro", "office"),
        ("Greißlerei Josefine", "shop"),
        ("Hotel Drei Tauben", "hotel"),
    ),
    "CH": (
        ("Kaffeekultur Langstrasse", "roaster"),
        ("Rösterei Drei Bären AG", "roaster"),
        ("Bohnenpost Basel", "shop"),
        ("Café Laube", "cafe"),
        ("Zur Alten Mühle Hotel", "hotel"),
        ("Backhaus Aarebogen", "bakery"),
        ("Limmat Ventures AG", "office"),
        ("Café Rheinpromenade", "cafe"),
        ("Hotel Löwengarten", "hotel"),
        ("Genossenschaft Kaffeetaler", "shop"),
    ),
    "NL": (
        ("Branderij De Windhaan", "roaster"),
        ("Grachtenpand Koffie", "roaster"),
        ("Koffiehuis Op de Hoek", "cafe"),
        ("De Blauwe Kan", "cafe"),
        ("Hotel Het Pakhuis", "hotel"),
        ("Bakkerij Van Zaden", "bakery"),
        ("Studio Noordwal", "office"),
        ("Oudegracht Legal", "office"),
        ("Winkel Zeven Zakken", "shop"),
    ),
    "BE": (
        ("Koffiebranderij Leieland", "roaster"),
        ("Atelier du Grain", "roaster"),
        ("Café De Zwarte Kat", "cafe"),
        ("Hôtel des Tilleuls", "hotel"),
        ("Boulangerie Saint-Roch", "bakery"),
    ),
    "FR": (
        ("Brûlerie du Canal", "roaster"),
        ("Torréfaction Les Deux Rives", "roaster"),
        ("Maison Caracoli", "roaster"),
        ("Café des Tisserands", "cafe"),
        ("Le Petit Quai", "cafe"),
        ("Comptoir Mistral", "cafe"),
        ("Hôtel Belle Étape", "hotel"),
        ("Boulangerie Levain & Fils", "bakery"),
        ("Épicerie Rue Kervégan", "shop"),
        ("Agence Trois Points", "office"),
        ("Café Pont-Neuf Lumière", "cafe"),
        ("Hôtel Les Glycines", "hotel"),
        ("Atelier Sept Grains", "roaster"),
    ),
    "IT": (
        ("Torrefazione San Dalmazzo", "roaster"),
        ("Caffè Navigli 22", "cafe"),
        ("Bar Pasticceria Aurora", "bakery"),
        ("Albergo Tre Pini", "hotel"),
        ("Gelateria e Caffè Lume", "cafe"),
        ("Bottega Granella", "shop"),
        ("Studio Ponte Vecchio", "office"),
        ("Torrefazione Sant'Orso", "roaster"),
    ),
    "ES": (
        ("Tostadores del Rec", "roaster"),
        ("Café Barquillo 31", "cafe"),
        ("Hotel Patio Azul", "hotel"),
        ("Panadería Tres Trigos", "bakery"),
        ("Espacio Cuba Coworking", "office"),
    ),
    "GB": (
        ("Tern & Tide Coffee", "roaster"),
        ("Lantern Yard Roasters", "roaster"),
        ("Copper Kettle Coffee Co.", "roaster"),
        ("The Quiet Spoon", "cafe"),
        ("Marlowe's Corner Café", "cafe"),
        ("Third Platform Espresso", "cafe"),
        ("Harbourside Rooms", "hotel"),
        ("Wheatsheaf Bakery", "bakery"),
        ("Calvert & Rowe LLP", "office"),
        ("Northern Loop Studios", "office"),
        ("Saddler's Yard Café", "cafe"),
        ("Moorgate Pastry", "bakery"),
        ("Elder & Finch Grocers", "shop"),
    ),
    "IE": (
        ("Liberties Roasting Works", "roaster"),
        ("The Saucer", "cafe"),
        ("Shandon House Hotel", "hotel"),
    ),
    "DK": (
        ("Fjordlys Kafferisteri", "roaster"),
        ("Kaffebar Spor 4", "cafe"),
        ("Hotel Skagerrak", "hotel"),
        ("Mejlgade Bageri", "bakery"),
    ),
    "SE": (
        ("Söderberga Rosteri", "roaster"),
        ("Kafé Björk", "cafe"),
        ("Hotell Gamla Bryggan", "hotel"),
        ("Nordan Design AB", "office"),
    ),
    "PL": (
        ("Palarnia Wisła", "roaster"),
        ("Kawiarnia Pod Zegarem", "cafe"),
        ("Hotel Kazimierz Dwór", "hotel"),
        ("Piekarnia Złoty Kłos", "bakery"),
    ),
    "US": (
        ("Mission Street Roasting", "roaster"),
        ("Cedar & Salt Coffee", "roaster"),
        ("Longbird Coffee Roasters", "roaster"),
        ("Pike Hill Roastery", "roaster"),
        ("Sundown Diner Group", "cafe"),
        ("Bluebonnet Espresso", "cafe"),
        ("The Paper Cup", "cafe"),
        ("Halfmoon Café", "cafe"),
        ("Fern Street Café", "cafe"),
        ("Hotel Arroyo", "hotel"),
        ("Rainier Lodge", "hotel"),
        ("Wythe Bakehouse", "bakery"),
        ("Good Crumb Bakery", "bakery"),
        ("Pinecrest Analytics", "office"),
        ("Bayline Law Group", "office"),
        ("Orchard Market", "shop"),
        ("Larkspur Robotics", "office"),
        ("Divisadero Pantry", "shop"),
        ("Copperline Coffee", "roaster"),
        ("Dogwood Bakery", "bakery"),
        ("Three Gulls Café", "cafe"),
        ("Hawthorne Letterpress", "office"),
        ("Cascade Trail Lodge", "hotel"),
        ("Eastside Provisions", "shop"),
    ),
    "CA": (
        ("Snowgoose Roasters", "roaster"),
        ("Queen West Coffee Bar", "cafe"),
        ("Inlet House Hotel", "hotel"),
        ("Maple & Rye Bakery", "bakery"),
        ("Granville Software Inc.", "office"),
    ),
    "MX": (
        ("Tostaduría Orizaba", "roaster"),
        ("Café Jacaranda", "cafe"),
        ("Hotel Casa Lirio", "hotel"),
    ),
    "JP": (
        ("Tomigaya Coffee Works", "roaster"),
        ("Kissa Kumo", "cafe"),
        ("Sanjo Machiya Hotel", "hotel"),
    ),
}

# companies that only asked: what leads that are not customers come from
ENQUIRERS = (
    ("DE", "Mobile Espressobar Rad & Bohne", "cafe"),
    ("DE", "Klinikum Westpark Kantine", "office"),
    ("DE", "Hofladen Sonnenberg", "shop"),
    ("DE", "Coworking Alte Weberei", "office"),
    ("DE", "Café Pusteblume", "cafe"),
    ("DE", "Messecatering Lehnhardt", "office"),
    ("AT", "Skihütte Hochkogel", "hotel"),
    ("AT", "Buchcafé Leselampe", "cafe"),
    ("CH", "Seebad Enge Bistro", "cafe"),
    ("CH", "Rösterei Piz Nair", "roaster"),
    ("NL", "Fietscafé Lekker Rondje", "cafe"),
    ("NL", "Hostel Singelzicht", "hotel"),
    ("BE", "Brasserie Congrès", "cafe"),
    ("FR", "Cantine Numérique", "office"),
    ("FR", "Librairie-Café Le Marque-page", "cafe"),
    ("FR", "Camping des Pins", "hotel"),
    ("IT", "Agriturismo Colle Verde", "hotel"),
    ("IT", "Libreria Caffè Pagina", "cafe"),
    ("ES", "Escuela de Baristas Norte", "office"),
    ("ES", "Chiringuito La Duna", "cafe"),
    ("GB", "Towpath Kiosk", "cafe"),
    ("GB", "St Brannock's Hospital Canteen", "office"),
    ("GB", "The Reading Room Café", "cafe"),
    ("GB", "Foxglove Weddings", "hotel"),
    ("IE", "Atlantic Way Coffee Van", "cafe"),
    ("DK", "Kulturhuset Vest", "cafe"),
    ("SE", "Skärgårdskrogen", "hotel"),
    ("PL", "Kawa na Kółkach", "cafe"),
    ("PL", "Biuro Centrum Coworking", "office"),
    ("US", "Prairie Cart Coffee", "cafe"),
    ("US", "Tidewater Community College", "office"),
    ("US", "Juniper Yoga & Tea", "cafe"),
    ("US", "Old Mill Brewing", "cafe"),
    ("US", "Lakeview Senior Living", "hotel"),
    ("US", "Redwood Food Trucks", "cafe"),
    ("US", "Mesa Verde Outfitters", "shop"),
    ("CA", "Harbourfront Festival", "office"),
    ("CA", "Northern Loon Inn", "hotel"),
    ("MX", "Librería El Péndulo Azul", "cafe"),
    ("JP", "Shimokita Record Café", "cafe"),
)

FUNCTIONS = {
    "roaster": ("Head Roaster", "Green Coffee Buyer", "Owner"),
    "cafe": ("Owner", "Head Barista", "Manager"),
    "hotel": ("F&B Manager", "Purchasing", "General Manager"),
    "office": ("Office Manager", "Facility Manager", "Purchasing"),
    "bakery": ("Owner", "Shop Manager", "Purchasing"),
    "shop": ("Owner", "Buyer", "Store Manager"),
}

# what they buy from us: (product codes, quantity from, quantity to, how many lines)
BASKETS = {
    "roaster": (
        ("GR-GUJI", "GR-HUILA", "GR-ANTIGUA", "GR-CERRADO", "GR-NYERI", "GR-GAYO"),
        2,
        14,
        (1, 3),
    ),
    "cafe": (
        ("RO-HOUSE", "RO-FILTER", "RO-DECAF", "RO-GUJI", "AC-CUPS", "AC-FILTER"),
        10,
        60,
        (1, 3),
    ),
    "hotel": (
        ("RO-HOUSE", "RO-CREMA", "RO-DECAF", "AC-FILTER", "AC-BATCH"),
        15,
        80,
        (1, 3),
    ),
    "office": (("RO-CREMA", "RO-HOUSE", "AC-MILK", "AC-CUPS"), 6, 30, (1, 2)),
    "bakery": (("RO-HOUSE", "RO-CREMA", "RO-FILTER", "AC-CUPS"), 8, 40, (1, 2)),
    "shop": (
        ("RO-250-GUJI", "RO-250-HOUSE", "RO-250-DECAF", "AC-DRIP"),
        24,
        120,
        (1, 3),
    ),
}
# Odoo's industries, by their letters
INDUSTRIES = {
    "roaster": "C",
    "cafe": "I",
    "hotel": "I",
    "office": "M",
    "bakery": "C",
    "shop": "G",
}
# now and then a machine
EQUIPMENT = ("EQ-GRINDER", "EQ-BREWER", "EQ-ESPRESSO", "EQ-KNOCK")

# (title of the deal, first mail of the customer)
DEALS = {
    "roaster": (
        (
            "Green Guji natural, next harvest",
            "we are looking for {n} bags of a clean natural Guji for our seasonal espresso. Could you send an offer sample and tell us when the new crop lands?",
        ),
        (
            "Base component for espresso blend",
            "our Brazilian component has become inconsistent and we would like to compare. We need about {n} bags a quarter, screen 16 and up. Is your Cerrado still available?",
        ),
        (
            "Spot lots of washed Antigua",
            "your spot list shows washed Antigua. Would you hold {n} bags for us until the cupping on Friday?",
        ),
        (
            "Decaf green, sugar cane process",
            "two of our wholesale customers ask for a better decaf. Do you have sugar cane EA lots in store, and what would {n} bags cost delivered?",
        ),
        (
            "Kenyan AA for the filter range",
            "we liked the Nyeri at the fair very much. Can we cup it again with the two other lots you mentioned?",
        ),
        (
            "Yearly contract, four origins",
            "we would like to fix our main origins for the coming year instead of buying spot. Around {n} bags in all, four call-offs. When can we talk?",
        ),
    ),
    "cafe": (
        (
            "House espresso for {n2} locations",
            "we are opening another shop and want one espresso that works with oat milk on all bars. Could we come by for a tasting, or do you send samples?",
        ),
        (
            "Switch from current roaster",
            "our present roaster changed the blend without telling us, and guests notice. We use about {n} kilos a month. What would you propose?",
        ),
        (
            "Guest filter coffee",
            "we rotate a guest filter every month and would love to have one of yours in autumn. What is the smallest quantity you deliver?",
        ),
        (
            "New grinder and coffee subscription",
            "our grinder is at its end. We heard you place machines with a coffee contract. How does that work?",
        ),
        (
            "Coffee for food market stand",
            "from next month on we run a stand at the weekend market, about {n} kilos a month. Can you deliver on Thursdays?",
        ),
    ),
    "hotel": (
        (
            "Breakfast coffee, {n} kg a month",
            "guest comments on our breakfast coffee are, politely, mixed. We serve 90 to 140 guests a day from two batch brewers. What do you suggest?",
        ),
        (
            "Coffee for rooms and lobby",
            "we are refurbishing and want to replace the capsules in the rooms by drip bags. Do you make them with our logo?",
        ),
        (
            "Barista training and house blend",
            "we would like a house blend for the lobby bar and a training day for six people. Which dates are free?",
        ),
        (
            "Tender: coffee supply for the season",
            "please find our request attached. We need prices for {n} kg a month from May to October, including service of the brewers.",
        ),
    ),
    "office": (
        (
            "Office coffee for {n5} people",
            "we have two bean-to-cup machines and about {n5} thirsty colleagues. Could you send samples and a price per kilo with monthly delivery?",
        ),
        (
            "Coffee corner in the new building",
            "we move in spring and plan a coffee corner with a proper espresso machine. Do you advise on machine, water and coffee together?",
        ),
        (
            "Replace vending contract",
            "our vending contract ends in three months. We would like beans that people actually enjoy. What do you need to know from us?",
        ),
    ),
    "bakery": (
        (
            "Crema for five branches",
            "coffee makes a third of our turnover, and I think it could be better. We use {n} kilos a month in five branches. May I invite you for a visit?",
        ),
        (
            "Coffee and takeaway cups",
            "we need a medium roast that stands milk, and compostable cups from the same supplier if possible.",
        ),
        (
            "Trial week with new espresso",
            "could we try your House espresso for one week in our main shop before we decide?",
        ),
    ),
    "shop": (
        (
            "Retail bags, first listing",
            "our customers ask for freshly roasted coffee. We would start with {n} bags in three sorts. What margin do you recommend, and how long is the shelf life?",
        ),
        (
            "Christmas gift sets",
            "we plan gift sets with two coffees and a small filter. Could you pack them for us by the end of November?",
        ),
        (
            "Refill station for loose beans",
            "we sell without packaging. Do you deliver beans in buckets that you take back?",
        ),
    ),
}

# our first answer, further answers, and what customers write then
REPLIES = (
    "thank you for writing. Yes, we can do that. I put two samples in the post today and will call you on Thursday to hear what you think.",
    "many thanks for your enquiry. Let me ask two things so that the offer fits: which machine and grinder do you use, and how much do you need in a quiet week?",
    "good to hear from you. I have reserved the quantity for seven days and attach our current list. Delivery is two working days after the order.",
    "thanks for your message. I would like to show you the coffees rather than describe them: would Tuesday or Wednesday next week suit you for a cupping?",
    "thank you, that sounds like a good fit. I will prepare a proposal with prices for two quantities, so you can compare.",
)
FOLLOW_UPS = (
    "have the samples arrived well? The blue one is the roast that I would start with.",
    "I wanted to follow up on our proposal. Is there anything that you miss in it?",
    "as promised, here are the prices for the larger quantity. From 40 kg on, delivery is free.",
    "the new lot has cleared customs and cups beautifully: jasmine, peach, a little cocoa. Shall I send 300 g for you to try?",
    "we could start in the first week of next month. Would that be in time for you?",
)
CUSTOMER_MAILS = (
    "thank you, the samples arrived this morning. First impression is very good, we will brew them with the team tomorrow.",
    "sorry for the silence, it was a busy week. Tuesday works well for us, around ten?",
    "the second coffee is our favourite. Could you tell me the price with delivery every two weeks?",
    "our budget is a little tight this quarter. Is there room in the price if we commit to a year?",
    "one more question: how long do you store the reserved bags for us?",
    "I talked to my partner and we would like to go ahead. What do you need from us?",
    "could you change the delivery address on the offer? The rest is fine.",
    "we have a second offer on the table now. Yours is the better coffee, but please have another look at the machine rental.",
)
DECLINES = (
    "thank you for the effort. We have decided to stay with our present supplier for another year.",
    "unfortunately our investor has stopped the project. I will come back to you if that changes.",
    "your coffee was the best in the cup, but the price is too far from what we can pay.",
    "we went with a roaster from our town in the end. No hard feelings, I hope.",
)
OUT_OF_OFFICE = (
    "I am out of the office until Monday and read my mail only now and then. In urgent cases please call our front desk.",
    "Thank you for your message. We are closed for inventory this week and will answer as soon as we can.",
)
CALLS = (
    "Talked about quantities; they decide by the end of the month.",
    "Samples discussed. Wants the darker roast a little lighter.",
    "Reached the owner at last. Asked for a call back after the weekend.",
    "Explained the machine rental. They compare it with leasing.",
    "Price is fine, delivery days are the question. Thursday would work.",
    "Left a message with the shift leader.",
)
MEETINGS = (
    "Cupping with {company}",
    "Visit at {company}",
    "Tasting: {company}",
    "Video call with {company}",
)
ORDER_MAILS = (
    "please find our quotation {order} attached. It is valid for two weeks. I am looking forward to your order.",
    "as agreed on the phone, here is quotation {order}. Once you confirm, we roast on the next Tuesday or Thursday.",
    "attached is {order} with both quantities. Please sign online or answer this mail.",
)
ORDER_ANSWERS = (
    "looks good, please go ahead.",
    "confirmed, thank you. Please deliver before noon.",
    "all right from our side. Please put our order number on the invoice.",
)
ACTIVITIES = (
    ("call", "Ask how the samples taste"),
    ("call", "Call back about delivery days"),
    ("email", "Send the price list for next season"),
    ("email", "Send proposal with two quantities"),
    ("meeting", "Plan a cupping"),
    ("todo", "Pack samples"),
    ("todo", "Check machine availability"),
    ("call", "Follow up on quotation"),
)
INTERNAL_NOTES = (
    "Uses a La Fontana two-group, water is hard: filter needed.",
    "Pays on time. Asks each year for the harvest report.",
    "Decision is made by the sister of the owner, see her too.",
    "Wants the certificate of the organic lots with each delivery.",
)
LOST_REASONS = ("price", "local", "postponed", "silent", "taste", "stock")

# ------------------------------------------------------------
# How leads are worked
# ------------------------------------------------------------

MARKETER = "camille"

# who has just asked on the wholesale page; no contacts of ours yet
NEWCOMERS = (
    ("DE", "Kaffeerösterei Alter Speicher", "roaster"),
    ("FR", "Torréfaction du Vieux Port", "roaster"),
    ("US", "Bluff Street Roasters", "roaster"),
    ("PL", "Palarnia Biały Kruk", "roaster"),
    ("NL", "Branderij De Kade", "roaster"),
    ("IT", "Albergo Tre Fontane", "hotel"),
    ("DE", "Stadtbäckerei Morgenrot", "bakery"),
    ("DE", "Rösthaus Lindenhof", "roaster"),
    ("AT", "Rösterei Gipfelkreuz", "roaster"),
    ("CH", "Hotel Seerose Brunnen", "hotel"),
    ("US", "Cedar Fork Coffee Works", "roaster"),
    ("BE", "Boulangerie du Canal", "bakery"),
    ("DE", "Kaffeekontor Elbwiese", "roaster"),
    ("FR", "Bar du Cinéma Lumière", "cafe"),
    ("GB", "Harrow Lane Flat Shares", "office"),
    ("ES", "Cafetería de la Estación", "cafe"),
    ("IT", "Torrefazione Ponte Nuovo", "roaster"),
    ("CA", "Maple Ridge Roastery", "roaster"),
    ("DE", "Hotel Goldener Anker", "hotel"),
    ("CH", "Rösterei Uferweg", "roaster"),
    ("US", "Granite Pass Coffee", "roaster"),
)
NEWCOMER_DEALS = (
    (
        "Green coffee for the next season",
        (
            "we roast about two tonnes a month and look for a second importer. Which lots"
            " will you have in spring, and could we have samples?"
        ),
    ),
    (
        "Change of supplier",
        (
            "our present supplier keeps us waiting. What would a weekly delivery cost, and"
            " how quickly could you begin?"
        ),
    ),
    (
        "House blend and a new machine",
        (
            "we renovate in two months and want a machine with the coffee. Who could advise"
            " us on the spot?"
        ),
    ),
    (
        "Tasting at our place",
        (
            "we would like to try your coffees with the team before we decide. Do you visit"
            " customers?"
        ),
    ),
)

# days ago, and what became of it
HANDOVERS = (
    (
        64,
        {
            "state": "accepted",
            "after": 95,
            "seller": "luca",
            "note": "Roasts two tonnes a month, wants a contract. Speaks English.",
        },
    ),
    (
        47,
        {
            "state": "accepted",
            "after": 180,
            "seller": "nora",
            "note": "Asked for samples of three origins; the owner decides.",
        },
    ),
    (
        33,
        {
            "state": "accepted",
            "after": 60,
            "seller": "luca",
            "note": "Renovates, needs machine and coffee together. Call before ten.",
        },
    ),
    (
        21,
        {
            "state": "accepted",
            "after": 240,
            "team": "overseas",
            "seller": "marisol",
            "note": "Big roastery, buys from two importers today.",
        },
    ),
    (
        12,
        {
            "state": "accepted",
            "after": 45,
            "seller": "luca",
            "note": "Opened all our mails since summer, now asks for prices.",
        },
    ),
    (
        6,
        {
            "state": "accepted",
            "after": 120,
            "seller": "nora",
            "note": "Met us at the fair. Wants a weekly delivery.",
        },
    ),
    (
        28,
        {
            "state": "refused",
            "after": 300,
            "seller": "luca",
            "note": "Downloaded the price list twice.",
            "reason": "data",
            "remark": "No volume, no machine, no date: ask for them first.",
        },
    ),
    (
        16,
        {
            "state": "refused",
            "after": 150,
            "seller": "nora",
            "note": "A flat share that drinks a lot of coffee.",
            "reason": "fit",
            "remark": "Private household; the shop page suits them.",
        },
    ),
    (
        9,
        {
            "state": "refused",
            "after": 420,
            "seller": "luca",
            "note": "Wants to change the supplier.",
            "reason": "time",
            "remark": "Bound until next summer. Keep them warm.",
        },
    ),
    (
        14,
        {
            "state": "expired",
            "after": 0,
            "seller": "luca",
            "note": "Wants a tasting this month.",
        },
    ),
    (
        8,
        {
            "state": "expired",
            "after": 0,
            "team": "overseas",
            "note": "Second roastery in the same town as our best customer.",
        },
    ),
    (
        1.2,
        {
            "state": "open",
            "after": 0,
            "seller": "luca",
            "note": "Hotel with 140 beds, present contract ends. Call before ten.",
        },
    ),
    (
        0.9,
        {
            "state": "open",
            "after": 0,
            "seller": "nora",
            "note": "Asked for spring lots and named a volume.",
        },
    ),
    (
        0.6,
        {
            "state": "open",
            "after": 0,
            "team": "overseas",
            "note": "Wants to compare two importers; whoever is free first.",
        },
    ),
)

WON_REASONS = (
    "product",
    "product",
    "service",
    "relationship",
    "relationship",
    "availability",
    "price",
)

JUNK = (
    (
        "Rank first in search engines",
        "Growth Desk",
        "growth@rankfirst.example",
        "we checked your website and found 37 errors.",
        "spam",
    ),
    (
        "Your domain expires",
        "Domain Service",
        "notice@domains.example",
        "final notice for your domain name.",
        "spam",
    ),
    (
        "Paper cups from the factory",
        "Export Sales",
        "sales@cupworks.example",
        "we are a leading factory of paper cups.",
        "supplier",
    ),
    (
        "Offer: pallet wrap",
        "Inside Sales",
        "office@wrapit.example",
        "prices for pallet wrap have never been lower.",
        "supplier",
    ),
    (
        "Application as barista",
        "Jana Vogt",
        "jana.vogt@letters.example",
        "please find my application attached.",
        "applicant",
    ),
    (
        "Internship in the roastery",
        "Tom Lindqvist",
        "tom.lindqvist@letters.example",
        "I am looking for an internship in spring.",
        "applicant",
    ),
    ("test", "test", "test@test.example", "test test", "test"),
    (
        "Where is my parcel?",
        "Greta Holm",
        "greta.holm@letters.example",
        "my parcel of another shop has not arrived.",
        "wrong_person",
    ),
    (
        "Green coffee again",
        "Second Try",
        "info@second-try.example",
        "I have sent this form already, sorry.",
        "duplicate",
    ),
)

# answers to the questions of the demo frame, in their order
FRAME_ANSWERS = {
    "volume": (120, 250, 400, 600, 900, 1500, 2200),
    "machine": ("Their own", "Rented from the supplier", "None yet"),
    "supplier": (
        "A roaster nearby, by word of mouth",
        "An importer, contract until the end of the year",
        "Cash and carry",
        "A large brand; the taste is the reason to change",
    ),
    "authority": (
        "The owner alone",
        "Owner and head roaster, after a tasting",
        "Purchasing, with the managers of the houses",
    ),
    "start": (14, 30, 45, 60, 90),
    "water": ("yes", "no"),
}
