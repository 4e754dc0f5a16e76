from datetime import date, datetime

import psycopg2

from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.fields import Command
from odoo.tests import tagged
from odoo.tools import mute_logger

from .common import CaseCommon

# the largest number that a form lets through
HUGE = 2**31 - 1


@tagged("post_install", "-at_install", "crm_helpdesk")
class TestLimits(CaseCommon):
    """Numbers that would stop a job or the intake of mail later are refused at once,
    with words: dates end at the year 9999, seconds of a promise at 68 years.
    """

    def _check_refused(self, record, **values):
        for fname, value in values.items():
            with (
                self.subTest(fname),
                mute_logger("odoo.sql_db"),
                self.assertRaises(psycopg2.errors.CheckViolation),
                self.cr.savepoint(),
            ):
                record.write({fname: value})
                record.flush_recordset()

    def test_settings_of_a_team(self):
        self._check_refused(
            self.team,
            ack_interval=HUGE,
            rating_delay=HUGE,
            rating_cap_days=HUGE,
            reopen_days=HUGE,
            silence_warn_days=HUGE,
        )
        self.team.silence_warn_days = 5
        self.env.flush_all()
        self._check_refused(self.team, silence_close_days=HUGE)

    def test_terms_of_goods(self):
        self._check_refused(
            self.company, case_return_days=HUGE, case_warranty_months=-1
        )
        self._check_refused(self.company, case_warranty_months=HUGE)
        self._check_refused(self.product.product_tmpl_id, case_warranty_months=HUGE)

    def test_longest_terms_can_be_kept(self):
        """What is let through stops nothing: a case comes, waits and is closed."""
        self.team.write(
            {
                "ack_interval": 10080,
                "rating_delay": 8760,
                "rating_cap_days": 3650,
                "reopen_days": 3650,
                "silence_warn_days": 260,
                "silence_close_days": 260,
            }
        )
        self.env["crm.sla.policy"].search([]).active = False
        policy = self.env["crm.sla.policy"].create(
            {"name": "Some day", "res_model": "crm.case"}
        )
        self.env["crm.sla.target"].create(
            [
                {"policy_id": policy.id, "kind": kind, "hours": 87600}
                for kind in ("first_response", "resolution")
            ]
        )
        case = self._receive()
        self.assertEqual(case.sla_clock_ids.policy_id, policy)
        case.stage_id = self.stages["waiting_customer"]
        self.env["crm.case"]._get_silence_domains()
        case.action_close()
        self.assertFalse(case._get_late_rule())
        self.assertTrue(case.date_rating_due)
        self.env["crm.case"].browse(case.id)._count_rating_requests()

    def test_promises(self):
        policy = self.env["crm.sla.policy"].create(
            {"name": "Never", "res_model": "crm.case"}
        )
        target = self.env["crm.sla.target"].create(
            {"policy_id": policy.id, "kind": "resolution", "hours": 8}
        )
        self._check_refused(target, hours=1e9)

    def test_ends_of_time(self):
        case = self._create_cases()
        wizard = self.env["crm.case.snooze"].create(
            {"case_ids": case.ids, "until": datetime(9999, 12, 31, 23, 59)}
        )
        with self.assertRaisesRegex(UserError, "within two years"):
            wizard.action_snooze()
        self.assertFalse(case.is_snoozed)
        for days in ((date(1, 1, 1), date(2026, 1, 1)), (date(2026, 1, 1), date.max)):
            service = self.env["crm.case.service"].create(
                {
                    "partner_ids": self.customer.ids,
                    "date_from": days[0],
                    "date_to": days[1],
                }
            )
            with self.assertRaisesRegex(UserError, "Choose days between"):
                service.action_print()


