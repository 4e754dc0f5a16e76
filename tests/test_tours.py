"""The addons' browser tours, against a server with workers; screens are kept."""

import pytest
from harness import Browser, MailSink, OdooServer, deliver
from harness.company import DOMAIN, Company
from harness.mail import compose


@pytest.fixture(scope="module")
def company():
    with MailSink() as sink, OdooServer("tours", smtp_port=sink.port) as server:
        yield Company(server)


def run_tour(company, login, tour, shots):
    folder = company.server.folder / login
    with Browser(company.server, folder) as browser:
        browser.log_in(getattr(company, login))
        browser.run_tour(tour, shots=shots)
    assert not set(shots.values()) - {path.stem for path in folder.glob("*.png")}


def test_seller_takes_a_scored_lead_to_an_order(company):
    company.stock("Espresso machine", price=2400, cost=1500, quantity=3)
    mail = compose(
        "Ida Brandt <ida@kaffee.example>",
        f"sales@{DOMAIN}",
        "Espresso machine for our roastery",
        "We need a machine.",
    )
    deliver(company.server, mail)
    (lead_id,) = company.manager.search("crm.lead", [])
    company.manager.write("crm.lead", lead_id, {"user_id": company.seller.uid})

    run_tour(
        company,
        "seller",
        "crm_plus_seller",
        {
            "See the grade on the list": "leads",
            "And has written to us": "score",
            "Add a product": "quotation",
            "Back to the opportunity": "order",
            "Open the history of the deal": "opportunity",
        },
    )

    (order,) = company.seller.find(
        "sale.order", [("opportunity_id", "=", lead_id)], "state"
    )
    assert order["state"] == "sale"
