from datetime import datetime, timedelta
from unittest.mock import patch

from odoo import fields
from odoo.exceptions import AccessError, ValidationError
from odoo.tests import BaseCase, HttpCase, tagged
from odoo.tools import mute_logger

from ..tools.machine_hit import (
    CLICK,
    OPEN,
    PERSON,
    PREFETCH,
    SCANNER,
    Agent,
    is_machine,
)
from .common import BODY, CampaignCommon

BROWSER = "Mozilla/5.0 (X11; Linux x86_64) Firefox/130.0"


@tagged("post_install", "-at_install", "crm_campaigns")
class TestMachineTools(BaseCase):
    AGENTS = (
        Agent("googleimageproxy", "", PERSON),
        Agent("", "17.0.0.0/8", PREFETCH),
        Agent("scan", "192.0.2.0/24", SCANNER),
        Agent("mimecast", "", SCANNER),
        Agent("", "no network", SCANNER),
        Agent("", "", SCANNER),
    )

    def test_cases(self):
        for what, user_agent, address, expected in (
            (OPEN, "via ggpht.com GoogleImageProxy", "66.1.1.1", False),
            (OPEN, "Mozilla/5.0", "17.58.1.2", True),
            (CLICK, "Mozilla/5.0", "17.58.1.2", False),
            (CLICK, "MIMECAST gateway", "1.2.3.4", True),
            # both have to fit
            (CLICK, "Scan", "192.0.2.9", True),
            (CLICK, "Scan", "192.0.3.9", None),
            (CLICK, BROWSER, "192.0.2.9", None),
            (CLICK, None, None, None),
            (CLICK, "", "2001:db8::1", None),
        ):
            with self.subTest(what=what, agent=user_agent, address=address):
                self.assertIs(
                    is_machine(self.AGENTS, what, user_agent, address), expected
                )

    def test_the_first_that_fits_holds(self):
        agents = (Agent("a", "", PERSON), Agent("a", "", SCANNER))
        self.assertIs(is_machine(agents, CLICK, "A", ""), False)
        self.assertIs(is_machine(agents[::-1], CLICK, "A", ""), True)