@tagged("post_install", "-at_install", "crm_helpdesk")
class TestWrongInput(CaseCommon):
    """What dialogs do not offer, given to them all the same."""

    def test_messages_of_other_companies_are_not_listed(self):
        foreign = self._create_cases(team_id=self.team_2.id, partner_id=False)
        self._answer(foreign, self.agent_c2, body="Secret word")
        self.env.invalidate_all()
        Split = self.env["crm.case.split"].with_user(self.agent)
        values = {"case_id": foreign.id, "name": "Mine now"}
        with self.assertRaises(AccessError):
            Split.create(values)
        with self.assertRaises(AccessError):
            Split.onchange(values, ["case_id"], {"case_id": {}, "line_ids": {}})
        own = self._create_cases()
        self._answer(own, body="Open word")
        split = Split.create({"case_id": own.id, "name": "Other matter"})
        self.assertIn("Open word", split.line_ids.mapped("preview"))

    def test_dialogs_tell_nothing_of_cases_that_one_does_not_see(self):
        """Neither what is written is computed as root, nor what is only shown."""
        secret = self.env["crm.case.team"].create(
            {
                "name": "Secret team",
                "company_id": self.company.id,
                "visibility": "members",
                "member_ids": [Command.link(self.agent.id)],
            }
        )
        self.customer.user_id = self.agent
        foreign = self._create_cases(team_id=self.team_2.id, name="Secret words")
        members = self._create_cases(team_id=secret.id, name="Secret words")
        for case in foreign + members:
            case.message_post(
                body="Secret body",
                subject="Secret subject",
                message_type="email",
                email_from="secret@brandt.example",
            )
        self.env.flush_all()
        given = {"team_id": self.team.id, "name": "Mine"}
        for user, case in ((self.outsider, members), (self.manager, foreign)):
            for model, names in (
                ("crm.case.opportunity", ["name", "user_id"]),
                ("crm.case.split", ["team_id", "company_id", "line_ids"]),
                ("crm.case.claim.create", ["company_id", "line_ids"]),
                ("crm.case.mail.filter.test", ["subject", "body", "email_from"]),
            ):
                Dialog = self.env[model].with_user(user)
                if not Dialog.has_access("create"):
                    continue
                for name in names:
                    self.env.invalidate_all()
                    values = {
                        key: value
                        for key, value in given.items()
                        if key in Dialog._fields and key != name
                    }
                    values["case_id"] = case.id
                    with self.subTest(model, name=name, case=case.name):
                        with self.assertRaises(AccessError):
                            Dialog.onchange(
                                values, ["case_id"], {"case_id": {}, name: {}}
                            )
                        with self.assertRaises(AccessError):
                            Dialog.create(values)
                        if model == "crm.case.mail.filter.test":
                            values["case_id"] = False
                            dialog = Dialog.create(values)
                            with self.assertRaises(AccessError):
                                dialog.case_id = case.id

    def test_callers_are_looked_for_among_ones_own_contacts(self):
        self.env["res.partner"].create(
            {
                "name": "Secret partner",
                "company_id": self.company_2.id,
                "phone": "+49 30 777777",
            }
        )
        Call = self.env["crm.case.call"].with_user(self.agent)
        values = {"phone": "+49 30 777777", "team_id": self.team_2.id}

        with self.assertRaises(AccessError):
            Call.onchange(values, ["phone"], {"phone": {}, "partner_id": {}})
        with self.assertRaises(AccessError):
            Call.create(values).flush_recordset()

    def test_macros_of_others_are_not_summed_up(self):
        macro = self.env["crm.case.macro"].create(
            {
                "name": "Mine",
                "scope": "personal",
                "user_id": self.agent.id,
                "reply": "<p>Secret</p>",
            }
        )
        Apply = self.env["crm.case.macro.apply"].with_user(self.agent_2)
        with self.assertRaises(AccessError):
            Apply.onchange(
                {"macro_id": macro.id}, ["macro_id"], {"macro_id": {}, "summary": {}}
            )

    def test_cases_stay_in_the_companies_of_who_moves_them(self):
        case = self._create_cases()
        with self.assertRaisesRegex(AccessError, "another company"):
            case.with_user(self.agent).team_id = self.team_2
        wizard = (
            self.env["crm.case.bulk"]
            .with_user(self.agent)
            .create({"case_ids": case.ids, "team_id": self.team_2.id})
        )
        with self.assertRaisesRegex(AccessError, "another company"):
            wizard.action_apply()
        self.assertEqual(case.company_id, self.company)
        both = self.agent_2
        both.company_ids += self.company_2
        case.with_user(both).with_context(
            allowed_company_ids=both.company_ids.ids
        ).team_id = self.team_2
        self.assertEqual(case.company_id, self.company_2)

    def test_nothing_is_sent_without_words(self):
        case = self._create_cases()
        side = (
            self.env["crm.case.side"]
            .with_user(self.agent)
            .create(
                {
                    "case_id": case.id,
                    "partner_id": self.eva.id,
                    "name": "Where is it?",
                    "body": "<p><br></p>",
                }
            )
        )
        with self.assertRaisesRegex(UserError, "Write what you want to know"):
            side.action_send()
        self.assertEqual(side.state, "draft")

    def test_contracts_are_with_companies(self):
        with self.assertRaisesRegex(ValidationError, "contact of Brandt Kaffee"):
            self.env["crm.case.contract"].create(
                {"name": "Gold", "partner_id": self.ida.id}
            )

    def test_a_case_without_number_is_called_by_its_subject(self):
        Case = self.env["crm.case"]
        self.assertEqual(Case.new({}).display_name, "")
        self.assertEqual(Case.new({"name": "Leak"}).display_name, "Leak")
        case = self._create_cases(name="Leak")
        self.assertEqual(case.display_name, f"[{case.number}] Leak")

    def test_variables_of_macros_say_what_they_are(self):
        text = self.env["crm.case.macro"].new({}).variables_help
        self.assertIn("{{ object.user_id.name }}</code> Assignee: Name", text)
        self.assertIn("Whoever applies it: Name", text)
