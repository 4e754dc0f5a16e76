"""The addons' browser tours, against a server with workers; screens are kept."""

import pytest
from harness import Browser, MailSink, OdooServer, deliver, wait_for
from harness.company import DOMAIN, Company
from harness.mail import compose


@pytest.fixture(scope="module")
def company():
    with MailSink() as sink, OdooServer("tours", smtp_port=sink.port) as server:
        company = Company(server)
        company.sink = sink
        yield company


def run_tour(company, login, tour, shots, path="/odoo"):
    folder = company.server.folder / login
    with Browser(company.server, folder) as browser:
        browser.log_in(getattr(company, login))
        browser.run_tour(tour, path, shots=shots)
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
            "Wait for its price": "quotation",
            "See the order": "order",
            "See what it brings": "opportunity",
            "its newest touchpoint": "touchpoints",
        },
    )

    (order,) = company.seller.find(
        "sale.order", [("opportunity_id", "=", lead_id)], "state"
    )
    assert order["state"] == "sale"


def test_marketer_builds_and_starts_a_campaign(company):
    company.marketer.create(
        "crm.lead", {"name": "Ida Brandt", "email_from": "ida@tour.example"}
    )
    segment_id = company.marketer.create(
        "crm.segment",
        {
            "name": "Tour segment",
            "target": "crm.lead",
            "domain": "[('email_from', 'ilike', '@tour.example')]",
        },
    )
    company.marketer.press("crm.segment", segment_id, "action_refresh")
    # the screens show what waits: mails go out afterwards
    jobs = "UPDATE ir_cron SET active = %s WHERE cron_name LIKE 'CRM Campaigns%%'"
    company.server.sql(jobs, [False])

    run_tour(
        company,
        "marketer",
        "crm_campaigns_marketer",
        {
            "See If not: Reminder in the tree": "steps",
            "Somebody is waiting": "running",
            "It tells what happens": "journey",
        },
    )

    assert not company.sink.to("ida@tour.example")
    company.server.sql(jobs, [True])
    company.server.trigger_cron("crm_campaigns.ir_cron_run_campaigns")
    wait_for("its mail", lambda: company.sink.to("ida@tour.example", "Welcome"))


def test_agent_answers_a_case(company):
    mail = compose(
        "Ida Brandt <ida@kaffee.example>",
        f"support@{DOMAIN}",
        "The grinder does not start",
        "Good morning, what can we do?",
    )
    deliver(company.server, mail)
    company.admin.write("res.users", company.agent.uid, {"name": "Tour Agent"})

    run_tour(
        company,
        "agent",
        "crm_helpdesk_case_answer",
        {
            "It is mine now": "case",
            "It is in the conversation": "answer",
            "The status bar follows": "solved",
        },
        "/odoo/action-crm_helpdesk.crm_case_action?view_type=list",
    )

    (case,) = company.agent.find("crm.case", [], "stage_category", "user_id")
    assert (case["stage_category"], case["user_id"]) == ("solved", company.agent.uid)
    (answer,) = wait_for(
        "answer in Ida's mailbox",
        lambda: [
            mail
            for mail in company.sink.to("ida@kaffee.example")
            if "Please plug it in." in mail.text
        ],
    )
    assert answer.message["Reply-To"]
