from datetime import datetime, timedelta
from unittest.mock import patch

from psycopg2 import IntegrityError
from psycopg2.errors import SerializationFailure

from odoo import fields
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.fields import Command
from odoo.tests import freeze_time, new_test_user, tagged
from odoo.tools import mute_logger

from odoo.addons.base.tests.common import BaseCommon

MONDAY = datetime(2026, 1, 5)


def at(hour, minute=0, day=0):
    """Monday 2026-01-05 at ``hour``, or ``day`` days later."""
    return MONDAY + timedelta(days=day, hours=hour, minutes=minute)


class SlaCommon(BaseCommon):
    """Two companies, open Monday to Friday from 9 to 17 (UTC).

    USER       COMPANY    GROUP
    seller     company    own documents
    colleague  company    own documents
    leader     company    all documents
    manager    company    administrator
    stranger   company_2  all documents

    One shared policy on leads: first response 4 h (1 h for very high priority), warning
    at 75 %, resolution 16 h. The policy of the addon's data is archived.
    """

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company = cls.env.company
        cls.company_2 = cls.env["res.company"].create({"name": "Company 2"})
        cls.calendar = cls._create_calendar("Office", range(5), 9, 17)
        for company in cls.company + cls.company_2:
            company.resource_calendar_id = cls.calendar
        for login, company, group in [
            ("seller", cls.company, "sales_team.group_sale_salesman"),
            ("colleague", cls.company, "sales_team.group_sale_salesman"),
            ("leader", cls.company, "sales_team.group_sale_salesman_all_leads"),
            ("manager", cls.company, "sales_team.group_sale_manager"),
            ("stranger", cls.company_2, "sales_team.group_sale_salesman_all_leads"),
        ]:
            user = new_test_user(
                cls.env, login=f"sla_{login}", groups=group, company_id=company.id
            )
            setattr(cls, login, user)
        # whatever the database held does not alert here
        cls.env["crm.sla.clock"].search([]).unlink()
        cls.env["crm.sla.policy"].search([]).active = False
        cls.policy = cls._create_policy(
            "Leads",
            [
                {"kind": "first_response", "hours": 4},
                {"kind": "first_response", "hours": 1, "priority": "3"},
                {"kind": "resolution", "hours": 16, "warning_percent": 0},
            ],
        )
        cls.customer = cls.env["res.partner"].create(
            {"name": "Customer", "email": "customer@example.com"}
        )
        cls.cron = cls.env.ref("crm_plus.ir_cron_sla")

    @classmethod
    def _create_calendar(cls, name, days, hour_from, hour_to, **values):
        return cls.env["resource.calendar"].create(
            {
                "name": name,
                "tz": "UTC",
                "company_id": False,
                "attendance_ids": [
                    Command.clear(),
                    *(
                        Command.create(
                            {
                                "name": "Slot",
                                "dayofweek": str(day),
                                "hour_from": hour_from,
                                "hour_to": hour_to,
                                "day_period": "morning",
                            }
                        )
                        for day in days
                    ),
                ],
                **values,
            }
        )

    @classmethod
    def _create_policy(cls, name, targets, **values):
        return cls.env["crm.sla.policy"].create(
            {
                "name": name,
                "res_model": "crm.lead",
                "target_ids": [Command.create(target) for target in targets],
                **values,
            }
        )

    @classmethod
    def _create_leads(cls, count=1, start=None, **values):
        """Leads whose first response clock has started at ``start``."""
        Lead = cls.env["crm.lead"].with_context(
            crm_plus_skip_sla=bool(start), tracking_disable=True
        )
        leads = Lead.create(
            [
                {
                    "name": f"Lead {number}",
                    "user_id": cls.seller.id,
                    "company_id": cls.company.id,
                    **values,
                }
                for number in range(count)
            ]
        )
        if start:
            leads._sla_start("first_response", start)
        return leads.with_context(crm_plus_skip_sla=False)

    def _queries(self, function):
        """Number of queries of ``function`` on cold caches."""
        self.env.flush_all()
        self.env.invalidate_all()
        self.env.cr.precommit.data.clear()
        before = self.env.cr.sql_log_count
        function()
        self.env.flush_all()
        return self.env.cr.sql_log_count - before

    def _run_cron(self):
        with self.enter_registry_test_mode():
            self.cron.method_direct_trigger()
        self.env.invalidate_all()