class MachineCommon(CampaignCommon):
    """Ida got a mail with two links, a day ago."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env["ir.config_parameter"].set_param("crm_campaigns.machine_seconds", 5)
        cls.Touchpoint = cls.env["crm.touchpoint"]
        cls.Touchpoint._harvest()
        cls.last_id = cls.Touchpoint.search([], order="id desc", limit=1).id or 0
        cls.Hit = cls.env["crm.mail.hit"]
        cls.long_ago = fields.Datetime.now() - timedelta(days=1)
        cls.mailing = cls._create_mailing("res.partner", body_html=BODY)
        cls.trace = cls._create_trace(
            cls.customer_contact,
            cls.mailing,
            mail_mail_id_int=4711,
            trace_status="sent",
            sent_datetime=cls.long_ago,
        )
        cls.links = cls._create_link(cls.mailing) + cls._create_link(
            cls.mailing, "https://brandt.example/2"
        )

    def _click_at(self, ago, link=None, **values):
        """A click so many seconds ago."""
        click = self.env["link.tracker.click"].add_click(
            (link or self.links[0]).code, mailing_trace_id=self.trace.id, **values
        )
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE link_tracker_click SET create_date = %s WHERE id = %s",
            (fields.Datetime.now() - timedelta(seconds=ago), click.id),
        )
        self.env.invalidate_all()
        return click

    def _harvested(self, code):
        self._harvest_queued()
        self.env.invalidate_all()
        return self.Touchpoint.search(
            [("kind_id.code", "=", code), ("id", ">", self.last_id)]
        )

    def _sign(self, code="order_confirmed", partner=None, **values):
        """The person shows up."""
        kind = self.env["crm.touchpoint.kind"].search([("code", "=", code)])
        partner = partner or self.customer_contact
        touchpoint = self.Touchpoint.create(
            {
                "kind_id": kind.id,
                "date": fields.Datetime.now(),
                "partner_id": partner.id,
                "commercial_partner_id": partner.commercial_partner_id.id,
                "res_model": "test",
                "res_id": self.Touchpoint.search_count([]) + 1,
                **values,
            }
        )
        self.env.flush_all()
        self.Touchpoint._on_harvested(touchpoint.ids)
        self.env.invalidate_all()
        return touchpoint


@tagged("post_install", "-at_install", "crm_campaigns")
class TestMachine(MachineCommon):
    def test_who_follows_the_hidden_link_made_what_was_done_around_it(self):
        """Trap D1: a scanner that no list knows."""
        near, far = self._click_at(60), self._click_at(600)
        self.assertTrue(self.trace.human_click_datetime)
        clicked = self._harvested("campaign_clicked")
        self.assertEqual(clicked.mapped("is_machine"), [False, False])

        self.Hit._note(4711, "trap")

        self.assertEqual((near | far).mapped("machine_reason"), ["honeypot", False])
        by_click = {one.res_id: one.is_machine for one in clicked}
        self.assertEqual((by_click[near.id], by_click[far.id]), (True, False))
        # raw figures are kept
        self.assertTrue(self.trace.links_click_datetime)
        self.assertEqual(self.trace.human_click_datetime, far.create_date)
        # what comes in the same go
        self.assertEqual(self._click_at(0).machine_reason, "honeypot")

        # doing it again changes nothing
        self.env.flush_all()
        before = self.trace.write_date, self.trace.human_open_datetime
        self.trace._classify_trapped()
        self.trace._recompute_human()
        self.env.invalidate_all()
        self.assertEqual(
            (self.trace.write_date, self.trace.human_open_datetime), before
        )

    def test_opens_around_the_hidden_link_are_a_machines(self):
        self.trace.set_opened()
        self.Hit._note(4711, "open")
        self.assertTrue(self.trace.human_open_datetime)
        self.assertEqual(self._harvested("campaign_opened").is_machine, False)
        self.Hit._note(4711, "trap")
        self.assertFalse(self.trace.human_open_datetime)
        self.assertEqual(self.trace.trace_status, "open")
        self.assertEqual(self._harvested("campaign_opened").is_machine, True)

    def test_a_later_look_of_a_person_counts_after_a_prefetch(self):
        agent = type(self.env["crm.mail.agent"])
        with patch.object(agent, "_get_machine_reason", lambda *_args: "agent"):
            self.trace.set_opened()
            self.Hit._note(4711, "open")
        opened = self._harvested("campaign_opened")
        self.assertTrue(opened.is_machine)
        self.assertFalse(self.trace.human_open_datetime)

        self.trace.set_opened()
        self.Hit._note(4711, "open")

        self.assertTrue(self.trace.human_open_datetime)
        opened.invalidate_recordset()
        self.assertFalse(opened.is_machine)
        self.assertEqual(len(self._harvested("campaign_opened")), 1)
        self.assertEqual(
            self.Hit.search([("trace_id", "=", self.trace.id)], order="id").mapped(
                "machine_reason"
            ),
            ["agent", False],
        )

    def test_hits_of_a_mail_are_kept_up_to_a_number(self):
        with patch(
            "odoo.addons.crm_campaigns.models.engagement.crm_mail_hit.MAX_HITS", 3
        ):
            for _time in range(5):
                self.Hit._note(4711, "open")
        self.assertEqual(self.Hit.search_count([("trace_id", "=", self.trace.id)]), 3)

    def _doubtful(self, ago=3600):
        self.trace.sent_datetime = fields.Datetime.now()
        click = self._click_at(ago)
        self.assertEqual(click.machine_reason, "speed")
        touchpoint = self._harvested("campaign_clicked")
        self.assertTrue(touchpoint.is_machine)
        return click, touchpoint

    def _put_touchpoint_back(self, touchpoint, seconds):
        self.env.cr.execute(
            "UPDATE crm_touchpoint SET date = date - %s * interval '1 second'"
            " WHERE id = %s",
            (seconds, touchpoint.id),
        )
        self.env.invalidate_all()

    def test_a_doubtful_click_is_a_persons_when_the_person_shows_up(self):
        click, touchpoint = self._doubtful()
        self.assertFalse(self.trace.human_click_datetime)
        Model = type(self.env["crm.score.model"])
        kind = self.env.ref("crm_campaigns.crm_touchpoint_kind_campaign_clicked")
        with (
            patch.object(Model, "_get_engaging_kind_ids", lambda _self: (kind.id,)),
            patch.object(Model, "_get_watched_fields", lambda _self, _target: ["x"]),
            patch.object(Model, "_queue_recompute") as recompute,
        ):
            self._sign()
        self.assertRecordValues(
            click,
            [
                {
                    "machine_reason": False,
                    "doubt": "speed",
                    "human_sign_id": self.env.ref(
                        "crm_plus.crm_touchpoint_kind_order_confirmed"
                    ).id,
                }
            ],
        )
        touchpoint.invalidate_recordset()
        self.assertFalse(touchpoint.is_machine)
        self.assertEqual(self.trace.human_click_datetime, click.create_date)
        # the points are given
        recomputed = {
            target for call in recompute.call_args_list for target in [call.args[0]]
        }
        self.assertIn("res.partner", recomputed)

        # and the hidden link takes it away again
        self.env.cr.execute(
            "UPDATE link_tracker_click SET create_date = now() AT TIME ZONE 'UTC'"
            " WHERE id = %s",
            (click.id,),
        )
        self.Hit._note(4711, "trap")
        self.env.invalidate_all()
        self.assertEqual(click.machine_reason, "honeypot")
        self.assertTrue(touchpoint.is_machine)

    def test_what_is_no_sign(self):
        for code, values in (
            ("invoice_paid", {}),
            ("campaign_opened", {}),
            ("campaign_sent", {}),
            ("email_in", {"is_machine": True}),
            ("email_in", {"partner": self.customer_2}),
            ("email_in", {"date": datetime(2020, 1, 1)}),
        ):
            with self.subTest(code=code, values=values):
                click, touchpoint = self._doubtful()
                self._sign(code, **values)
                self.assertEqual(click.machine_reason, "speed")
                click.unlink()
                touchpoint.with_context(active_test=False)
                self.env.cr.execute(
                    "DELETE FROM crm_touchpoint WHERE id = %s", (touchpoint.id,)
                )
                self.env.invalidate_all()

    def test_a_sign_after_a_week_comes_too_late(self):
        click, _touchpoint = self._doubtful(ago=8 * 86400)
        self._sign()
        self.assertEqual(click.machine_reason, "speed")

    def test_a_known_scanner_stays_one(self):
        click = self._click_at(3600, machine_reason="agent")
        self._harvested("campaign_clicked")
        self._sign()
        self.assertEqual(click.machine_reason, "agent")

    def test_a_second_click_later_is_a_sign_and_one_in_the_same_go_is_none(self):
        first, touchpoint = self._doubtful()
        self._put_touchpoint_back(touchpoint, 3600)
        self.trace.sent_datetime = self.long_ago
        second = self._click_at(0, self.links[1])
        self._harvested("campaign_clicked")
        self.assertFalse(second.machine_reason)
        self.assertFalse(first.machine_reason)
        self.assertEqual(first.doubt, "speed")

    def test_a_journey_goes_on_when_the_person_shows_up(self):
        lead = self._create_leads(
            partner_id=self.customer_contact.id, email_from="ida@brandt.example"
        )
        campaign = self._create_journey(lead)
        campaign.action_start()
        self._run()
        task = self._tasks(campaign, self.mail)
        task.trace_id.sent_datetime = fields.Datetime.now()
        self._click(task)
        wait = self._tasks(campaign, self.wait)
        self.assertFalse(wait.outcome)
        click = self.env["link.tracker.click"].search(
            [("mailing_trace_id", "=", task.trace_id.id)]
        )
        self.assertEqual(click.machine_reason, "speed")

        self._sign(
            "email_in",
            lead_id=lead.id,
            date=fields.Datetime.now() + timedelta(minutes=5),
        )
        self._run()

        self.assertFalse(click.machine_reason)
        self.assertEqual(self._tasks(campaign, self.wait).outcome, "yes")

    def test_figures_of_people_stand_beside_those_of_odoo(self):
        for number in range(3):
            partner = self.env["res.partner"].create(
                {"name": f"P{number}", "email": f"p{number}@x.example"}
            )
            self._create_trace(
                partner,
                self.mailing,
                message_id=f"<{number}@x>",
                trace_status=("sent", "bounce", "cancel")[number],
                sent_datetime=self.long_ago,
            )
        click = self._click_at(0, machine_reason="agent")
        self.trace.open_datetime = click.create_date  # as in a request of its own
        self.assertEqual(self.mailing.clicks_ratio, 50)
        self.assertEqual(self.mailing.human_clicks_ratio, 0)
        self.assertEqual(self.mailing.opened_ratio, 50)
        self.assertEqual(self.mailing.human_opened_ratio, 0)
        self._click_at(0)
        self.mailing.invalidate_recordset()
        self.assertEqual(self.mailing.human_clicks_ratio, 50)
        self.assertEqual(self.mailing.human_opened, 1)
        action = self.mailing.action_view_human_clicked()
        self.assertEqual(
            self.env["mailing.trace"].search(
                [*action["domain"], ("human_click_datetime", "!=", False)]
            ),
            self.trace,
        )

    def test_figures_of_many_mailings_are_one_query(self):
        mailings = self.mailing
        for _number in range(20):
            mailings += self._create_mailing()
        self.env.flush_all()
        with self.assertQueryCount(1):
            mailings.mapped("human_opened_ratio")

    def test_telling_people_from_machines_is_few_queries_for_many(self):
        partners = self.env["res.partner"].create(
            [{"name": f"P{n}", "email": f"p{n}@x.example"} for n in range(30)]
        )
        traces = self.env["mailing.trace"]
        for partner in partners:
            traces += self._create_trace(
                partner, self.mailing, message_id=f"<{partner.id}@x>"
            )
        traces._recompute_human()
        self.env.flush_all()
        with self.assertQueryCount(2):
            traces._recompute_human()

    def test_who_may_teach_it_programs(self):
        Agent_ = self.env["crm.mail.agent"]
        with self.assertRaises(AccessError):
            Agent_.with_user(self.campaign_user).create({"name": "X", "pattern": "x"})
        agent = Agent_.with_user(self.campaign_manager).create(
            {"name": "X", "pattern": "x-scan"}
        )
        self.assertIn("x-scan", [one.pattern for one in Agent_._get_agents()])
        agent.active = False
        self.assertNotIn("x-scan", [one.pattern for one in Agent_._get_agents()])
        for values in ({"pattern": " "}, {"pattern": False}, {"network": "here"}):
            with self.assertRaises(ValidationError):
                agent.write(values)
        with self.assertRaises(AccessError):
            self.Hit.with_user(self.campaign_manager).create(
                {"trace_id": self.trace.id, "kind": "open", "date": self.long_ago}
            )


@tagged("post_install", "-at_install", "crm_campaigns")
class TestMachineRoutes(MachineCommon, HttpCase):
    def _look(self, agent=BROWSER, method="GET", path=None):
        if path is None:
            token = self.env["mail.mail"]._generate_mail_recipient_token(4711)
            path = f"/mail/track/4711/{token}/blank.gif"
        response = self.url_open(path, headers={"User-Agent": agent}, method=method)
        self.env.invalidate_all()
        return response

    def test_the_picture_tells_who_looked(self):
        """Trap D2: Odoo counts each load of the picture."""
        for agent, method, reason in (
            ("Mimecast/1.0", "GET", "agent"),
            (BROWSER, "HEAD", "head"),
            ("GoogleImageProxy bot", "GET", False),
        ):
            with self.subTest(agent):
                self.Hit.search([]).unlink()
                response = self._look(agent, method)
                self.assertEqual(response.status_code, 200)
                hit = self.Hit.search([("trace_id", "=", self.trace.id)])
                self.assertEqual(hit.machine_reason, reason)
                self.assertEqual(bool(self.trace.human_open_datetime), not reason)

    def test_a_link_tells_who_followed_it(self):
        """Trap D2: Odoo counts each hit of a mail's link."""
        for agent, method, reason in (
            ("python-requests/2.31", "GET", "agent"),
            (BROWSER, "HEAD", "head"),
            (BROWSER, "GET", False),
        ):
            with self.subTest(agent):
                self.env["link.tracker.click"].search(
                    [("mailing_trace_id", "=", self.trace.id)]
                ).unlink()
                self.url_open(
                    f"/r/{self.links[0].code}/m/{self.trace.id}",
                    headers={"User-Agent": agent},
                    method=method,
                    allow_redirects=False,
                )
                click = self.env["link.tracker.click"].search(
                    [("mailing_trace_id", "=", self.trace.id)]
                )
                self.assertEqual(click.machine_reason, reason)

    @mute_logger("odoo.http")
    def test_the_hidden_link(self):
        self.assertEqual(self._look(path="/mail/more/4711/x").status_code, 404)
        self.assertFalse(self.Hit.search([("trace_id", "=", self.trace.id)]))
        path = self.Hit._get_trap_path(4711)
        self.assertNotEqual(path, self.Hit._get_trap_path(4712))
        response = self._look(path=path)
        self.assertEqual((response.status_code, response.text), (200, ""))
        hit = self.Hit.search([("trace_id", "=", self.trace.id)])
        self.assertEqual((hit.kind, hit.machine_reason), ("trap", "honeypot"))

    def test_the_hidden_link_is_in_the_page_and_not_in_the_text(self):
        mailing = self._create_mailing(
            "res.partner",
            body_html=BODY,
            mailing_domain=repr([("id", "=", self.customer_contact.id)]),
        )
        with self.mock_mail_gateway():
            mailing._action_send_mail()
        mail = self._mails[0]
        trace = mailing.mailing_trace_ids
        path = self.Hit._get_trap_path(trace.mail_mail_id_int)
        self.assertIn(path, mail["body"])
        self.assertNotIn("/mail/more/", mail["body_alternative"])

        self.env["ir.config_parameter"].set_param("crm_campaigns.no_hidden_link", True)
        mailing = mailing.copy()
        with self.mock_mail_gateway():
            mailing._action_send_mail()
        self.assertNotIn("/mail/more/", self._mails[0]["body"])
