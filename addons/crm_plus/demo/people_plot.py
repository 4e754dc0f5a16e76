"""Who is in a story: companies and the people there."""

import re
import unicodedata

from . import pools
from .base_plot import BasePlot
from .story import Contact, Customer

SELLERS_BY_TEAM = {
    "europe": ("nora", "luca", "camille", "admin"),
    "overseas": ("owen", "marisol"),
}
OVERSEAS = {"US", "CA", "MX", "JP"}
TERM_DAYS = (15, 30, 45)


def slug(text):
    """The company's name as an internet name."""
    text = (
        text.replace("ß", "ss").replace("ø", "oe").replace("ł", "l").replace("Ł", "L")
    )
    text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    text = re.sub(
        r"\b(GmbH|AG|AB|Inc\.?|LLP|Co\.|Dr\.|and|und|et|e)(?=\W|$)", " ", text
    )
    return "-".join(re.findall(r"[a-z0-9]+", text.lower())[:3])


class PeoplePlot(BasePlot):
    """Draws customers and their contacts from the pools."""

    def _draw_customers(self):
        companies = [
            (country, name, kind)
            for country, entries in pools.COMPANIES.items()
            for name, kind in entries
        ]
        self.random.shuffle(companies)
        for number, (country, name, kind) in enumerate(companies, 1):
            self.customers.append(self._draw_customer(number, country, name, kind))

    def _draw_customer(self, number, country, name, kind, is_customer=True):
        rnd = self.random
        _lang, phones, cities = pools.COUNTRIES[country]
        city, zip_code, street = rnd.choice(cities)
        team = "overseas" if country in OVERSEAS else "europe"
        number_first = country in ("US", "CA", "GB", "IE", "FR")
        house = rnd.randrange(3, 180)
        customer = Customer(
            number=number,
            name=name,
            kind=kind,
            country=country,
            city=city,
            zip=zip_code,
            street=f"{house} {street}" if number_first else f"{street} {house}",
            phone="",
            domain=f"{slug(name)}.example",
            team=team,
            seller=rnd.choices(
                SELLERS_BY_TEAM[team], (30, 30, 30, 14)[: len(SELLERS_BY_TEAM[team])]
            )[0],
            since=self.now,
            payer=rnd.choices(("prompt", "slow", "bad"), (56, 26, 18))[0],
            term_days=rnd.choices(TERM_DAYS, (30, 55, 15))[0],
            is_customer=is_customer,
        )
        pattern = rnd.choice(phones)
        for i in range(rnd.choices((1, 2, 3), (45, 40, 15))[0]):
            customer.contacts.append(self._draw_contact(customer, pattern, i))
        customer.phone = self._draw_phone(pattern)
        return customer

    def _draw_phone(self, pattern):
        return re.sub("#", lambda _m: str(self.random.randrange(2, 9)), pattern)

    def _draw_contact(self, customer, pattern, index):
        lang = pools.COUNTRIES[customer.country][0]
        first_names, last_names = (names.split() for names in pools.PEOPLE[lang])
        taken = {contact.name for contact in customer.contacts}
        name = None
        while name is None or name in taken:
            name = f"{self.random.choice(first_names)} {self.random.choice(last_names)}"
        functions = pools.FUNCTIONS[customer.kind]
        return Contact(
            name=name,
            function=functions[index % len(functions)],
            email=f"{slug(name).replace('-', '.')}@{customer.domain}",
            phone=self._draw_phone(pattern),
        )