@tagged("post_install", "-at_install", "crm_sla")
class TestSlaPolicy(SlaCommon):
    def test_policy_of_the_data_holds_for_leads(self):
        self.policy.active = False
        self.env.ref("crm_plus.crm_sla_policy_lead").active = True
        with freeze_time(at(10)):
            lead = self._create_leads()

        self.assertRecordValues(
            lead.sla_clock_ids,
            [
                {
                    "kind": "first_response",
                    "date_start": at(10),
                    "date_due": at(10, day=1),
                    "date_warning": at(16),
                    "user_id": self.seller.id,
                    "calendar_id": self.calendar.id,
                }
            ],
        )

    def test_target_of_the_priority_else_the_open_one(self):
        low, high = self._create_leads(priority="0"), self._create_leads(priority="3")
        (low | high)._sla_replan()
        (low | high)._sla_stop("first_response")
        for lead, due in ((low, at(14)), (high, at(11))):
            lead._sla_start("first_response", at(10))
            self.assertEqual(lead.sla_due, due)

    def test_clock_says_why(self):
        lead = self._create_leads(priority="3", start=at(10))

        self.assertEqual(
            lead.sla_clock_ids.reason,
            "Policy “Leads”: First Response within 1 h (priority Very High), in the"
            " hours of “Office”.",
        )
        self.assertEqual(lead.sla_reason, lead.sla_clock_ids.reason)

    def test_first_match_holds_alone(self):
        self._create_policy(
            "Acme",
            [{"kind": "first_response", "hours": 2}],
            sequence=1,
            domain="[('partner_name', '=', 'Acme')]",
        )
        acme = self._create_leads(partner_name="Acme", start=at(10))
        other = self._create_leads(partner_name="Other", start=at(10))
        (acme | other)._sla_start("resolution", at(10))

        self.assertEqual((acme.sla_due, other.sla_due), (at(12), at(14)))
        # the policy that holds promises no resolution, even though a later one does
        resolution = acme.sla_clock_ids.filtered(lambda c: c.kind == "resolution")
        self.assertEqual(resolution.state, "unpromised")
        self.assertIn("has no target for", resolution.reason)

    def test_policies_of_other_companies_do_not_attach(self):
        """Not even through the mail gateway, which is superuser of all companies."""
        self._create_policy(
            "Company 2 only",
            [{"kind": "first_response", "hours": 1}],
            sequence=1,
            company_id=self.company_2.id,
        )
        dues = {}
        for company in (self.company, self.company_2):
            team = self.env["crm.team"].create(
                {"name": company.name, "company_id": company.id}
            )
            mail = (
                "From: Someone <someone@example.com>\nTo: sales@example.com\n"
                f"Subject: Hello\nMessage-Id: <{company.id}@example.com>\n"
                "Content-Type: text/plain\n\nHello"
            )
            with freeze_time(at(10)):
                lead_id = self.env["mail.thread"].message_process(
                    "crm.lead", mail, custom_values={"team_id": team.id}
                )
            lead = self.env["crm.lead"].browse(lead_id)
            self.assertEqual(lead.company_id, company)
            self.assertEqual(lead.sla_clock_ids.company_id, company)
            dues[company] = lead.sla_due

        self.assertEqual(dues, {self.company: at(14), self.company_2: at(11)})

    def test_record_without_company_takes_shared_policies_only(self):
        self._create_policy(
            "Company only",
            [{"kind": "first_response", "hours": 1}],
            sequence=1,
            company_id=self.company.id,
        )
        lead = self._create_leads(
            user_id=False, team_id=False, company_id=False, start=at(10)
        )
        self.assertFalse(lead.company_id)

        self.assertEqual(lead.sla_clock_ids.policy_id, self.policy)

    def test_archived_policies_do_not_hold(self):
        self.policy.active = False
        lead = self._create_leads().with_context(active_test=False)
        lead._sla_stop("first_response")
        lead._sla_start("first_response", at(10))

        self.assertEqual(lead.sla_clock_ids[-1:].state, "unpromised")
        self.assertFalse(lead.sla_due)

    def test_hours_of_the_record_the_policy_the_company(self):
        night = self._create_calendar("Night", range(7), 20, 24)
        early = self._create_calendar("Early", range(7), 5, 9)
        for own, of_policy, expected in [
            (early, night, early),
            (None, night, night),
            (None, None, self.calendar),
        ]:
            self.policy.calendar_id = of_policy
            with patch.object(
                type(self.env["crm.lead"]),
                "_sla_get_calendar",
                lambda lead, own=own: own or lead.env["resource.calendar"],
            ):
                lead = self._create_leads(start=at(10))
            self.assertEqual(lead.sla_clock_ids.calendar_id, expected)

    def test_round_the_clock(self):
        self.policy.is_round_the_clock = True
        lead = self._create_leads(start=at(23))

        self.assertEqual(lead.sla_due, at(3, day=1))
        self.assertIn("round the clock", lead.sla_clock_ids.reason)

    def test_company_without_calendar_does_not_raise(self):
        self.company.resource_calendar_id = False
        lead = self._create_leads(start=at(23))

        self.assertEqual(lead.sla_due, at(3, day=1))
        lead._sla_stop("first_response", at(2, day=1))
        self.assertEqual(lead.sla_clock_ids.elapsed_seconds, 3 * 3600)

    def test_calendar_without_hours_does_not_lose_the_record(self):
        self.policy.calendar_id = self._create_calendar("Empty", [], 0, 0)
        lead = self._create_leads(start=at(23))

        self.assertEqual(lead.sla_due, at(3, day=1))
        self.assertIn("has no working hours", lead.sla_clock_ids.reason)

    def test_policy_that_no_longer_works_is_passed_over(self):
        broken = self._create_policy(
            "Broken", [{"kind": "first_response", "hours": 1}], sequence=1
        )
        self.env.cr.execute(
            "UPDATE crm_sla_policy SET domain = %s WHERE id = %s",
            ["[('removed_field', '=', 1)]", broken.id],
        )
        self.env.invalidate_all()
        with mute_logger("odoo.addons.crm_plus.models.sla.crm_sla_policy"):
            lead = self._create_leads(start=at(10))

        self.assertEqual(lead.sla_clock_ids.policy_id, self.policy)

    def test_condition_may_name_a_day(self):
        """What the domain editor and saved filters write, of the day it is asked."""
        self.policy.domain = (
            "[('date_deadline', '<',"
            " (context_today() + relativedelta(days=7)).strftime('%Y-%m-%d')),"
            " ('create_date', '>=', 'today -30d')]"
        )
        with freeze_time(at(10)):
            near, far = self._create_leads(2)
            # whatever day it is: the clock of conditions is not frozen
            near.date_deadline = "2020-01-01"
            far.date_deadline = "2090-01-01"
            (near + far)._sla_replan()

        self.assertTrue(near.sla_clock_ids.policy_id)
        self.assertFalse(far.sla_clock_ids.policy_id)

    def test_conditions_and_priorities_are_checked(self):
        for domain in ("[('nothing', '=', 1)]", "not a domain", "[(1, 2)]"):
            with self.assertRaises(ValidationError), self.env.cr.savepoint():
                self.policy.domain = domain
        with self.assertRaises(ValidationError), self.env.cr.savepoint():
            self.policy.target_ids[0].priority = "9"

    def test_targets_are_checked(self):
        target = self.policy.target_ids[0]
        for values in (
            {"hours": 0},
            {"hours": -1},
            {"warning_percent": 100},
            {"warning_percent": -1},
        ):
            with (
                self.subTest(values),
                mute_logger("odoo.sql_db"),
                self.assertRaises(IntegrityError),
                self.env.cr.savepoint(),
            ):
                target.write(values)
                target.flush_recordset()
        for priority in (False, "3"):
            with (
                mute_logger("odoo.sql_db"),
                self.assertRaises(IntegrityError),
                self.env.cr.savepoint(),
            ):
                self.env["crm.sla.target"].create(
                    {
                        "policy_id": self.policy.id,
                        "kind": "first_response",
                        "priority": priority,
                    }
                )

    def test_policy_with_open_clocks_is_archived_not_deleted(self):
        lead = self._create_leads(start=at(10))
        with self.assertRaises(UserError):
            self.policy.unlink()
        lead._sla_stop("first_response", at(11))
        reason = lead.sla_clock_ids.reason
        self.policy.unlink()

        self.assertRecordValues(
            lead.sla_clock_ids,
            [{"policy_id": False, "reason": reason, "state": "met"}],
        )

    def test_new_policies_hold_for_open_records_on_demand(self):
        leads = self._create_leads(2, start=at(10))
        with freeze_time(at(10, 30)):
            self._create_policy(
                "Fast", [{"kind": "first_response", "hours": 1}], sequence=1
            )
            self.assertEqual(leads[0].sla_due, at(14))
            self.policy.action_replan()
            self._run_cron()

        self.assertEqual(leads.mapped("sla_due"), [at(11)] * 2)
        self.assertIn("Was: Policy “Leads”", leads[0].sla_clock_ids.plan_history_text)


