"""One customer's whole story, through the real server, real mail, and people with their
rights.

The tests are its chapters, in order: each goes on where the one before has ended.
"""

import re
import time
from collections import Counter

import pytest
from harness import MailSink, OdooServer, Visitor, deliver, wait_for
from harness.company import DOMAIN, Company
from harness.mail import compose

IDA = "ida@kaffee.example"
SALES = f"sales@{DOMAIN}"
SUPPORT = f"support@{DOMAIN}"


# What happens in one moment has no order.
QUOTATION = ("email_out", "quotation_sent")
BEFORE_THE_ORDER = (
    "email_in",
    "lead_created",
    "segment_joined",
    "campaign_sent",
    # by a robot: kept, and marked; by Ida
    ("campaign_clicked", "campaign_clicked", "campaign_opened"),
)


GUIDE = "How to choose a machine"
GUIDE_URL = "https://coffee.house.example/guide"
CLICK_POINTS = 10
HUMAN_SECONDS = 3.5
ROBOT = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
# how far a journey is: state of the task of each step that was planned
WAITING = {"mail": "done", "wait_click": "planned"}
CLICKED = {"mail": "done", "wait_click": "done", "activity": "done"}


def start_campaign(company, segment_id, subject=GUIDE):
    """Build the campaign as the marketer does, and start it; return its id."""
    marketer = company.marketer
    campaign_id = marketer.create(
        "crm.campaign", {"name": subject, "segment_id": segment_id}
    )

    def add_step(kind, name, **values):
        return marketer.create(
            "crm.campaign.step",
            {"campaign_id": campaign_id, "kind": kind, "name": name, **values},
        )

    body = f'<p>Here it is: <a href="{GUIDE_URL}">the guide</a>.</p>'
    mail = add_step("mail", "Guide", subject=subject, body=body)
    wait = add_step(
        "wait_click", "Read it?", parent_id=mail, delay_count=3, delay_unit="days"
    )
    add_step("activity", "Call: has read the guide", parent_id=wait, branch="yes")
    add_step(
        "mail",
        "Reminder",
        parent_id=wait,
        branch="no",
        subject=f"Again: {subject}",
        body=body,
    )
    marketer.press("crm.campaign", campaign_id, "action_start")
    return campaign_id


class Story:
    """What the chapters so far have made: ``story.lead_id`` and so on."""

    def __init__(self, server, sink):
        self.server = server
        self.sink = sink
        self.company = Company(server)
        # nobody here takes the time to read
        self.company.set_parameter("crm_campaigns.machine_seconds", "0")
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
        found, expected = [], []
        for moment in moments:
            kinds = [moment] if isinstance(moment, str) else sorted(moment)
            expected += kinds
            found += sorted(rest[: len(kinds)])
            rest = rest[len(kinds) :]
        assert found + rest == expected

    def journey(self):
        """``{kind of step: state}``: how far Ida is."""
        tasks = self.company.marketer.find(
            "crm.campaign.task",
            [
                ("campaign_id", "=", self.campaign_id),
                ("participant_id.lead_id", "=", self.lead_id),
            ],
            "kind",
            "state",
        )
        return {task["kind"]: task["state"] for task in tasks}

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
    with (
        MailSink() as sink,
        OdooServer(
            "story", smtp_port=sink.port, expected=[r"550.*no such mailbox"]
        ) as server,
    ):
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
        "crm.lead", [], "type", "email_from", "team_id", "sla_clock_ids"
    )
    assert lead["type"] == "lead"
    assert IDA in lead["email_from"]
    assert lead["team_id"] == story.company.team_id
    assert lead["sla_clock_ids"], "an answer is promised"
    story.lead_id = lead["id"]
    story.company.manager.write(
        "crm.lead", lead["id"], {"user_id": story.company.seller.uid}
    )
    story.check_touchpoints(
        [("lead_id", "=", story.lead_id)], "email_in", "lead_created"
    )


def test_lead_is_scored_with_reasons(story):
    score = story.company.seller.call(
        "crm.lead", "get_score_explanation", [story.lead_id]
    )

    points = {
        line["rule"]: round(line["points"], 1)
        for line in score["lines"]
        if line["is_matched"]
    }
    assert points == {"Business e-mail address": 10, "Writes to us": 10}
    lead = story.company.seller.read(
        "crm.lead", story.lead_id, "score_grade", "score_total"
    )
    assert lead["score_grade"] == "C3"
    assert lead["score_total"] == score["total"] == 20
    story.score = lead["score_total"]


