"""One customer's whole story, through the real server, real mail, and people with their
rights.

The tests are its chapters, in order: each goes on where the one before has ended.
"""

import pytest
from harness import MailSink, OdooServer, Visitor, deliver, wait_for
from harness.company import DOMAIN, Company
from harness.mail import compose

IDA = "ida@kaffee.example"
SALES = f"sales@{DOMAIN}"
SUPPORT = f"support@{DOMAIN}"


# What happens in one moment, in one transaction, has no order.
QUOTATION = {"email_out", "quotation_sent"}


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

    def check_touchpoints(self, domain, *moments):
        """Check the kinds of those that the manager sees, the oldest first."""
        manager = self.company.manager
        codes = {
            kind["id"]: kind["code"]
            for kind in manager.find("crm.touchpoint.kind", [], "code")
        }
        rest = [
            codes[touchpoint["kind_id"]]
            for touchpoint in manager.find(
                "crm.touchpoint", domain, "kind_id", order="date, id"
            )
        ]
        found = []
        for moment in moments:
            size = 1 if isinstance(moment, str) else len(moment)
            found.append("".join(rest[:1]) if size == 1 else set(rest[:size]))
            rest = rest[size:]
        assert [*found, *rest] == list(moments)

    def clocks(self):
        """``{kind: state}`` of the promises on the case."""
        return {
            clock["kind"]: clock["state"]
            for clock in self.company.agent.find(
                "crm.sla.clock",
                [("res_model", "=", "crm.case"), ("res_id", "=", self.case_id)],
                "kind",
                "state",
            )
        }

    def deliver_answer(self, mail, body, **headers):
        """Have Ida's mail program answer a mail of ours."""
        answer = compose(
            f"Ida Brandt <{IDA}>",
            mail.message["Reply-To"] or mail.message["From"],
            f"Re: {mail.subject}",
            body,
            In_Reply_To=mail.message["Message-ID"],
            References=mail.message["Message-ID"],
            **headers,
        )
        deliver(self.server, answer)


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
    story.check_touchpoints(
        [("lead_id", "=", story.lead_id)], "email_in", "lead_created"
    )


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
    story.check_touchpoints(
        [("partner_id", "=", story.partner_id)],
        "email_in",
        "lead_created",
        QUOTATION,
    )


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

    story.check_touchpoints(
        [
            ("partner_id", "=", story.partner_id),
            ("channel", "in", ["sales", "delivery"]),
        ],
        "quotation_sent",
        "order_confirmed",
        "delivery_done",
    )


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

    story.check_touchpoints(
        [("partner_id", "=", story.partner_id), ("channel", "=", "accounting")],
        "invoice_posted",
        "invoice_paid",
    )


def test_case_mail_is_acknowledged_and_its_clock_runs(story):
    order = story.company.seller.read("sale.order", story.order_id, "name")
    mail = compose(
        f"Ida Brandt <{IDA}>",
        SUPPORT,
        f"{order['name']}: the machine leaks",
        "Hello,\n\nit loses water at the left group. What can we do?\n\nIda Brandt",
    )

    deliver(story.server, mail)

    (case,) = story.company.agent.find(
        "crm.case", [], "number", "partner_id", "sale_order_id", "sla_is_overdue"
    )
    assert case["partner_id"] == story.partner_id
    assert case["sale_order_id"] == story.order_id
    assert not case["sla_is_overdue"]
    story.case_id, story.case_number = case["id"], case["number"]
    assert story.clocks() == {"first_response": "running", "resolution": "running"}
    (story.acknowledgement,) = wait_for(
        "acknowledgement", lambda: story.sink.to(IDA, story.case_number)
    )
    assert story.acknowledgement.message["Auto-Submitted"] == "auto-replied"
    assert story.acknowledgement.message["References"] == mail["Message-ID"]


def test_acknowledgement_of_a_machine_is_not_acknowledged(story):
    received = len(story.sink.received)
    story.deliver_answer(
        story.acknowledgement,
        "I am away until Monday.",
        Auto_Submitted="auto-replied",
    )
    # the queue sends what there is to send
    story.server.trigger_cron("mail.ir_cron_mail_scheduler_action")

    assert len(story.company.agent.search("crm.case", [])) == 1
    assert len(story.sink.received) == received


def test_answer_of_the_agent_stops_the_clock(story):
    agent = story.company.agent
    agent.press("crm.case", story.case_id, "action_assign_to_me")

    agent.post(
        "crm.case",
        story.case_id,
        "Please tighten the valve below the left group.",
        partner_ids=[story.partner_id],
    )

    (_acknowledgement, answer) = wait_for(
        "answer in Ida's mailbox",
        lambda: (
            len(story.sink.to(IDA, story.case_number)) > 1
            and story.sink.to(IDA, story.case_number)
        ),
    )
    assert "tighten the valve" in answer.text
    assert SUPPORT in answer.message["Reply-To"]
    assert story.clocks() == {"first_response": "met", "resolution": "running"}

    story.deliver_answer(answer, "That was it, thank you!")

    assert len(story.company.agent.search("crm.case", [])) == 1, "it is threaded"


def test_closed_case_is_rated(story):
    story.company.agent.press("crm.case", story.case_id, "action_close")
    assert story.clocks() == {"first_response": "met", "resolution": "met"}

    (request,) = wait_for(
        "rating request", lambda: story.sink.to(IDA, "How did we do?")
    )
    (link,) = {link for link in request.links("/rate/") if link.endswith("/5")}
    ida = Visitor(story.server)
    page = ida.open(link)
    ida.submit_form(page, feedback="Quick and friendly", rate="5")

    rated = story.company.agent.find(
        "rating.rating", [("res_model", "=", "crm.case")], "rating", "feedback"
    )
    assert [(r["rating"], r["feedback"]) for r in rated] == [(5, "Quick and friendly")]


def test_timeline_shows_everything_in_order(story):
    action = story.company.manager.press(
        "res.partner", story.partner_id, "action_view_touchpoints"
    )

    story.check_touchpoints(
        action["domain"],
        "email_in",
        "lead_created",
        QUOTATION,
        "order_confirmed",
        "delivery_done",
        "invoice_posted",
        "invoice_paid",
        "email_in",
        "case_opened",
        "email_out",
        "email_in",
        "case_closed",
        "case_rated",
    )


def test_harvest_twice_adds_nothing(story):
    before = story.server.sql("SELECT count(*) FROM crm_touchpoint")

    for _again in range(2):
        story.server.trigger_cron("crm_plus.ir_cron_harvest_touchpoints")

    assert story.server.sql("SELECT count(*) FROM crm_touchpoint") == before