@tagged("post_install", "-at_install", "crm_sla")
class TestSlaClock(SlaCommon):
    def test_start_is_idempotent(self):
        lead = self._create_leads(start=at(10))

        self.assertFalse(lead._sla_start("first_response", at(12)))
        self.assertEqual(len(lead._sla_start(("first_response", "resolution"))), 1)
        self.assertEqual(lead.sla_due, at(14))

    def test_starts_at_the_same_moment_make_one_clock(self):
        lead = self._create_leads(start=at(10))
        clock = lead.sla_clock_ids
        row = {
            "res_model": "crm.lead",
            "res_id": lead.id,
            "kind": "first_response",
            "date_start": at(10),
        }

        self.assertFalse(clock._insert([row]), "the open one stays alone")
        with (
            mute_logger("odoo.sql_db"),
            self.assertRaises(IntegrityError),
            self.env.cr.savepoint(),
        ):
            clock.copy()

    def test_dates_of_their_own(self):
        leads = self._create_leads(2)
        leads._sla_stop("first_response")
        leads._sla_start("first_response", {leads[0].id: at(9), leads[1].id: at(16)})

        self.assertEqual(leads.mapped("sla_due"), [at(13), at(12, day=1)])

    def test_overdue_without_any_write(self):
        lead = self._create_leads(start=at(10))
        clock = lead.sla_clock_ids
        Lead, Clock = self.env["crm.lead"], self.env["crm.sla.clock"]
        for now, state, late in [
            (at(10, 1), "running", False),
            (at(14), "running", False),
            (at(14, 1), "breached", True),
            (at(9, day=30), "breached", True),
        ]:
            with freeze_time(now), self.subTest(now=now):
                self.env.invalidate_all()
                self.assertEqual(clock.state, state)
                self.assertEqual(clock.is_overdue, late)
                self.assertEqual(lead.sla_is_overdue, late)
                self.assertEqual(lead.sla_state, state)
                ids = [("id", "=", lead.id)]
                for value in (True, False):
                    found = Lead.search([*ids, ("sla_is_overdue", "=", value)])
                    self.assertEqual(bool(found), value == late)
                    found = Clock.search(
                        [("id", "=", clock.id), ("is_overdue", "=", value)]
                    )
                    self.assertEqual(bool(found), value == late)
        self.assertFalse(clock.date_breached, "nothing was written")

    def test_search_finds_what_is_shown(self):
        """Each state and flag, over clocks in every condition."""
        leads = self._create_leads(8, start=at(10))
        leads[1]._sla_pause("in time", date=at(11))
        leads[2]._sla_pause("late", date=at(15))
        leads[3]._sla_stop("first_response", at(12))
        leads[4]._sla_stop("first_response", at(15))
        leads[5]._sla_cancel(date=at(12))
        leads[6]._sla_start("update", at(10))
        leads[7]._sla_start("update", at(10))
        leads[7]._sla_stop("update", at(11))
        clocks = leads.sla_clock_ids
        for now in (at(13), at(16)):
            with freeze_time(now):
                self.env.invalidate_all()
                shown = {clock.id: clock.state for clock in clocks}
                for state, _label in clocks._fields["state"].selection:
                    found = clocks.search(
                        [("id", "in", clocks.ids), ("state", "=", state)]
                    )
                    self.assertEqual(
                        set(found.ids), {k for k, v in shown.items() if v == state}
                    )
                for flag in ("is_open", "is_overdue", "is_breached"):
                    found = clocks.search([("id", "in", clocks.ids), (flag, "=", True)])
                    self.assertEqual(found, found & clocks.filtered(flag))
                    self.assertEqual(len(found), len(clocks.filtered(flag)))
                    rest = clocks.search([("id", "in", clocks.ids), (flag, "=", False)])
                    self.assertEqual(set((clocks - found).ids), set(rest.ids))
        self.assertEqual(
            set(shown.values()),
            {"breached", "paused", "met", "cancelled", "unpromised"},
        )

    def test_stop_tells_in_time_from_late(self):
        for stop, outcome, seconds in [
            (at(13), "met", 3 * 3600),
            (at(14), "met", 4 * 3600),
            (at(14, 1), "breached", 4 * 3600 + 60),
            (at(10, day=1), "breached", 8 * 3600),
        ]:
            lead = self._create_leads(start=at(10))
            lead._sla_stop("first_response", stop)
            self.assertRecordValues(
                lead.sla_clock_ids,
                [
                    {
                        "state": outcome,
                        "outcome": outcome,
                        "date_stop": stop,
                        "elapsed_seconds": seconds,
                        "elapsed_hours": seconds / 3600,
                        "is_open": False,
                        "is_overdue": False,
                    }
                ],
            )
            self.assertFalse(lead.sla_due)
            self.assertFalse(lead._sla_stop("first_response", at(16, day=1)))

    def test_pause_gives_back_its_working_time_once(self):
        lead = self._create_leads(start=at(10))
        lead._sla_pause("Waiting for the customer", date=at(12))
        self.assertEqual(lead.sla_state, "paused")
        self.assertFalse(lead.sla_due)
        self.assertFalse(lead._sla_pause("again", date=at(13)))
        with freeze_time(at(12, day=40)):
            self.assertFalse(lead.sla_is_overdue, "a paused clock does not go on")
        lead._sla_resume(date=at(11, day=1))
        self.assertFalse(lead._sla_resume(date=at(15, day=1)))

        # 2 h were taken; the pause took 5 + 2 working hours
        self.assertEqual(lead.sla_due, at(13, day=1))
        self.assertRecordValues(
            lead.sla_clock_ids.pause_ids,
            [
                {
                    "date_from": at(12),
                    "date_to": at(11, day=1),
                    "reason": "Waiting for the customer",
                    "user_id": self.env.uid,
                    "working_hours": 7,
                }
            ],
        )
        lead._sla_stop("first_response", at(13, day=1))
        self.assertRecordValues(
            lead.sla_clock_ids,
            [{"outcome": "met", "elapsed_seconds": 4 * 3600, "paused_hours": 7}],
        )

    def test_several_pauses_add_up(self):
        lead = self._create_leads(start=at(10))
        for since, until in ((11, 12), (12, 12.5), (13, 14.25)):
            lead._sla_pause("wait", date=MONDAY + timedelta(hours=since))
            lead._sla_resume(date=MONDAY + timedelta(hours=until))

        self.assertEqual(lead.sla_due, at(16, 45))
        self.assertEqual(len(lead.sla_clock_ids.pause_ids), 3)

    def test_stopped_out_of_a_pause_after_the_stale_due(self):
        """The pause ends with the clock, which is in time: the due date had moved."""
        lead = self._create_leads(start=at(10))
        lead._sla_pause("wait", date=at(12))
        lead._sla_stop("first_response", at(10, day=3))

        self.assertRecordValues(
            lead.sla_clock_ids,
            [
                {
                    "state": "met",
                    "date_stop": at(10, day=3),
                    "date_due": at(12, day=3),
                    "date_paused": False,
                    "elapsed_seconds": 2 * 3600,
                }
            ],
        )
        self.assertEqual(lead.sla_clock_ids.pause_ids.date_to, at(10, day=3))
        self.assertFalse(lead.sla_due)

    def test_a_broken_promise_is_not_mended_by_a_pause(self):
        lead = self._create_leads(start=at(10))
        lead._sla_pause("too late", date=at(15))
        clock = lead.sla_clock_ids
        self.assertTrue(clock.is_breached)
        self.assertFalse(clock.is_overdue)
        lead._sla_resume(date=at(12, day=1))

        self.assertEqual(lead.sla_due, at(14))
        lead._sla_stop("first_response", at(12, day=1))
        self.assertEqual(clock.outcome, "breached")
        self.assertEqual(clock.elapsed_seconds, 5 * 3600)

    def test_pause_of_some_kinds_only(self):
        lead = self._create_leads(start=at(10))
        lead._sla_start("resolution", at(10))
        lead._sla_pause("wait", kind="resolution", date=at(11))

        self.assertEqual(
            dict(lead.sla_clock_ids.mapped(lambda c: (c.kind, c.state))),
            {"first_response": "breached", "resolution": "paused"},
        )
        self.assertEqual(lead.sla_due, at(14))

    def test_policy_swapped_while_paused_keeps_the_pauses(self):
        lead = self._create_leads(start=at(10))
        lead._sla_pause("first", date=at(11))
        lead._sla_resume(date=at(12))
        lead._sla_pause("second", date=at(12, 30))
        self._create_policy(
            "Slow",
            [{"kind": "first_response", "hours": 6}],
            sequence=1,
            domain="[('partner_name', '=', 'Acme')]",
        )
        with freeze_time(at(13)):
            lead.partner_name = "Acme"
        self.assertEqual(lead.sla_state, "paused")
        lead._sla_resume(date=at(13, 30))

        # 6 h and two pauses of one hour
        self.assertEqual(lead.sla_due, at(10, day=1))
        self.assertEqual(len(lead.sla_clock_ids.pause_ids), 2)

    def test_priority_replans_and_keeps_the_history(self):
        lead = self._create_leads(start=at(10))
        with freeze_time(at(10, 30)):
            lead.priority = "3"
        clock = lead.sla_clock_ids
        self.assertRecordValues(
            clock,
            [
                {
                    "date_start": at(10),
                    "date_due": at(11),
                    "date_warning": at(10, 45),
                    "priority": "3",
                }
            ],
        )
        self.assertEqual(clock.plan_history[0]["date_due"], "2026-01-05 14:00:00")
        self.assertEqual(clock.plan_history[0]["date"], "2026-01-05 10:30:00")
        with freeze_time(at(10, 40)):
            lead.priority = "0"
        self.assertEqual(clock.date_due, at(14))
        self.assertEqual(len(clock.plan_history), 2)

    def test_what_changes_no_plan_leaves_no_history(self):
        lead = self._create_leads(start=at(10))
        lead.priority = "1"
        lead.write({"name": "Another name"})
        lead._sla_replan()

        self.assertEqual(lead.sla_due, at(14))
        self.assertFalse(lead.sla_clock_ids.plan_history)

    def test_stopped_clocks_are_not_replanned(self):
        lead = self._create_leads(start=at(10))
        lead._sla_stop("first_response", at(13))
        lead.priority = "3"

        self.assertEqual(lead.sla_clock_ids.date_due, at(14))
        self.assertEqual(lead.sla_clock_ids.outcome, "met")

    def test_promise_that_comes_later_knows_start_and_pauses(self):
        self.policy.active = False
        lead = self._create_leads(start=at(10))
        lead._sla_pause("wait", date=at(11))
        lead._sla_resume(date=at(12))
        self.policy.active = True
        lead._sla_replan()

        self.assertEqual(lead.sla_due, at(15))

    def test_reopening_starts_the_next_occurrence(self):
        lead = self._create_leads(start=at(10))
        lead._sla_pause("wait", date=at(11))
        lead._sla_stop("first_response", at(12))
        lead._sla_start("first_response", at(15))

        self.assertRecordValues(
            lead.sla_clock_ids.sorted("occurrence"),
            [
                {"occurrence": 1, "date_start": at(10), "date_stop": at(12)},
                {"occurrence": 2, "date_start": at(15), "date_stop": False},
            ],
        )
        self.assertEqual(len(lead.sla_clock_ids.pause_ids), 1, "the ledger stays")
        self.assertEqual(lead.sla_due, at(11, day=1))

    def test_changed_hours_move_open_clocks(self):
        leads = self._create_leads(3, start=at(10))
        leads[2]._sla_stop("first_response", at(12))
        with freeze_time(at(11)):
            self.env["resource.calendar.leaves"].create(
                {
                    "name": "Holiday",
                    "calendar_id": self.calendar.id,
                    "date_from": at(12),
                    "date_to": at(24),
                }
            )
            self._run_cron()

        self.assertEqual(leads[:2].mapped("sla_due"), [at(11, day=1)] * 2)
        self.assertEqual(leads[2].sla_clock_ids.date_due, at(14))
        self.assertFalse(leads.sla_clock_ids.filtered("replan"))
        self.assertIn(
            "working hours were changed", leads[0].sla_clock_ids.plan_history_text
        )

    def test_queries_do_not_grow_with_the_records(self):
        few, many = self._create_leads(20), self._create_leads(200)
        (few | many)._sla_stop("first_response")
        for what, step in [
            ("start", lambda leads: leads._sla_start("first_response", at(10))),
            ("pause", lambda leads: leads._sla_pause("wait", date=at(11))),
            ("resume", lambda leads: leads._sla_resume(date=at(12))),
            ("replan", lambda leads: leads._sla_replan()),
            ("read", lambda leads: leads.mapped("sla_reason")),
            ("stop", lambda leads: leads._sla_stop("first_response", at(13))),
        ]:
            counts = [
                self._queries(lambda r=r, step=step: step(r)) for r in (few, many)
            ]
            with self.subTest(what, queries=counts):
                # the ORM inserts 100 rows a statement: two for the 200 pauses
                self.assertLessEqual(counts[1], counts[0] + (what == "pause"))
                self.assertLess(counts[0], 25)
        self.assertEqual(len((few | many).sla_clock_ids), 440)