def test_lead_joins_a_segment_by_its_score(story):
    marketer = story.company.marketer

    story.segment_id = marketer.create(
        "crm.segment",
        {
            "name": "Interested businesses",
            "target": "crm.lead",
            "domain": "[('score_total', '>=', 15)]",
        },
    )
    marketer.press("crm.segment", story.segment_id, "action_refresh")

    members = marketer.find(
        "crm.segment.member",
        [("segment_id", "=", story.segment_id)],
        "lead_id",
        "date_left",
    )
    assert [(m["lead_id"], m["date_left"]) for m in members] == [(story.lead_id, False)]


def test_campaign_mail_arrives(story):
    story.campaign_id = start_campaign(story.company, story.segment_id)

    (story.campaign_mail,) = wait_for(
        "mail of the campaign", lambda: story.sink.to(IDA, GUIDE)
    )

    assert "List-Unsubscribe" in story.campaign_mail.message
    wait_for("step after the mail", lambda: story.journey() == WAITING)
    story.check_touchpoints(
        [("lead_id", "=", story.lead_id)],
        "email_in",
        "lead_created",
        "segment_joined",
        "campaign_sent",
    )


def test_link_followed_by_a_robot_moves_nothing(story):
    (link,) = set(story.campaign_mail.links("/r/"))
    by_people = [("lead_id", "=", story.lead_id), ("is_machine", "=", False)]
    before = story.company.manager.search("crm.touchpoint", by_people)

    Visitor(story.server, agent=ROBOT).follow(link)

    assert story.company.manager.search("crm.touchpoint", by_people) == before
    assert story.journey() == WAITING
    lead = story.company.seller.read("crm.lead", story.lead_id, "score_total")
    assert lead["score_total"] == story.score


