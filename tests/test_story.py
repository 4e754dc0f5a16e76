"""One customer's whole story, through the real server, real mail, and people with their
rights.

The tests are its chapters, in order: each goes on where the one before has ended.
"""

import pytest
from harness import MailSink, OdooServer, deliver, wait_for
from harness.company import DOMAIN, Company
from harness.mail import compose

IDA = "ida@kaffee.example"
SALES = f"sales@{DOMAIN}"


class Story:
    """What the chapters so far have made: ``story.lead_id`` and so on."""

    def __init__(self, server, sink):
        self.server = server
        self.sink = sink
        self.company = Company(server)
        self.machine_id = self.company.stock("Espresso machine", 2400, 1500, 10)

    def __getattr__(self, name):
        if name.startswith("_"):
            raise AttributeError(name)
        pytest.fail(f"no {name}: an earlier chapter did not get that far")

    def kinds(self, domain):
        """Codes of the touchpoints that the manager sees, the oldest first."""
        manager = self.company.manager
        codes = {
            kind["id"]: kind["code"]
            for kind in manager.find("crm.touchpoint.kind", [], "code")
        }
        return [
            codes[touchpoint["kind_id"]]
            for touchpoint in manager.find(
                "crm.touchpoint", domain, "kind_id", order="date, id"
            )
        ]


@pytest.fixture(scope="module")
def story():
    with MailSink() as sink, OdooServer("story", smtp_port=sink.port) as server:
        yield Story(server, sink)


def test_mail_to_sales_becomes_a_lead(story):
    mail = compose(
        f"Ida Brandt <{IDA}>",
        SALES,
        "Espresso machine for our roastery",
        "Good morning,\n\nwe open a second shop and need a machine.\n\nIda Brandt",
    )

    deliver(story.server, mail)

    (lead,) = story.company.manager.find(
        "crm.lead", [], "name", "type", "email_from", "team_id"
    )
    assert lead["type"] == "lead"
    assert IDA in lead["email_from"]
    assert lead["team_id"] == story.company.team_id
    story.lead_id = lead["id"]
    story.company.manager.write(
        "crm.lead", lead["id"], {"user_id": story.company.seller.uid}
    )
    assert story.kinds([("lead_id", "=", story.lead_id)]) == [
        "email_in",
        "lead_created",
    ]


def test_lead_becomes_a_customer_with_a_quotation(story):
    seller = story.company.seller

    seller.fill_in(
        "crm.lead2opportunity.partner",
        {"name": "convert", "action": "create"},
        "action_apply",
        context={
            "active_model": "crm.lead",
            "active_id": story.lead_id,
            "active_ids": [story.lead_id],
        },
    )
    lead = seller.read("crm.lead", story.lead_id, "type", "partner_id")
    assert lead["type"] == "opportunity"
    story.partner_id = lead["partner_id"]
    new_quotation = seller.press("crm.lead", story.lead_id, "action_new_quotation")
    story.order_id = seller.create(
        "sale.order",
        {"order_line": [(0, 0, {"product_id": story.machine_id})]},
        context=new_quotation["context"],
    )
    send = seller.press("sale.order", story.order_id, "action_quotation_send")
    seller.fill_in("mail.compose.message", {}, "action_send_mail", send["context"])

    (mail,) = wait_for("quotation in Ida's mailbox", lambda: story.sink.to(IDA))
    assert [part.get_content_type() for part in mail.message.iter_attachments()] == [
        "application/pdf"
    ]
    assert story.kinds([("partner_id", "=", story.partner_id)]) == [
        "email_in",
        "lead_created",
        "email_out",
        "quotation_sent",
    ]


def test_order_is_delivered(story):
    story.company.seller.press("sale.order", story.order_id, "action_confirm")
    storekeeper = story.company.storekeeper
    (picking,) = storekeeper.find(
        "stock.picking", [("state", "=", "assigned")], "origin", "move_ids"
    )

    storekeeper.write(
        "stock.move", picking["move_ids"], {"quantity": 1, "picked": True}
    )
    storekeeper.press("stock.picking", picking["id"], "button_validate")

    assert story.kinds(
        [
            ("partner_id", "=", story.partner_id),
            ("channel", "in", ["sales", "delivery"]),
        ]
    ) == ["quotation_sent", "order_confirmed", "delivery_done"]


def test_invoice_is_posted_and_paid(story):
    story.company.seller.fill_in(
        "sale.advance.payment.inv",
        {"advance_payment_method": "delivered"},
        "create_invoices",
        context={
            "active_model": "sale.order",
            "active_id": story.order_id,
            "active_ids": [story.order_id],
        },
    )
    accountant = story.company.accountant
    (invoice,) = accountant.find(
        "account.move", [("move_type", "=", "out_invoice")], "state"
    )
    story.invoice_id = invoice["id"]

    accountant.press("account.move", story.invoice_id, "action_post")
    register = accountant.press(
        "account.move", story.invoice_id, "action_register_payment"
    )
    accountant.fill_in(
        "account.payment.register", {}, "action_create_payments", register["context"]
    )

    assert story.kinds(
        [("partner_id", "=", story.partner_id), ("channel", "=", "accounting")]
    ) == ["invoice_posted", "invoice_paid"]
