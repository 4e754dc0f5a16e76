from datetime import timedelta

from odoo.exceptions import AccessError, UserError
from odoo.fields import Command
from odoo.tests import Form, tagged, users

from ..tools.template_check import find_missing, get_paths, get_qweb_expressions
from .common import BODY, CampaignCommon


@tagged("post_install", "-at_install", "crm_campaigns_trust")
class TestCampaignChecks(CampaignCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.lead = cls.env["crm.lead"].create(
            {"name": "Ida", "email_from": "ida@brandt.example"}
        )
        domain = cls.env["mail.alias.domain"].search(
            [("name", "=", "test.example.com")]
        ) or cls.env["mail.alias.domain"].create({"name": "test.example.com"})
        cls.company.alias_domain_id = domain
        cls.env["ir.mail_server"].search([]).active = False
        cls.env["ir.mail_server"].create(
            {
                "name": "Test",
                "smtp_host": "localhost",
                "from_filter": "test.example.com",
            }
        )
        cls.campaign = cls._create_journey(cls.lead)

    def _checks(self, severity=None):
        """``[(step, text)]`` of the campaign."""
        return [
            (check["step"], check["text"])
            for check in self.campaign.get_checks()
            if severity in (None, check["severity"])
        ]

    def _assert_said(self, severity, words, step=""):
        said = self._checks(severity)
        self.assertTrue(
            any(words in text and name == step for name, text in said),
            f"{words!r} of {step!r} not in {said}",
        )

    # ------------------------------------------------------------
    # In general
    # ------------------------------------------------------------

    def test_a_journey_without_mistakes_has_no_checks(self):
        self.assertEqual(self._checks(), [])

    @users("campaign_user")
    def test_who_reads_campaigns_reads_their_checks(self):
        self.assertEqual(self.campaign.with_user(self.env.user).get_checks(), [])

    def test_sellers_do_not(self):
        with self.assertRaises(AccessError):
            self.campaign.with_user(self.seller).get_checks()

    def test_the_worst_comes_first_and_only_it_keeps_from_starting(self):
        self._add_step(self.campaign, "wait", self.mail_2, name="For nothing")
        self.assertEqual([c["severity"] for c in self.campaign.get_checks()], ["warn"])

        self.mail.mailing_id.subject = ""
        checks = self.campaign.get_checks()

        self.assertEqual([c["severity"] for c in checks], ["block", "warn"])
        self.assertEqual(checks[0]["step_id"], self.mail.id)
        with self.assertRaisesRegex(UserError, "no subject"):
            self.campaign.action_start()

    def test_the_start_shows_them_and_starts(self):
        start = Form(
            self.env["crm.campaign.start"]
            .with_user(self.campaign_manager)
            .with_context(default_campaign_id=self.campaign.id)
        ).save()
        self.assertFalse(start.is_blocked)
        self.assertEqual(start.people_count, 1)

        start.action_start()

        self.assertEqual(self.campaign.state, "running")

    def test_the_start_says_what_blocks(self):
        self.campaign.step_ids.unlink()
        start = self.env["crm.campaign.start"].create({"campaign_id": self.campaign.id})
        self.assertTrue(start.is_blocked)
        self._assert_said("block", "Add a first step")

    # ------------------------------------------------------------
    # Steps
    # ------------------------------------------------------------

    def test_a_field_that_there_is_not_blocks(self):
        self.mail.mailing_id.subject = "Hello {{ object.partner_id.nmae }}"
        self.mail_2.mailing_id.body_html = BODY.replace("object.name", "object.colour")

        self._assert_said("block", "partner_id.nmae", "Mail 1")
        self._assert_said("block", "“colour”", "Mail 2")

    def test_a_broken_expression_blocks(self):
        self.mail.mailing_id.preview = "{{ object.name + }}"
        self._assert_said("block", "no expression", "Mail 1")

    def test_placeholders_of_subjects_do_not_work_in_the_text(self):
        self.mail.mailing_id.body_html = BODY + "<p>Dear {{ object.name }}</p>"
        self._assert_said("warn", "only a subject replaces", "Mail 1")

    def test_a_mail_without_unsubscribe_link_blocks(self):
        self.mail.mailing_id.body_html = "<p>Hello</p>"
        self._assert_said("block", "no unsubscribe link", "Mail 1")

    def test_two_mails_at_once(self):
        self._add_step(self.campaign, "mail", self.mail, name="Mail 3")
        self._assert_said("warn", "“Mail 1” at once", "Mail 3")

    def test_an_empty_branch_is_told(self):
        self.mail_2.unlink()
        self._assert_said("info", "no click in time", "Click?")

    def test_what_comes_after_the_end_is_never_reached(self):
        other = self._create_campaign(self.lead, name="Other")
        move = self._add_step(
            self.campaign, "move", self.call, name="Move", move_campaign_id=other.id
        )
        self._add_step(self.campaign, "wait", move, name="Never")
        self._assert_said("block", "nobody gets to what follows", "Move")
        self._assert_said("warn", "does not run", "Move")

        move.move_ends = False
        self.assertNotIn("Move", [name for name, _text in self._checks("block")])

    def test_a_long_wait(self):
        self.wait.delay_count = 500
        self._assert_said("warn", "more than a year", "Click?")

    def test_archived_records_are_told(self):
        self.call.activity_type_id = self.env["mail.activity.type"].create(
            {"name": "Old call", "active": False}
        )
        gone = self.seller.copy({"login": "gone", "active": False})
        self.call.activity_user_id = gone
        mailing_list = self.env["mailing.list"].create(
            {"name": "Old list", "active": False}
        )
        self._add_step(
            self.campaign,
            "mailing_list",
            self.call,
            name="List",
            list_id=mailing_list.id,
        )
        self._assert_said("warn", "Old call", "Call")
        self._assert_said("warn", gone.name, "Call")
        self._assert_said("warn", "Old list", "List")

    def test_ways_that_nobody_goes(self):
        split = self._add_step(
            self.campaign,
            "split_value",
            self.call,
            name="Split",
            split_field_id=self.env["ir.model.fields"]._get("crm.lead", "city").id,
            way_ids=[
                Command.create({"name": "Lyon", "value": "Lyon"}),
                Command.create({"name": "Also Lyon", "value": "lyon "}),
                Command.create({"name": "Nowhere"}),
            ],
        )
        self._assert_said("warn", "“lyon”", "Split")
        self._assert_said("warn", "“Nowhere”", "Split")
        split.way_ids[1:].value = "Porto"
        split.way_ids[2].unlink()
        self.assertNotIn("Lyon", str(self._checks("warn")))

    # ------------------------------------------------------------
    # The campaign
    # ------------------------------------------------------------

    def test_an_empty_segment(self):
        empty = self._create_segment(self.env["crm.lead"], name="Nobody")
        self.campaign.segment_id = empty
        self._assert_said("warn", "“Nobody”")

    def test_dates(self):
        now = self._now()
        self.campaign.date_begin = now - timedelta(days=1)
        self._assert_said("warn", "“Enter From” has passed")
        self.campaign.date_begin = now + timedelta(days=3)
        self.campaign.date_end = now + timedelta(days=2)
        self._assert_said("block", "“Enter Until” comes before")

    def test_an_archived_responsible_blocks(self):
        self.campaign_manager.active = False
        self._assert_said("block", "is archived: choose somebody else")

    def test_a_sender_without_an_address_blocks(self):
        self.campaign.email_from = "Marketing"
        self._assert_said("block", "The sender has no address")

    def test_a_sender_of_another_domain(self):
        self.campaign.email_from = "Us <us@elsewhere.example>"
        self._assert_said("warn", "elsewhere.example is no alias domain")
        self._assert_said("warn", "No outgoing mail server is for elsewhere.example")

    def test_a_company_without_alias_domain(self):
        self.company.alias_domain_id = False
        self._assert_said("warn", "has no alias domain")

    def test_moving_in_a_circle(self):
        """Trap D8: endless work is told before the start."""
        other = self._create_campaign(self.lead, name="Other")
        self._add_step(
            self.campaign, "move", self.call, name="There", move_campaign_id=other.id
        )
        self._add_step(other, "move", name="Back", move_campaign_id=self.campaign.id)
        self._assert_said("warn", "Autumn → Other → Autumn")

        (self.campaign + other).reentry = "after_exit"
        self._assert_said("block", "never get out")

    def test_nobody_enters_by_itself(self):
        self.campaign.write(
            {"entry": "manual", "model_id": self.env["ir.model"]._get_id("crm.lead")}
        )
        self._assert_said("info", "Nobody enters by itself")

    # ------------------------------------------------------------
    # Templates
    # ------------------------------------------------------------

    def test_paths_of_expressions(self):
        for expression, paths in (
            ("object.name", {("name",)}),
            ("object.partner_id.name or 'friend'", {("partner_id", "name")}),
            ("object._get_x()[0].y", {("_get_x",)}),
            ("len(object.tag_ids) > 2 and object.city", {("tag_ids",), ("city",)}),
            ("user.name", set()),
            ("object", set()),
        ):
            with self.subTest(expression=expression):
                self.assertEqual(get_paths(expression), paths)
        with self.assertRaises(SyntaxError):
            get_paths("object.name +")

    def test_expressions_of_a_body(self):
        body = (
            '<p t-if="object.city">x</p><t t-out="object.name">N</t>'
            '<a t-attf-href="/x/{{ object.id }}" t-att-title="user.name">y</a> text'
        )
        self.assertEqual(
            get_qweb_expressions(body),
            ["object.city", "object.name", "object.id", "user.name"],
        )

    def test_what_records_do_not_have(self):
        Lead = self.env["crm.lead"]
        for path, missing in (
            (("name",), None),
            (("partner_id", "country_id", "code"), None),
            (("partner_id", "colour"), "partner_id.colour"),
            (("create_date", "year"), None),
            (("get_base_url",), None),
            (("nothing", "at_all"), "nothing"),
        ):
            with self.subTest(path=path):
                self.assertEqual(find_missing(Lead, path), missing)
