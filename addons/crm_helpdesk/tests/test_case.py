from datetime import datetime

from psycopg2.errors import UniqueViolation

from odoo.exceptions import UserError
from odoo.fields import Command
from odoo.tests import Form, freeze_time, tagged, users
from odoo.tools import mute_logger

from .common import CaseCommon

MONDAY_9 = datetime(2026, 3, 2, 9, 0)


@tagged("post_install", "-at_install", "crm_helpdesk")
class TestCase(CaseCommon):
    """Numbers, teams, stages and assignment."""

    def test_numbers_are_drawn_in_one_query_and_unique(self):
        self._create_cases()  # warm
        with self.assertQueryCount(2):  # the sequence, and its next numbers
            numbers = self.env["crm.case"]._draw_numbers(50)
        self.assertEqual(len(set(numbers)), 50)
        cases = self._create_cases(3)
        self.assertEqual(len(set(cases.mapped("number"))), 3)
        with mute_logger("odoo.sql_db"), self.assertRaises(UniqueViolation):
            self._create_cases(number=cases[0].number)

    def test_numbers_of_other_kinds_of_sequences(self):
        sequence = self.env.ref("crm_helpdesk.ir_sequence_crm_case")
        sequence.write({"implementation": "no_gap", "prefix": "H/%(year)s/"})

        cases = self._create_cases(2)

        self.assertEqual(len(set(cases.mapped("number"))), 2)
        self.assertTrue(cases[0].number.startswith("H/20"))

    def test_copy_gets_its_own_number_and_life(self):
        case = self._create_cases(user_id=self.agent.id)
        case.action_close()

        copy = case.copy()

        self.assertNotEqual(copy.number, case.number)
        self.assertRecordValues(
            copy,
            [{"stage_category": "open", "date_closed": False, "user_id": False}],
        )

    @users("case_agent")
    def test_agent_types_a_case(self):
        with Form(self.env["crm.case"]) as form:
            form.name = "Called about the grinder"
            form.partner_id = self.ida
        case = form.record
        self.assertRecordValues(
            case,
            [
                {
                    "team_id": self.team.id,
                    "stage_id": self.stages["new"].id,
                    "partner_email": "ida@brandt.example",
                    "partner_name": "Ida Brandt",
                    "channel": "manual",
                    "company_id": self.company.id,
                }
            ],
        )

    def test_contact_of_unknown_people_is_taken_apart(self):
        case = self._create_cases(
            partner_id=False, partner_email='"Olga" <Olga@Else.example>'
        )

        self.assertRecordValues(
            case,
            [
                {
                    "partner_name": "Olga",
                    "partner_email": "olga@else.example",
                    "email_normalized": "olga@else.example",
                }
            ],
        )

    def test_team_without_stage_of_its_own_keeps_the_stage(self):
        case = self._create_cases(stage_id=self.stages["in_progress"].id)
        other = self.team.copy({"name": "Other", "alias_name": False})

        case.team_id = other

        self.assertEqual(case.stage_id, self.stages["in_progress"])

    def test_stage_of_another_team_is_left(self):
        own = self.env["crm.case.stage"].create(
            {"name": "Lab", "sequence": 25, "team_ids": [Command.set(self.team.ids)]}
        )
        case = self._create_cases(stage_id=own.id)
        other = self.env["crm.case.team"].create({"name": "Other"})

        case.team_id = other

        self.assertEqual(case.stage_id, self.stages["new"])

    def test_order_of_stages_means_nothing(self):
        """OCA's helpdesk fulfils promises when stages are sorted anew: never here."""
        case = self._create_cases()
        self.stages["waiting_customer"].sequence = 99
        self.stages["solved"].sequence = 1

        case.stage_id = self.stages["waiting_customer"]

        self.assertFalse(case.is_closed)
        self.assertEqual(set(case.sla_clock_ids.mapped("state")), {"paused"})
        self.assertEqual(self._create_cases().stage_id, self.stages["new"])

    def test_answered_case_is_kept(self):
        case, spam = self._create_cases(2)
        self._answer(case)

        with self.assertRaises(UserError):
            case.unlink()
        spam.unlink()

    @users("case_agent")
    def test_assign_to_me(self):
        cases = self._create_cases(2).with_env(self.env)

        cases.action_assign_to_me()

        self.assertEqual(cases.user_id, self.agent)
        self.assertTrue(all(cases.mapped("date_assigned")))

    def test_close_and_reopen(self):
        case = self._create_cases()

        case.action_close()
        self.assertEqual(case.stage_id, self.stages["solved"])
        self.assertTrue(case.date_closed)
        date = case.date_closed
        with freeze_time("2030-01-01"):
            case.stage_id = self.stages["closed"]
        self.assertEqual(case.date_closed, date, "solved is when it was solved")
        case.action_reopen()
        self.assertRecordValues(
            case, [{"stage_category": "open", "date_closed": False, "reopen_count": 1}]
        )

    def test_team_without_solved_stage_closes(self):
        self.stages["solved"].active = False
        case = self._create_cases()

        case.action_close()

        self.assertEqual(case.stage_id, self.stages["closed"])

    def test_stage_mail_goes_to_the_customer_not_to_machines(self):
        template = self.env["mail.template"].create(
            {
                "name": "In progress",
                "model_id": self.env["ir.model"]._get_id("crm.case"),
                "subject": "We work on {{ object.number }}",
                "partner_to": "{{ object.partner_id.id }}",
                "use_default_to": False,
                "body_html": "<p>soon</p>",
            }
        )
        self.stages["in_progress"].template_id = template
        case, machine = self._create_cases(2)
        machine.is_machine = True
        self.flush_tracking()

        with self.mock_mail_gateway():
            (case + machine).stage_id = self.stages["in_progress"]
            self.flush_tracking()

        mails = self._new_mails.filtered(lambda mail: mail.recipient_ids == self.ida)
        self.assertEqual(mails.mapped("subject"), [f"We work on {case.number}"])
        self.assertIn("auto-replied", mails.headers)
        self.assertFalse(case.date_first_response)

    def test_counters(self):
        order = self._create_order(self.customer)
        cases = self._create_cases(2, sale_order_id=order.id)
        self._create_cases(partner_id=self.jan.id)

        env = self.env(user=self.agent)
        self.assertEqual(self.customer.with_env(env).case_count, 3)
        self.assertEqual(self.ida.with_env(env).case_count, 2)
        self.assertEqual(cases.with_env(env).mapped("partner_case_count"), [3, 3])
        self.assertEqual(self.eva.with_env(env).case_count, 0)
        self.assertEqual(order.with_env(env).sudo().case_count, 2)
        self.assertEqual(self.team.with_env(env).open_count, 3)
        self.assertEqual(self.team.with_env(env).unassigned_count, 3)
        self.assertEqual(self.team.with_env(env).overdue_count, 0)
        action = self.customer.with_env(env).action_view_cases()
        self.assertEqual(self.env["crm.case"].search_count(action["domain"]), 3)


