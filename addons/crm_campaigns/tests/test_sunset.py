from datetime import datetime, timedelta
from unittest.mock import patch

from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import freeze_time, tagged

from ..models.consent.crm_sunset_line import CrmSunsetLine
from .common import CampaignCommon

NOW = datetime(2026, 6, 15, 12, 0)


@freeze_time(NOW)
@tagged("post_install", "-at_install", "crm_campaigns")
class TestSunset(CampaignCommon):
    """Ida and Nowak got a mail each month for two years."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env["crm.sunset.rule"].search([]).active = False
        cls.rule = cls.env["crm.sunset.rule"].create(
            {"name": "Silent", "months": 12, "min_mails": 6}
        )
        cls.people = cls.customer_contact + cls.customer_2
        for partner in cls.people:
            for month in range(24):
                cls._touch("campaign_sent", partner, month)
        cls.env["crm.campaign"].search([]).write({"state": "stopped"})

    @classmethod
    def _touch(cls, code, partner, months_ago, **values):
        kind = cls.env["crm.touchpoint.kind"].search([("code", "=", code)])
        Touchpoint = cls.env["crm.touchpoint"]
        cls.number = getattr(cls, "number", 0) + 1
        touchpoint = Touchpoint.create(
            {
                "kind_id": kind.id,
                "date": NOW - timedelta(days=30 * months_ago + 1),
                "partner_id": partner.id,
                "commercial_partner_id": partner.commercial_partner_id.id,
                "company_id": cls.company.id,
                "res_model": "test.sunset",
                "res_id": cls.number,
                **values,
            }
        )
        cls.env.flush_all()
        return touchpoint

    def _found(self, state="candidate"):
        self.env.invalidate_all()
        lines = self.rule.line_ids.filtered(lambda line: line.state == state)
        return lines.partner_id & (self.people + self.customer)

    def _cron(self):
        with self.enter_registry_test_mode():
            self.env.ref("crm_campaigns.ir_cron_sunset").method_direct_trigger()
        self.env.invalidate_all()

    def _look(self):
        self.rule._look()
        return self._found()

    def test_who_never_shows_up_is_found_with_the_reason(self):
        self.assertEqual(self._look(), self.people)
        line = self.rule.line_ids.filtered(
            lambda line: line.partner_id == self.customer_2
        )
        self.assertEqual(line.mail_count, 24)
        self.assertEqual(line.reason, "24 mails, and never a sign")
        # looking again changes nothing
        self.assertEqual(self._look(), self.people)
        self.assertEqual(len(self.rule.line_ids), len(self.rule.line_ids.partner_id))

    def test_what_a_sign_is(self):
        ida = self.customer_contact
        for code, partner, values, is_sign in (
            ("campaign_opened", ida, {}, True),
            ("campaign_clicked", ida, {}, True),
            ("campaign_replied", ida, {}, True),
            ("email_in", ida, {}, True),
            ("call_done", ida, {}, True),
            # the company orders for its people, and answers for itself
            ("order_confirmed", self.customer, {}, True),
            ("email_in", self.customer, {}, False),
            ("campaign_clicked", ida, {"is_machine": True}, False),
            ("campaign_unsubscribed", ida, {}, False),
            ("invoice_paid", ida, {}, False),
        ):
            with self.subTest(code=code, partner=partner.name, values=values):
                touchpoint = self._touch(code, partner, 3, **values)
                self.assertEqual(ida not in self._look(), is_sign)
                self.env.cr.execute(
                    "DELETE FROM crm_touchpoint WHERE id = %s", (touchpoint.id,)
                )
                self.env.invalidate_all()

    def test_mails_are_counted_from_the_last_sign_on(self):
        self._touch("email_in", self.customer_2, 14)
        self.assertEqual(self._look(), self.people)
        line = self.rule.line_ids.filtered(
            lambda line: line.partner_id == self.customer_2
        )
        self.assertEqual(line.mail_count, 15)
        self.rule.min_mails = 16
        self.assertEqual(self._look(), self.customer_contact)

    def test_who_is_known_for_a_short_while_is_not_silent(self):
        stranger = self.env["res.partner"].create({"name": "New", "email": "n@x.yz"})
        for month in range(11):
            self._touch("campaign_sent", stranger, month)
        self._look()
        self.assertNotIn(stranger, self.rule.line_ids.partner_id)

    def test_who_is_held_blocked_or_withdrew_is_of_no_interest(self):
        self.env["crm.contact.hold"].create(
            {"partner_id": self.customer.id, "note": "Complaint"}
        )
        self.assertEqual(self._look(), self.customer_2)
        self.env["mail.blacklist"]._add(self.customer_2.email)
        self.assertFalse(self._look())

    def test_off_nothing_happens(self):
        action = self.rule.with_user(self.campaign_manager).action_preview()
        self.assertEqual(action["res_model"], "crm.sunset.line")
        self._cron()
        self.assertEqual(self._found(), self.people)
        self.assertFalse(
            self.env["crm.contact.hold"].search([("partner_id", "in", self.people.ids)])
        )

    def test_on_they_are_left_in_peace_and_the_rule_is_reversible(self):
        self.rule.is_on = True
        self._cron()
        self.assertEqual(self._found("done"), self.people)
        holds = self.env["crm.contact.hold"].search(
            [("partner_id", "in", self.people.ids)]
        )
        self.assertEqual(len(holds), 2)
        self.assertIn("Silent: 24 mails", holds[0].note)
        self.assertEqual(set(holds.mapped("scope")), {"marketing"})
        # once
        self._cron()
        self.assertEqual(len(holds), 2)
        self.assertEqual(
            self.env["crm.contact.hold"].search_count(
                [("partner_id", "in", self.people.ids)]
            ),
            2,
        )
        with self.assertRaises(UserError):
            self.rule.unlink()

        lines = self.rule.line_ids.filtered(lambda line: line.state == "done")
        lines.with_user(self.campaign_manager).action_reverse()

        self.assertEqual(self._found("reversed"), self.people)
        self.assertFalse(holds.filtered("is_open"))
        # and not found again at once
        self._cron()
        self.assertEqual(self._found("reversed"), self.people)
        with self.assertRaises(UserError):
            lines.with_user(self.campaign_manager).action_reverse()

    def test_releasing_the_hold_takes_it_back(self):
        self.rule.is_on = True
        self._cron()
        hold = self.env["crm.contact.hold"].search(
            [("partner_id", "=", self.customer_2.id)]
        )
        hold.with_user(self.seller).action_release()
        self.assertEqual(self._found("reversed"), self.customer_2)

    def test_who_shows_up_comes_back(self):
        self.rule.is_on = True
        self._cron()
        with freeze_time(NOW + timedelta(days=1)):
            sign = self._touch(
                "campaign_clicked", self.customer_2, 0, date=NOW + timedelta(hours=20)
            )
            self.env["crm.touchpoint"]._on_harvested(sign.ids)
        self.assertEqual(self._found("returned"), self.customer_2)
        self.assertEqual(self._found("done"), self.customer_contact)
        hold = self.env["crm.contact.hold"].search(
            [("partner_id", "=", self.customer_2.id)]
        )
        self.assertFalse(hold.is_open)

    def test_less_instead_of_nothing(self):
        Preference = self.env["crm.consent.preference"]
        Preference.create({"partner_id": self.customer_2.id, "frequency": "week"})
        self.rule.write({"is_on": True, "action": "less"})
        self._cron()
        found = Preference.search([("partner_id", "in", self.people.ids)])
        self.assertEqual(found.mapped("frequency"), ["month", "month"])
        self.rule.line_ids.filtered(lambda line: line.state == "done").with_user(
            self.campaign_manager
        ).action_reverse()
        self.assertEqual(
            {one.partner_id: one.frequency for one in found},
            {self.customer_2: "week", self.customer_contact: False},
        )

    def _add_question(self):
        campaign = self.env["crm.campaign"].create(
            {
                "name": "Still interested?",
                "entry": "manual",
                "model_id": self.env["ir.model"]._get_id("res.partner"),
                "user_id": self.campaign_manager.id,
                "email_from": "Marketing <marketing@test.example.com>",
                "company_id": self.company.id,
            }
        )
        self._add_step(campaign, "mail")
        self.rule.write({"is_on": True, "campaign_id": campaign.id})
        return campaign

    def test_first_they_are_asked(self):
        """Trap D36: closed without a warning."""
        campaign = self._add_question()
        self.assertTrue(self.rule.problem)
        self._cron()
        # not running: nothing happens
        self.assertFalse(self._found("asked"))
        self.assertFalse(self._found("done"))

        campaign.action_start()
        self._cron()

        self.assertFalse(self.rule.problem)
        self.assertEqual(self._found("asked"), self.people)
        self.assertTrue(
            set(self.people.ids) <= set(campaign.participant_ids.mapped("res_id"))
        )
        with freeze_time(NOW + timedelta(days=13)):
            self._cron()
            self.assertFalse(self._found("done"))
            sign = self._touch(
                "campaign_clicked", self.customer_2, 0, date=NOW + timedelta(days=12)
            )
            self.env["crm.touchpoint"]._on_harvested(sign.ids)
            self.assertEqual(self._found("returned"), self.customer_2)
        with freeze_time(NOW + timedelta(days=15)):
            self._cron()
        self.assertEqual(self._found("done"), self.customer_contact)

    def _add_rule(self):
        """Another rule, the next one in order, which is about the same people."""
        return self.env["crm.sunset.rule"].create(
            {"name": "Still silent", "months": 12, "min_mails": 6, "is_on": True}
        )

    def test_a_question_closed_by_its_dates_stops_no_other_rule(self):
        campaign = self._add_question()
        campaign.action_start()
        other = self._add_rule()
        for dates in (
            {"date_end": NOW - timedelta(days=1)},
            {"date_end": False, "date_begin": NOW + timedelta(days=1)},
        ):
            with self.subTest(dates):
                campaign.write(dates)
                self.assertIn("Nobody enters “Still interested?”", self.rule.problem)
                self.assertIn("nobody is left in peace", self.rule.problem)
                self._cron()
                self.assertFalse(self._found("asked"))
                done = other.line_ids.filtered(lambda line: line.state == "done")
                self.assertEqual(done.partner_id & self.people, self.people)
                self.assertFalse(other.problem)

        done._come_back("reversed")
        other.is_on = False
        campaign.date_begin = False
        self.assertFalse(self.rule.problem)

    def test_what_is_wrong_with_one_rule_stops_no_other(self):
        """It is told on the form, and tried again."""
        self.rule.is_on = True
        other = self._add_rule()
        hold = CrmSunsetLine._hold

        def _hold(lines):
            hold(lines)
            if lines.rule_id == self.rule:
                raise ValueError("no such luck")

        with patch.object(CrmSunsetLine, "_hold", _hold):
            self._cron()
        self.assertFalse(self._found("done"))
        self.assertIn("no such luck", self.rule.problem)
        holds = [("partner_id", "in", self.people.ids)]
        self.assertEqual(
            self.env["crm.contact.hold"].search(holds).mapped("note"),
            ["Still silent: 24 mails, and never a sign"] * 2,
        )
        done = other.line_ids.filtered(lambda line: line.state == "done")
        self.assertEqual(done.partner_id & self.people, self.people)
        self.assertFalse(other.problem)

        done._come_back("reversed")
        other.is_on = False
        self.env["crm.sunset.line"].search([("rule_id", "=", other.id)]).unlink()
        self._cron()
        self.assertEqual(self._found("done"), self.people)
        self.assertFalse(self.rule.problem)

    def test_a_campaign_for_leads_cannot_ask(self):
        lead = self._create_leads()
        with self.assertRaises(ValidationError):
            self.rule.campaign_id = self._create_campaign(lead)

    def test_leaving_somebody_out(self):
        self._look()
        line = self.rule.line_ids.filtered(
            lambda line: line.partner_id == self.customer_2
        )
        with self.assertRaises(AccessError):
            line.with_user(self.campaign_user).action_leave_out()
        line.with_user(self.campaign_manager).action_leave_out()
        self.rule.is_on = True
        self._cron()
        self.assertEqual(self._found("done"), self.customer_contact)

    def test_rights_and_companies(self):
        with self.assertRaises(AccessError):
            self.rule.with_user(self.campaign_user).is_on = True
        with self.assertRaises(AccessError):
            self.rule.with_user(self.campaign_user).action_preview()
        with self.assertRaises(AccessError):
            self.env["crm.sunset.line"].with_user(self.campaign_manager).create(
                {"rule_id": self.rule.id, "partner_id": self.customer.id}
            )
        other = self.env["crm.sunset.rule"].create(
            {"name": "Theirs", "company_id": self.company_2.id, "min_mails": 6}
        )
        rules = self.env["crm.sunset.rule"].with_user(self.campaign_manager).search([])
        self.assertNotIn(other, rules)
        # mails of one company are none of another
        other._look()
        self.assertFalse(other.line_ids.partner_id & self.people)

    def test_looking_is_two_statements_whatever_the_number(self):
        self.rule._look()
        self.env.flush_all()
        counts = []
        for number in (0, 30):
            partners = self.env["res.partner"].create(
                [{"name": f"S{n}", "email": f"s{n}@x.yz"} for n in range(number)]
            )
            for partner in partners:
                for month in range(7, 20):
                    self._touch("campaign_sent", partner, month)
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            self.rule._look()
            self.env.flush_all()
            counts.append(self.env.cr.sql_log_count - before)
        self.assertLessEqual(counts[1], counts[0] + 1)

    def test_merged_contacts_have_one_line(self):
        self._look()
        self.env["base.partner.merge.automatic.wizard"]._merge(
            self.people.ids, self.customer_2
        )
        self.env.invalidate_all()
        lines = self.rule.line_ids.filtered(
            lambda line: line.partner_id == self.customer_2
        )
        self.assertEqual(sorted(lines.mapped("state")), ["candidate", "reversed"])