def test_link_followed_by_ida_scores_and_the_journey_goes_on(story):
    (link,) = set(story.campaign_mail.links("/r/"))

    target = Visitor(story.server).follow(link)

    assert target.startswith(GUIDE_URL)
    lead = story.company.seller.read("crm.lead", story.lead_id, "score_total")
    assert lead["score_total"] == story.score + CLICK_POINTS
    wait_for("step after the click", lambda: story.journey() == CLICKED)
    (activity,) = story.company.seller.find(
        "mail.activity",
        [("res_model", "=", "crm.lead"), ("res_id", "=", story.lead_id)],
        "summary",
        "user_id",
    )
    assert activity["summary"] == "Call: has read the guide"
    assert activity["user_id"] == story.company.seller.uid
    assert len(story.sink.to(IDA)) == 1, "no second mail for who has clicked"


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

    order = seller.read("sale.order", story.order_id, "name")
    (mail,) = wait_for(
        "quotation in Ida's mailbox", lambda: story.sink.to(IDA, order["name"])
    )
    assert [part.get_content_type() for part in mail.message.iter_attachments()] == [
        "application/pdf"
    ]
    story.check_touchpoints(
        [("partner_id", "=", story.partner_id)],
        *BEFORE_THE_ORDER,
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
        "payment_received",
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
    # the team's address, with a signature by which answers find the case
    name, domain = SUPPORT.split("@")
    assert re.search(rf"<{name}\+c\d+-\w+@{domain}>", answer.message["Reply-To"])
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
    # whoever answers sooner has not read the page, and is no person
    time.sleep(HUMAN_SECONDS)
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
        *BEFORE_THE_ORDER,
        QUOTATION,
        "order_confirmed",
        "delivery_done",
        "invoice_posted",
        "payment_received",
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


# ------------------------------------------------------------
# What goes wrong on the way
# ------------------------------------------------------------


class Mailing:
    """A campaign to twelve leads of its own, whose mails are counted in the sink."""

    COUNT = 12

    def __init__(self, story, name):
        self.story = story
        self.domain = f"@{name}.example"
        self.addresses = [f"lead{i}{self.domain}" for i in range(self.COUNT)]
        for address in self.addresses:
            story.company.manager.create(
                "crm.lead", {"name": address, "type": "lead", "email_from": address}
            )
        self.segment_id = story.company.marketer.create(
            "crm.segment",
            {
                "name": name,
                "target": "crm.lead",
                "domain": f"[('email_from', 'ilike', '{self.domain}')]",
            },
        )
        story.company.marketer.press("crm.segment", self.segment_id, "action_refresh")

    def start(self):
        self.campaign_id = start_campaign(
            self.story.company, self.segment_id, f"News {self.domain}"
        )

    def received(self):
        """``{address: number of mails}``"""
        return Counter(
            mail.recipient
            for mail in list(self.story.sink.received)
            if mail.recipient.endswith(self.domain)
        )

    def mail_tasks(self):
        """``{state: number of tasks}`` of the first mail."""
        return Counter(
            task["state"]
            for task in self.story.company.marketer.find(
                "crm.campaign.task",
                [
                    ("campaign_id", "=", self.campaign_id),
                    ("kind", "=", "mail"),
                    ("step_id.parent_id", "=", False),
                ],
                "state",
            )
        )

    def finish(self, **states):
        """Have the scheduler run until the mails are in these states."""

        def is_finished():
            if self.mail_tasks() == states:
                return True
            self.story.server.trigger_cron("crm_campaigns.ir_cron_run_campaigns")
            return False

        wait_for(f"mails {states}", is_finished, timeout=120, every=0.5)

    def check_once_each(self):
        for _again in range(2):
            self.story.server.trigger_cron("crm_campaigns.ir_cron_run_campaigns")
            self.story.server.trigger_cron("mail.ir_cron_mail_scheduler_action")
        assert self.received() == dict.fromkeys(self.addresses, 1)


def test_worker_killed_before_a_mail_is_handed_over(story):
    mailing = Mailing(story, "before")
    hold = story.sink.hold(mailing.domain, nth=5, at="RCPT")
    mailing.start()
    assert hold.reached.wait(30)
    assert len(mailing.received()) == 4

    killed = story.server.kill_cron_workers()

    assert hold.gone.wait(10), "the server has lost its client"
    wait_for(
        "new cron worker",
        lambda: {p.pid for p in story.server.cron_processes()} - set(killed),
    )
    mailing.finish(done=12)
    mailing.check_once_each()


def test_server_killed_while_the_mail_server_takes_a_mail(story):
    """The mail server has the text, and its answer is never read: nobody knows whether
    the mail will be delivered. It is not sent again, and shown to a person."""
    mailing = Mailing(story, "during")
    hold = story.sink.hold(mailing.domain, nth=5, at="DATA")
    mailing.start()
    assert hold.reached.wait(30)

    story.server.kill()
    story.server.start()

    assert hold.gone.wait(10)
    mailing.finish(done=11, unknown=1)
    mailing.check_once_each()


def test_mail_lost_by_the_mail_server_is_sent_again_by_a_person(story):
    mailing = Mailing(story, "lost")
    hold = story.sink.hold(mailing.domain, nth=5, at="DATA", lose=True)
    mailing.start()
    assert hold.reached.wait(30)
    story.server.kill_cron_workers()
    mailing.finish(done=11, unknown=1)
    assert len(mailing.received()) == 11

    marketer = story.company.marketer
    unknown_ids = marketer.search(
        "crm.campaign.task",
        [("campaign_id", "=", mailing.campaign_id), ("state", "=", "unknown")],
    )
    marketer.press("crm.campaign.task", unknown_ids, "action_send_again")

    wait_for("lost mail", lambda: len(mailing.received()) == 12)
    mailing.check_once_each()


def test_refused_address_fails_alone(story):
    mailing = Mailing(story, "refused")
    story.sink.refuse(mailing.addresses[4])
    mailing.start()

    mailing.finish(done=11, failed=1)

    assert mailing.received() == dict.fromkeys(
        set(mailing.addresses) - {mailing.addresses[4]}, 1
    )


def test_two_workers_send_each_mail_once(story):
    story.server.stop()
    story.server.cron_workers = 2
    story.server.start()
    mailing = Mailing(story, "two")
    hold = story.sink.hold(mailing.domain, nth=1, at="DATA")
    mailing.start()
    assert hold.reached.wait(30)

    # the one waits for the mail server; the other one is called
    story.server.notify_cron()
    story.server.trigger_cron("mail.ir_cron_mail_scheduler_action")
    hold.release()

    mailing.finish(done=12)
    mailing.check_once_each()