@tagged("post_install", "-at_install", "crm_helpdesk")
class TestCaseClocks(CaseCommon):
    """Response times: started, paused, stopped by what happens to the case.

    The team works Monday to Friday, 8 to 16 UTC; the policy of the installation
    promises a first response within 4 working hours and a resolution within 16.
    """

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # only the policy of the installation
        cls.env["crm.sla.policy"].search(
            [
                ("res_model", "=", "crm.case"),
                ("id", "!=", cls.env.ref("crm_helpdesk.crm_sla_policy_case").id),
            ]
        ).active = False

    def _clock(self, case, kind, occurrence=1):
        return case.sla_clock_ids.filtered(
            lambda clock: clock.kind == kind and clock.occurrence == occurrence
        )

    @freeze_time(MONDAY_9)
    def test_promises_of_a_new_case(self):
        case = self._create_cases()

        self.assertEqual(
            self._clock(case, "first_response").date_due, MONDAY_9.replace(hour=13)
        )
        # 7 hours today, 8 tomorrow, 1 on Wednesday
        self.assertEqual(
            self._clock(case, "resolution").date_due, datetime(2026, 3, 4, 9, 0)
        )
        self.assertEqual(case.sla_due, MONDAY_9.replace(hour=13))

    def test_answer_stops_the_first_response_and_nothing_else(self):
        with freeze_time(MONDAY_9):
            case = self._create_cases(user_id=self.agent_2.id)
            stage = case.stage_id
        with freeze_time(MONDAY_9.replace(hour=11)):
            self._answer(case)

        first = self._clock(case, "first_response")
        self.assertEqual((first.state, first.elapsed_hours), ("met", 2))
        self.assertFalse(self._clock(case, "resolution").date_stop)
        self.assertEqual(case.date_first_response, MONDAY_9.replace(hour=11))
        self.assertEqual((case.stage_id, case.user_id), (stage, self.agent_2))

    def test_what_is_no_answer(self):
        case = self._create_cases()

        case.with_user(self.agent).message_post(body="a note")
        case.with_user(self.portal_ida).message_post(
            body="more of me",
            message_type="comment",
            subtype_xmlid="mail.mt_comment",
        )
        self.assertTrue(case._acknowledge())
        case.with_user(self.agent).stage_id = self.stages["in_progress"]

        self.assertFalse(case.date_first_response)
        self.assertFalse(self._clock(case, "first_response").date_stop)

    def test_second_answer_does_not_move_the_first(self):
        with freeze_time(MONDAY_9):
            case = self._create_cases()
        for hour in (10, 15):
            with freeze_time(MONDAY_9.replace(hour=hour)):
                self._answer(case)

        self.assertEqual(case.date_first_response, MONDAY_9.replace(hour=10))

    def test_waiting_pauses_with_its_reason_and_gives_the_time_back(self):
        with freeze_time(MONDAY_9):
            case = self._create_cases()
        with freeze_time(MONDAY_9.replace(hour=10)):
            case.stage_id = self.stages["waiting_customer"]
        with freeze_time(MONDAY_9.replace(hour=11)):
            case.stage_id = self.stages["waiting_third"]
            self.assertFalse(case.sla_is_overdue)
        with freeze_time(MONDAY_9.replace(hour=12)):
            case.stage_id = self.stages["in_progress"]

        first = self._clock(case, "first_response")
        self.assertEqual(first.date_due, MONDAY_9.replace(hour=15))
        self.assertEqual(
            sorted(first.pause_ids.mapped("reason")),
            ["Waiting for Customer", "Waiting for Third Party"],
        )

    def test_closed_out_of_a_wait_ends_everything(self):
        """Paused, then closed after the stale due time: nothing runs on or was late."""
        with freeze_time(MONDAY_9):
            case = self._create_cases()
            self._answer(case)
            case.stage_id = self.stages["waiting_customer"]
        with freeze_time(datetime(2026, 4, 1, 9, 0)):
            case.action_close()
            resolution = self._clock(case, "resolution")
            self.assertEqual(resolution.state, "met")
            self.assertFalse(case.sla_due)
            self.assertFalse(case.sla_is_overdue)
            self.assertFalse(case.sla_clock_ids.filtered(lambda c: not c.date_stop))

    def test_closed_without_an_answer_promises_none(self):
        case = self._create_cases()

        case.action_close()

        self.assertEqual(self._clock(case, "first_response").state, "cancelled")
        self.assertFalse(case.date_first_response)

    def test_reopened_starts_again_and_keeps_the_past(self):
        with freeze_time(MONDAY_9):
            case = self._create_cases()
            self._answer(case)
            case.action_close()
        with freeze_time(datetime(2026, 3, 9, 9, 0)):
            case.action_reopen()

        self.assertEqual(self._clock(case, "resolution").state, "met")
        again = self._clock(case, "resolution", 2)
        self.assertEqual(again.date_start, datetime(2026, 3, 9, 9, 0))
        self.assertFalse(self._clock(case, "first_response", 2), "it was answered")

    def test_reopened_unanswered_promises_an_answer(self):
        case = self._create_cases()
        case.action_close()

        case.action_reopen()

        self.assertFalse(self._clock(case, "first_response", 2).date_stop)

    def test_overdue_without_any_write(self):
        with freeze_time(MONDAY_9):
            case = self._create_cases()
            self.env.flush_all()
            self.assertFalse(case.sla_is_overdue)
            self.assertNotIn(
                case, self.env["crm.case"].search([("sla_is_overdue", "=", True)])
            )
        with freeze_time(MONDAY_9.replace(hour=14)):
            self.env.invalidate_all()
            self.assertTrue(case.sla_is_overdue)
            self.assertIn(
                case, self.env["crm.case"].search([("sla_is_overdue", "=", True)])
            )
            self.assertEqual(self.team.overdue_count, 1)

    def test_team_without_calendar_opens_cases(self):
        self.team.resource_calendar_id = False
        self.company.resource_calendar_id = False

        case = self._receive()

        self.assertTrue(case.sla_due)

    def test_policies_of_other_companies_do_not_attach(self):
        """Through the gateway, too, which sees all companies."""
        self.env["crm.sla.policy"].create(
            {
                "name": "Of company 2",
                "sequence": 1,
                "res_model": "crm.case",
                "company_id": self.company_2.id,
                "target_ids": [Command.create({"kind": "first_response", "hours": 1})],
            }
        )

        case, case_2 = (
            self._receive("one"),
            self._receive("two", to=self.team_2.alias_email),
        )

        self.assertEqual(
            self._clock(case, "first_response").policy_id,
            self.env.ref("crm_helpdesk.crm_sla_policy_case"),
        )
        self.assertEqual(
            self._clock(case_2, "first_response").policy_id.name, "Of company 2"
        )

    def test_priority_picks_the_target_and_plans_again(self):
        self.env.ref("crm_helpdesk.crm_sla_policy_case").target_ids = [
            Command.create({"kind": "first_response", "priority": "3", "hours": 1})
        ]
        with freeze_time(MONDAY_9):
            case = self._create_cases()
            case.priority = "3"

            self.assertEqual(
                self._clock(case, "first_response").date_due, MONDAY_9.replace(hour=10)
            )

    def test_machine_mail_stops_no_clock(self):
        case = self._receive()
        message_id = case.message_ids[-1].message_id

        self._receive(
            "Out of office",
            email_from=self.agent.email,
            extra=f"In-Reply-To: {message_id}\nAuto-Submitted: auto-replied\n",
        )

        self.assertFalse(case.date_first_response)
        self.assertFalse(self._clock(case, "first_response").date_stop)

    def test_case_opened_in_a_waiting_stage_is_paused(self):
        case = self._create_cases(stage_id=self.stages["waiting_third"].id)

        self.assertEqual(set(case.sla_clock_ids.mapped("state")), {"paused"})

    def test_case_opened_as_closed_has_no_clocks(self):
        case = self._create_cases(stage_id=self.stages["closed"].id)

        self.assertFalse(case.sla_clock_ids)
        self.assertTrue(case.date_closed)
