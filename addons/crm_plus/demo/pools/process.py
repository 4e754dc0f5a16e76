"""How leads are worked: enquiries, hand-overs, junk, answers."""
# ruff: noqa: E501 - tables of texts: one entry, one line

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