@tagged("post_install", "-at_install", "crm_sla")
class TestSlaAnswer(SlaCommon):
    """What stops the clock of a first response."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.lead = cls._create_leads(start=at(10), partner_id=cls.customer.id)
        cls.lead._sla_start("resolution", at(10))
        cls.bot = cls.env.ref("base.partner_root")

    def _states(self):
        return {
            clock.kind: "open" if clock.is_open else "stopped"
            for clock in self.lead.sla_clock_ids
        }

    def _assert_answered(self, answered=True):
        self.assertEqual(
            self._states(),
            {
                "first_response": "stopped" if answered else "open",
                # an answer never fulfils a resolution
                "resolution": "open",
            },
        )

    def _post(self, user=None, **values):
        with freeze_time(at(11)):
            return self.lead.with_user(user or self.seller).message_post(
                **{
                    "body": "Hello",
                    "message_type": "comment",
                    "subtype_xmlid": "mail.mt_comment",
                    **values,
                }
            )

    def test_comment_of_a_person(self):
        self._post()

        self._assert_answered()
        clock = self.lead.sla_clock_ids.filtered(lambda c: c.kind == "first_response")
        self.assertRecordValues(
            clock, [{"date_stop": at(11), "outcome": "met", "elapsed_seconds": 3600}]
        )

    def test_note_is_no_answer(self):
        self._post(subtype_xmlid="mail.mt_note")
        self._assert_answered(False)

    def test_internal_message_is_no_answer(self):
        self._post(is_internal=True)
        self._assert_answered(False)

    def test_acknowledgement_is_no_answer(self):
        for message_type in ("auto_comment", "notification", "out_of_office"):
            self._post(message_type=message_type)
            self._assert_answered(False)

    def test_robot_is_no_person(self):
        self._post(author_id=self.bot.id)
        self._assert_answered(False)

    def test_customer_is_no_answer(self):
        self._post(author_id=self.customer.id)
        self._post(author_id=self.customer.id, message_type="email")
        self._assert_answered(False)

    def test_colleague_who_is_the_customer_is_no_answer(self):
        self.lead.partner_id = self.seller.partner_id
        self._post()
        self._assert_answered(False)
        self._post(self.leader)
        self._assert_answered()

    def test_tracking_is_no_answer(self):
        lead = self.lead.with_context(tracking_disable=False)
        lead.with_user(self.leader).write({"expected_revenue": 5000})
        self.env.cr.flush()
        self._assert_answered(False)

    def test_mail_by_the_gateway(self):
        for author, mail_from, answered in [
            ("customer", self.customer.email, False),
            ("seller", self.seller.email_formatted, True),
        ]:
            first = self._post(author_id=self.customer.id)
            mail = (
                f"From: {mail_from}\nTo: sales@example.com\nSubject: Re: Hello\n"
                f"Message-Id: <{author}@example.com>\n"
                f"References: {first.message_id}\n"
                "Date: Mon, 05 Jan 2026 12:30:00 +0000\n"
                "Content-Type: text/plain\n\nHello"
            )
            with freeze_time(at(13)):
                self.env["mail.thread"].message_process("crm.lead", mail)
            self._assert_answered(answered)
        clock = self.lead.sla_clock_ids.filtered(lambda c: c.kind == "first_response")
        self.assertEqual(clock.date_stop, at(12, 30), "when it was written")

    def test_out_of_office_mail_of_a_colleague_is_no_answer(self):
        first = self._post(subtype_xmlid="mail.mt_note")
        mail = (
            f"From: {self.seller.email_formatted}\nTo: sales@example.com\n"
            "Auto-Submitted: auto-replied\nSubject: Re: Hello\n"
            "Message-Id: <vacation@example.com>\n"
            f"References: {first.message_id}\n"
            "Content-Type: text/plain\n\nI am on the beach"
        )
        with freeze_time(at(13)):
            self.env["mail.thread"].message_process("crm.lead", mail)
        self._assert_answered(False)

    def test_mail_of_a_colleague_that_opens_a_lead_is_no_answer(self):
        mail = (
            f"From: {self.seller.email_formatted}\nTo: sales@example.com\n"
            "Subject: Forwarded\nMessage-Id: <forward@example.com>\n"
            "Content-Type: text/plain\n\nPlease take this"
        )
        lead_id = self.env["mail.thread"].message_process("crm.lead", mail)
        lead = self.env["crm.lead"].browse(lead_id)

        self.assertTrue(lead.sla_clock_ids.is_open)

    def test_mail_to_several_leads(self):
        leads = self._create_leads(3, start=at(10), email_from="someone@example.com")
        with freeze_time(at(11)):
            composer = (
                self.env["mail.compose.message"]
                .with_user(self.seller)
                .with_context(active_ids=leads[:2].ids)
                .create(
                    {
                        "body": "Hello",
                        "composition_mode": "mass_mail",
                        "model": "crm.lead",
                        "res_ids": leads[:2].ids,
                        "subject": "Hello",
                    }
                )
            )
            composer._action_send_mail()

        self.assertEqual(
            leads.sla_clock_ids.sorted("res_id").mapped("is_open"),
            [False, False, True],
        )

    def test_call_and_meeting_done(self):
        for xmlid, answered in [
            ("mail.mail_activity_data_todo", False),
            ("mail.mail_activity_data_call", True),
        ]:
            with freeze_time(at(11)):
                activity = self.lead.activity_schedule(xmlid, user_id=self.seller.id)
                self._assert_answered(False)
                activity.with_user(self.seller).action_feedback("Spoke")
            self._assert_answered(answered)

    def test_call_that_is_cancelled_is_no_answer(self):
        self.lead.activity_schedule(
            "mail.mail_activity_data_call", user_id=self.seller.id
        ).unlink()
        self._assert_answered(False)

    def test_meeting_answers_when_it_begins(self):
        with freeze_time(at(10, 30)):
            meeting, cancelled = self.env["calendar.event"].create(
                [
                    {
                        "name": name,
                        "start": start,
                        "stop": start + timedelta(hours=1),
                        "opportunity_id": self.lead.id,
                    }
                    for name, start in (("Meeting", at(13)), ("Cancelled", at(11)))
                ]
            )
            cancelled.active = False
        moments = self.env["ir.cron.trigger"].search([("cron_id", "=", self.cron.id)])
        self.assertIn(at(13), moments.mapped("call_at"))
        with freeze_time(at(12)):
            self._run_cron()
            self._assert_answered(False)
        with freeze_time(at(13, 5)):
            self._run_cron()
            self._assert_answered()
        clock = self.lead.sla_clock_ids.filtered(lambda c: c.kind == "first_response")
        self.assertEqual(clock.date_stop, meeting.start)

    def test_won_is_answered_and_lost_waits_no_more(self):
        won, lost, archived = self._create_leads(3, start=at(10))
        with freeze_time(at(11)):
            won.action_set_won()
            lost.action_set_lost()
            archived.action_archive()
        self.assertEqual(
            [lead.sla_clock_ids.state for lead in (won, lost, archived)],
            ["met", "cancelled", "cancelled"],
        )

    def test_next_step_and_hand_over_end_with_the_lead(self):
        self.policy.target_ids = [
            Command.create({"kind": "next_step", "hours": 8}),
            Command.create({"kind": "handover", "hours": 2}),
        ]
        won, lost, running = leads = self._create_leads(3)
        leads._sla_start(("next_step", "handover"), at(10))
        won.action_set_won()
        lost.action_set_lost()

        outcomes = [
            [
                clock.outcome
                for clock in lead.sla_clock_ids.sorted("kind")
                if clock.kind in ("next_step", "handover")
            ]
            for lead in (won, lost, running)
        ]
        self.assertEqual(outcomes, [["cancelled"] * 2, ["cancelled"] * 2, [False] * 2])
        self.assertEqual(
            running.sla_clock_ids.filtered(lambda c: c.kind == "handover").date_due,
            at(12),
        )

    def test_an_answer_to_the_customer_is_no_accepted_hand_over(self):
        lead = self._create_leads(start=at(10))
        lead._sla_start("handover", at(10))
        lead._sla_on_human_answer(at(11))

        running = lead.sla_clock_ids.filtered("is_open")
        self.assertEqual(running.mapped("kind"), ["handover"])

    def test_restored_lead_waits_again_unless_it_was_answered(self):
        silent, answered = self._create_leads(2, start=at(10))
        answered._sla_stop("first_response", at(11))
        leads = silent | answered
        leads.action_set_lost()
        with freeze_time(at(12, day=1)):
            leads.action_restore()

        self.assertEqual(silent.sla_due, at(16, day=1))
        self.assertFalse(answered.sla_due)

    def test_won_leads_start_no_clock(self):
        stage = self.env["crm.stage"].search([("is_won", "=", True)], limit=1)
        lead = self._create_leads(stage_id=stage.id, probability=100)

        self.assertFalse(lead.sla_clock_ids)

    def test_deleted_lead_takes_its_clocks(self):
        clocks = self.lead.sla_clock_ids
        self.lead.unlink()

        self.assertFalse(clocks.exists())

    def test_copy_starts_afresh(self):
        self._post()
        copy = self.lead.copy()

        self.assertEqual(copy.sla_clock_ids.mapped("occurrence"), [1])
        self.assertTrue(copy.sla_clock_ids.is_open)


@tagged("post_install", "-at_install", "crm_sla")
class TestSlaAlert(SlaCommon):
    def _activities(self, leads):
        return self.env["mail.activity"].search(
            [("res_model", "=", "crm.lead"), ("res_id", "in", leads.ids)]
        )

    def _set_actions(self, **actions):
        self.policy.target_ids.write(
            {f"action_{event}": action for event, action in actions.items()}
        )

    def test_scheduler_is_woken_at_the_minute(self):
        self.env["ir.cron.trigger"].search([("cron_id", "=", self.cron.id)]).unlink()
        with freeze_time(at(10)):
            self._create_leads(2, start=at(10) + timedelta(seconds=30))

        triggers = self.env["ir.cron.trigger"].search([("cron_id", "=", self.cron.id)])
        self.assertEqual(
            sorted(triggers.mapped("call_at")), [at(13, 1), at(14, 1)], "one each"
        )

    def test_many_moments_follow_one_another(self):
        leads = self._create_leads(120)
        leads._sla_stop("first_response")
        self.env["ir.cron.trigger"].search([("cron_id", "=", self.cron.id)]).unlink()
        with freeze_time(at(9)):
            leads._sla_start(
                "first_response",
                {lead.id: at(9, number) for number, lead in enumerate(leads)},
            )
            domain = [("cron_id", "=", self.cron.id)]
            triggers = self.env["ir.cron.trigger"].search(domain, order="call_at")
            self.assertEqual(len(triggers), 50)
            last = triggers[-1].call_at
        triggers.unlink()
        with freeze_time(last):
            self._run_cron()
            triggers = self.env["ir.cron.trigger"].search(domain)
            self.assertEqual(triggers.mapped("call_at"), [last + timedelta(minutes=1)])

    def test_breach_makes_one_activity_for_the_responsible(self):
        self._set_actions(warning="none")
        leads = self._create_leads(3, start=at(10))
        leads[2]._sla_stop("first_response", at(11))
        with freeze_time(at(14)):
            self._run_cron()
        with freeze_time(at(15)):
            self._run_cron()

        self.assertRecordValues(
            self._activities(leads).sorted("res_id"),
            [
                {
                    "res_id": lead.id,
                    "user_id": self.seller.id,
                    "summary": "First Response is late",
                    "date_deadline": MONDAY.date(),
                    "automated": True,
                }
                for lead in leads[:2]
            ],
        )
        self.assertEqual(
            leads.sla_clock_ids.mapped("date_breached"), [at(14), at(14), False]
        )

    def test_nobody_responsible_goes_to_the_escalation(self):
        self._set_actions(warning="none")
        self.policy.escalation_user_id = self.leader
        lead = self._create_leads(start=at(10), user_id=False)
        with freeze_time(at(15)):
            self._run_cron()

        self.assertEqual(self._activities(lead).user_id, self.leader)

    def test_warning_before_the_breach(self):
        self._set_actions(warning="note", breach="none")
        lead = self._create_leads(start=at(10))
        before = lead.message_ids
        with freeze_time(at(12, 59)):
            self._run_cron()
            self.assertEqual(lead.message_ids, before)
        with freeze_time(at(13)):
            self._run_cron()
            self._run_cron()
        note = lead.message_ids - before
        self.assertEqual(len(note), 1)
        self.assertIn("First Response is promised for", note.body)
        self.assertIn("Policy “Leads”", note.body)
        self.assertEqual(lead.sla_clock_ids.date_warned, at(13))

    def test_late_already_warns_no_more(self):
        self._set_actions(warning="activity", breach="activity")
        lead = self._create_leads(start=at(10))
        with freeze_time(at(15)):
            self._run_cron()

        self.assertEqual(
            self._activities(lead).mapped("summary"), ["First Response is late"]
        )
        self.assertTrue(lead.sla_clock_ids.date_warned)

    def test_pop_up_reaches_the_responsible(self):
        self._set_actions(warning="notify")
        self._create_leads(start=at(10))
        sent = []
        with (
            freeze_time(at(13)),
            patch.object(
                type(self.env["res.users"]),
                "_bus_send",
                lambda user, kind, message, **kwargs: sent.append(
                    (user, kind, message)
                ),
            ),
        ):
            self._run_cron()

        self.assertEqual(
            [(user.id, kind) for user, kind, _message in sent],
            [(self.seller.id, "simple_notification")],
        )
        self.assertIn("Lead 0: First Response is promised for", sent[0][2]["message"])

    def test_paused_clocks_alert_nobody(self):
        lead = self._create_leads(start=at(10))
        lead._sla_pause("wait", date=at(11))
        with freeze_time(at(16, day=2)):
            self._run_cron()

        self.assertFalse(self._activities(lead))
        self.assertFalse(lead.sla_clock_ids.date_breached)

    def test_new_plan_alerts_anew(self):
        self._set_actions(warning="none")
        lead = self._create_leads(start=at(10), priority="3")
        with freeze_time(at(11)):
            self._run_cron()
        self.assertEqual(len(self._activities(lead)), 1)
        with freeze_time(at(11, 30)):
            lead.priority = "0"
            self.assertFalse(lead.sla_clock_ids.date_breached)
        self.assertFalse(self._activities(lead), "there is time again")
        with freeze_time(at(14)):
            self._run_cron()
        self.assertEqual(len(self._activities(lead)), 1)

    def test_alerts_end_with_the_answer(self):
        """What a breach asked for is no to-do once somebody answered; what else is
        planned, and what was done, stays.
        """
        self._set_actions(warning="none")
        leads = self._create_leads(3, start=at(10))
        todo = leads[0].activity_schedule(summary="Offer", user_id=self.seller.id)
        with freeze_time(at(14)):
            self._run_cron()
            self.assertEqual(len(self._activities(leads)), 4)
            done = self._activities(leads[1])
            done.with_user(self.seller)._action_done()
            leads[:2]._sla_stop("first_response")
            leads[2].action_set_lost()

        self.assertEqual(self._activities(leads), todo)
        self.assertTrue(done.exists())

    def test_answer_of_many_asks_once_for_alerts(self):
        self._set_actions(warning="none")
        few, many = self._create_leads(2, start=at(10)), self._create_leads(30)
        with freeze_time(at(14)):
            self._run_cron()
        counts = []
        for leads in (few, many):
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            leads.sla_clock_ids._drop_alerts()
            counts.append(self.env.cr.sql_log_count - before)

        self.assertLessEqual(counts[1] - counts[0], 2)

    def test_one_bad_record_does_not_sink_the_batch(self):
        self._set_actions(warning="none")
        leads = self._create_leads(3, start=at(10))
        bad = leads[1].sla_clock_ids
        Clock = type(self.env["crm.sla.clock"])
        alert = Clock._alert_by_activity

        def fail(clocks, event):
            alert(clocks, event)
            if bad.id in clocks.ids:
                clocks.env.cr.execute("SELECT 1 / 0")

        with (
            patch.object(Clock, "_alert_by_activity", fail),
            mute_logger(
                "odoo.sql_db", "odoo.addons.crm_plus.models.sla.crm_sla_clock_alert"
            ),
        ):
            for hour in (14, 15, 16, 17, 18):
                with freeze_time(at(hour)):
                    self._run_cron()
        self.assertEqual(
            self._activities(leads).mapped("res_id"), (leads - leads[1]).ids
        )
        self.assertRecordValues(
            bad,
            [{"alert_failures": 3, "date_breached": False, "state": "breached"}],
        )
        self.assertIn("division by zero", bad.alert_error)

    def test_collision_is_no_failure_of_the_alert(self):
        """Somebody writes on a lead meanwhile: all of it again, and nothing parked."""
        self._set_actions(warning="none")
        leads = self._create_leads(2, start=at(10))
        clocks = leads.sla_clock_ids
        Clock = type(clocks)
        alert = Clock._alert_by_activity
        left = 2

        def collide(alerted, event):
            nonlocal left
            alert(alerted, event)
            if left:
                left -= 1
                raise SerializationFailure("could not serialize access")

        with patch.object(Clock, "_alert_by_activity", collide):
            with freeze_time(at(14)):
                self._run_cron()
            self.assertEqual(len(self._activities(leads)), 2)
            self.assertRecordValues(
                clocks,
                [
                    {
                        "alert_failures": 0,
                        "alert_error": False,
                        "date_breached": at(14),
                    }
                ]
                * 2,
            )

            # one that does not end: the batch rests for a minute
            late = self._create_leads(start=at(11))
            left = 1000
            with freeze_time(at(16)):
                self._run_cron()
            self.assertFalse(self._activities(late))
            self.assertRecordValues(
                late.sla_clock_ids,
                [{"alert_failures": 0, "date_alert_retry": False}],
            )
            self.assertIn(
                at(16, 1),
                self.env["ir.cron.trigger"]
                .search([("cron_id", "=", self.cron.id)])
                .mapped("call_at"),
            )
            left = 0
            with freeze_time(at(16, 1)):
                self._run_cron()
        self.assertTrue(self._activities(late))

    def test_batches_until_nothing_remains(self):
        self._set_actions(warning="none")
        leads = self._create_leads(5, start=at(10))
        self.cron.code = "model._cron_process(batch_size=2)"
        with freeze_time(at(14)):
            self._run_cron()

        self.assertEqual(len(self._activities(leads)), 5)
        progress = self.env["ir.cron.progress"].search(
            [("cron_id", "=", self.cron.id)], order="id"
        )
        self.assertEqual(progress.mapped("done"), [2, 2, 1])

    def test_queries_of_alerts_do_not_grow(self):
        self._set_actions(warning="none", breach="note")
        few, many = self._create_leads(20, at(10)), self._create_leads(100, at(10))
        with freeze_time(at(15)):
            counts = [
                self._queries(clocks.browse(clocks.ids)._apply_alerts)
                for clocks in (few.sla_clock_ids, many.sla_clock_ids)
            ]
        self.assertLessEqual(counts[1], counts[0])

    def test_without_its_cron_leads_still_come_in(self):
        self.cron.unlink()
        lead = self._create_leads()

        self.assertTrue(lead.sla_due)

    def test_clocks_of_vanished_records_are_cleaned(self):
        lead, other = self._create_leads(2, start=at(10))
        clock, kept = lead.sla_clock_ids, other.sla_clock_ids
        self.env.cr.execute("DELETE FROM crm_lead WHERE id = %s", [lead.id])
        self.env.invalidate_all()
        with freeze_time(at(15)):
            self._run_cron()
        self.env["crm.sla.clock"]._gc_orphans()

        self.assertFalse(clock.exists())
        self.assertTrue(kept.exists())


@tagged("post_install", "-at_install", "crm_sla")
class TestSlaSecurity(SlaCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.lead = cls._create_leads(start=at(10))
        cls.clock = cls.lead.sla_clock_ids
        cls.lead._sla_pause("wait", date=at(11))

    def test_clocks_are_seen_with_their_records(self):
        Clock = self.env["crm.sla.clock"]
        for user, seen in [
            (self.seller, True),
            (self.colleague, False),
            (self.leader, True),
            (self.manager, True),
            (self.stranger, False),
        ]:
            with self.subTest(user.login):
                for record in (self.clock, self.clock.pause_ids):
                    found = record.with_user(user).search([("id", "in", record.ids)])
                    self.assertEqual(bool(found), seen)
        self.assertFalse(Clock.with_user(self.colleague).search([]) & self.clock)

    def test_what_may_not_be_read_is_not_named(self):
        self.env["ir.rule"].create(
            {
                "name": "Secret",
                "model_id": self.env["ir.model"]._get_id("crm.lead"),
                "domain_force": [("id", "not in", self.lead.ids)],
            }
        )
        names = {
            user: self.clock.with_user(user).res_name
            for user in (self.manager, self.env.ref("base.user_root"))
        }

        self.assertEqual([*names.values()], ["Lead (no access)", "Lead 0"])

    def test_clock_follows_the_responsible(self):
        self.lead.user_id = self.colleague

        self.assertEqual(self.clock.user_id, self.colleague)
        self.assertTrue(self.clock.with_user(self.colleague).has_access("read"))
        self.assertFalse(self.clock.with_user(self.seller).has_access("read"))

    def test_nobody_writes_the_ledger(self):
        for user in (self.seller, self.leader, self.manager):
            for record in (self.clock, self.clock.pause_ids):
                record = record.with_user(user)
                with self.assertRaises(AccessError):
                    record.write({"create_date": at(1)})
                with self.assertRaises(AccessError):
                    record.unlink()
                with self.assertRaises(AccessError):
                    record.create({})

    def test_policies_belong_to_administrators(self):
        for user in (self.seller, self.leader):
            policy = self.policy.with_user(user)
            self.assertEqual(policy.name, "Leads")
            for record in (policy, policy.target_ids):
                with self.assertRaises(AccessError):
                    record.write({"sequence": 1} if record == policy else {"hours": 1})
            with self.assertRaises(AccessError):
                policy.action_replan()
        self.policy.with_user(self.manager).write({"name": "Renamed"})

    def test_policies_of_other_companies_are_not_seen(self):
        self.policy.company_id = self.company
        for user, seen in ((self.leader, True), (self.stranger, False)):
            self.assertEqual(self.policy.with_user(user).has_access("read"), seen)
            self.assertEqual(
                self.policy.target_ids[0].with_user(user).has_access("read"), seen
            )

    def test_whoever_answers_stops_the_clock(self):
        """A seller writes no clock, and yet stops it by answering."""
        lead = self._create_leads(start=at(10)).with_user(self.seller)
        lead.message_post(
            body="Hello", message_type="comment", subtype_xmlid="mail.mt_comment"
        )
        lead.priority = "3"

        self.assertFalse(lead.sla_clock_ids.is_open)

    def test_seller_creates_leads_with_clocks(self):
        lead = self.env["crm.lead"].with_user(self.seller).create({"name": "Mine"})

        self.assertTrue(lead.sla_due)
        self.assertEqual(lead.sla_clock_ids.user_id, self.seller)
        self.assertIsInstance(lead.sla_clock_ids.display_name, str)
        self.assertTrue(fields.Datetime.to_string(lead.sla_due))
