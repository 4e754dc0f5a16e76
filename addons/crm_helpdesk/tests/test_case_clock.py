from datetime import datetime

from odoo.fields import Command
from odoo.tests import Form, freeze_time, tagged

from .common import CaseCommon

MONDAY = datetime(2026, 3, 2)


def at(hour, minute=0, day=0):
    """Monday 2 March 2026 (UTC), or ``day`` days later."""
    return MONDAY.replace(day=2 + day, hour=hour, minute=minute)


class ClockCommon(CaseCommon):
    """The team works Monday to Friday, 8 to 16 UTC. One policy:

    first response 4 h (1 h when urgent) · next response 2 h · update 8 h · resolution
    16 h; warned at 75 %.
    """

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company.resource_calendar_id = cls.calendar
        cls.env["crm.sla.clock"].search([]).unlink()
        cls.env["crm.sla.policy"].search([]).active = False
        cls.policy = cls._create_policy(
            "Standard",
            first_response=4,
            next_response=2,
            update=8,
            resolution=16,
        )
        cls.policy.target_ids = [
            Command.create({"kind": "first_response", "hours": 1, "priority": "3"})
        ]

    @classmethod
    def _create_policy(cls, name, sequence=10, **hours):
        values = {
            key: hours.pop(key) for key in ("domain", "segment_ids") if key in hours
        }
        return cls.env["crm.sla.policy"].create(
            {
                "name": name,
                "sequence": sequence,
                "res_model": "crm.case",
                "target_ids": [
                    Command.create(
                        {
                            "kind": kind,
                            "hours": number,
                            "action_warning": "none",
                            "action_breach": "none",
                        }
                    )
                    for kind, number in hours.items()
                ],
                **values,
            }
        )

    def _clocks(self, case, kind):
        return self.env["crm.sla.clock"].search(
            [
                ("res_model", "=", "crm.case"),
                ("res_id", "=", case.id),
                ("kind", "=", kind),
            ],
            order="occurrence",
        )

    def _ask(self, case, user=None):
        return case.with_user(user or self.portal_ida).message_post(
            body="And now?", message_type="comment", subtype_xmlid="mail.mt_comment"
        )

    def _run_cron_at(self, moment):
        with freeze_time(moment), self.enter_registry_test_mode():
            self.env.ref("crm_plus.ir_cron_sla").method_direct_trigger()
        self.env.invalidate_all()


@tagged("post_install", "-at_install", "crm_helpdesk")
class TestNextResponse(ClockCommon):
    """Each message of the customer is promised an answer (D25)."""

    def test_from_the_first_unanswered_message_to_the_answer(self):
        with freeze_time(at(9)):
            case = self._create_cases()
        self.assertFalse(self._clocks(case, "next_response"), "the first is promised")
        with freeze_time(at(9, 10)):
            self._ask(case)
        self.assertFalse(self._clocks(case, "next_response"), "still the first")
        with freeze_time(at(10)):
            self._answer(case)
        with freeze_time(at(11)):
            self._ask(case)
        clock = self._clocks(case, "next_response")
        self.assertEqual((clock.date_start, clock.date_due), (at(11), at(13)))
        with freeze_time(at(12)):
            self._ask(case)
        self.assertEqual(self._clocks(case, "next_response"), clock, "one wait")
        self.assertEqual(clock.date_due, at(13))
        with freeze_time(at(12, 30)):
            self._answer(case)
        self.assertEqual((clock.state, clock.elapsed_hours), ("met", 1.5))
        with freeze_time(at(13)):
            self._ask(case)
        self.assertEqual(self._clocks(case, "next_response")[-1].date_due, at(15))

    def test_the_first_answer_counts_not_only_the_second(self):
        """zammad#2082; whether by mail or on the screen (zammad#1322)."""
        with freeze_time(at(9)):
            case = self._receive()
            self._answer(case)
        with freeze_time(at(10)):
            self._ask(case)
        opening = case.message_ids.sorted("id")[0]
        with freeze_time(at(11)):
            self._receive(
                "Re: grinder",
                email_from=self.agent.email,
                extra=f"In-Reply-To: {opening.message_id}\n",
            )
        self.assertEqual(self._clocks(case, "next_response").state, "met")

    def test_notes_answer_nobody_and_move_nothing(self):
        """zammad#3642: a note about a call moved the target for good."""
        with freeze_time(at(9)):
            case = self._create_cases()
            self._answer(case)
        with freeze_time(at(10)):
            self._ask(case)
        before = [(c.kind, c.date_due, c.state) for c in case.sla_clock_ids]
        with freeze_time(at(10, 30)):
            case.with_user(self.agent).message_post(body="He called, very angry")
        self.env.invalidate_all()
        self.assertEqual(
            [(c.kind, c.date_due, c.state) for c in case.sla_clock_ids], before
        )

    def test_an_answer_never_solves(self):
        """D24: elsewhere a reply was the solution, too (frappe/helpdesk#1542)."""
        with freeze_time(at(9)):
            case = self._create_cases()
            self._answer(case)
        self.assertFalse(self._clocks(case, "resolution").date_stop)

    def test_a_question_after_the_end_reopens_and_is_promised_an_answer(self):
        case = self._create_cases()
        self._answer(case)
        case.action_close()
        self.assertFalse(case.sla_clock_ids.filtered("is_open"))
        self._ask(case)
        self.assertEqual(case.stage_category, "open")
        self.assertEqual(self._clocks(case, "next_response").state, "running")
        self.assertEqual(len(self._clocks(case, "resolution")), 2)

    def test_not_promised_not_measured(self):
        self.policy.target_ids.filtered(lambda t: t.kind == "next_response").unlink()
        case = self._create_cases()
        self._answer(case)
        self._ask(case)
        self.assertFalse(self._clocks(case, "next_response"))


@tagged("post_install", "-at_install", "crm_helpdesk")
class TestPeriodicUpdate(ClockCommon):
    def test_from_answer_to_answer(self):
        with freeze_time(at(9)):
            case = self._create_cases()
        self.assertFalse(
            self._clocks(case, "update"), "nothing overrules the first response"
        )
        with freeze_time(at(10)):
            self._answer(case)
        self.assertEqual(self._clocks(case, "update").date_due, at(10, day=1))
        with freeze_time(at(15)):
            self._answer(case)
        first, second = self._clocks(case, "update")
        self.assertEqual(first.state, "met")
        self.assertEqual(second.date_due, at(15, day=1))

    def test_nothing_fires_after_the_answer(self):
        """zammad#3140."""
        self.policy.target_ids.action_breach = "activity"
        with freeze_time(at(9)):
            case = self._create_cases(user_id=self.agent.id)
            self._answer(case)
        with freeze_time(at(8, 59, day=1)):
            self._answer(case)
        self._run_cron_at(at(9, 1, day=1))
        self.assertFalse(case.activity_ids)

    def test_it_goes_on_while_somebody_else_has_to_act(self):
        """The customer hears from us; solving and first answers wait."""
        with freeze_time(at(9)):
            case = self._create_cases()
            self._answer(case)
            case.stage_id = self.stages["waiting_third"]
            self.assertEqual(self._clocks(case, "update").state, "running")
            self.assertEqual(self._clocks(case, "resolution").state, "paused")
        with freeze_time(at(10)):
            case.stage_id = self.stages["waiting_customer"]
            self.assertEqual(self._clocks(case, "update").state, "paused")
        with freeze_time(at(11)):
            self._answer(case)
            self.assertEqual(
                self._clocks(case, "update")[-1].state, "paused", "it is their turn"
            )

    def test_closed_promises_nothing_and_reopened_again(self):
        """Also of what was merged into another case: it is closed (zammad#904)."""
        self.policy.target_ids.action_breach = "activity"
        with freeze_time(at(9)):
            case = self._create_cases(user_id=self.agent.id)
            self._answer(case)
            self._ask(case)
            case.action_close()
        self.assertFalse(case.sla_clock_ids.filtered("is_open"))
        self._run_cron_at(at(12, day=4))
        self.assertFalse(case.activity_ids)
        with freeze_time(at(9, day=7)):
            case.action_reopen()
        self.assertEqual(self._clocks(case, "update")[-1].date_due, at(9, day=8))


@tagged("post_install", "-at_install", "crm_helpdesk")
class TestPauses(ClockCommon):
    """D24, D27: time stands still, is given back once, and survives a new policy."""

    def _paused_case(self):
        """First response due at 13; paused from 10 to 12: due at 15."""
        with freeze_time(at(9)):
            case = self._create_cases(user_id=self.agent.id)
        with freeze_time(at(10)):
            case.stage_id = self.stages["waiting_customer"]
        return case

    def test_paused_is_never_late_and_alerts_nobody(self):
        self.policy.target_ids.write(
            {"action_breach": "activity", "action_warning": "activity"}
        )
        case = self._paused_case()
        self._run_cron_at(at(12, day=14))
        with freeze_time(at(12, day=14)):
            self.assertFalse(case.sla_is_overdue)
            self.assertEqual(case.sla_state, "paused")
        self.assertFalse(case.activity_ids)

    def test_time_is_given_back_once(self):
        case = self._paused_case()
        with freeze_time(at(12)):
            case.stage_id = self.stages["in_progress"]
        clock = self._clocks(case, "first_response")
        self.assertEqual(clock.date_due, at(15))
        with freeze_time(at(12, 30)):
            # whatever is said again: nothing more is given
            case._sla_resume()
            case.stage_id = self.stages["new"]
            case._sla_replan()
        self.env.invalidate_all()
        self.assertEqual(clock.date_due, at(15))
        self.assertEqual(clock.paused_hours, 2)
        with freeze_time(at(14)):
            self._answer(case)
        self.assertEqual((clock.state, clock.elapsed_hours), ("met", 3))

    def test_pauses_survive_another_policy_and_priority(self):
        """D27: glpi#6902; D28: an SLA that was added later forgot them (OCA)."""
        case = self._paused_case()
        with freeze_time(at(12)):
            case.stage_id = self.stages["in_progress"]
            case.priority = "3"
        clock = self._clocks(case, "first_response")
        self.assertEqual(clock.date_due, at(10), "1 h, over when it was paused")
        with freeze_time(at(12)):
            self._create_policy("Later", sequence=1, first_response=6)
            self.policy.action_replan()
        self._run_cron_at(at(12, 1))
        self.assertEqual(clock.policy_id.name, "Later")
        self.assertEqual(clock.date_due, at(9, day=1), "6 h and the 2 h of the pause")
        self.assertIn("Standard", clock.plan_history_text)

    def test_opened_outside_hours(self):
        """glpi#687: such a ticket got no time at all."""
        with freeze_time(datetime(2026, 3, 7, 22, 0)):  # Saturday night
            case = self._create_cases()
        self.assertEqual(
            self._clocks(case, "first_response").date_due, datetime(2026, 3, 9, 12, 0)
        )

    def test_holidays_count_as_what_they_are(self):
        """zammad#390: no more, no less than the day."""
        self.env["resource.calendar.leaves"].create(
            {
                "name": "Holiday",
                "calendar_id": self.calendar.id,
                "company_id": self.company.id,
                "date_from": at(0, day=1),
                "date_to": at(23, 59, day=1),
            }
        )
        with freeze_time(at(15)):
            case = self._create_cases()
        self.assertEqual(self._clocks(case, "first_response").date_due, at(11, day=2))

    def test_ledger_says_who_and_why(self):
        case = self._paused_case()
        pause = self._clocks(case, "resolution").pause_ids
        self.assertEqual(
            (pause.date_from, pause.reason),
            (at(10), self.stages["waiting_customer"].name),
        )


@tagged("post_install", "-at_install", "crm_helpdesk")
class TestWhichPolicy(ClockCommon):
    def test_targets_by_priority_in_one_policy(self):
        with freeze_time(at(9)):
            normal, urgent = self._create_cases(), self._create_cases(priority="3")
        self.assertEqual(self._clocks(normal, "first_response").date_due, at(13))
        self.assertEqual(self._clocks(urgent, "first_response").date_due, at(10))

    def test_first_match_holds_alone_and_the_case_says_which(self):
        """D29: overlapping policies."""
        self._create_policy(
            "Coffee",
            sequence=1,
            domain="[('name', 'ilike', 'coffee')]",
            first_response=1,
        )
        self._create_policy(
            "All Coffee", sequence=2, domain="[('name', 'ilike', 'coff')]", resolution=1
        )
        with freeze_time(at(9)):
            case = self._create_cases(name="Coffee is cold")
        self.assertEqual(self._clocks(case, "first_response").policy_id.name, "Coffee")
        self.assertFalse(self._clocks(case, "resolution").date_due, "no mix of two")
        self.assertIn("Coffee", case.sla_reason)
        self.assertIn("in the hours of", case.sla_reason)

    def test_no_policy_is_no_promise_and_no_crash(self):
        """D30: what is meant as the default must not hold the other way round."""
        self.policy.domain = "[('priority', '=', '3')]"
        with freeze_time(at(9)):
            case, urgent = self._create_cases(), self._create_cases(priority="3")
        self.assertFalse(case.sla_due)
        self.assertIn("nothing promised", case.sla_reason)
        self.assertEqual(urgent.sla_due, at(10))

    def test_no_priority_in_the_target_means_any(self):
        """D28: elsewhere nothing chosen meant the lowest only."""
        with freeze_time(at(9)):
            for priority in "012":
                case = self._create_cases(priority=priority)
                self.assertEqual(
                    self._clocks(case, "first_response").date_due, at(13), priority
                )

    def test_priorities_of_ones_own(self):
        """D30: custom priorities were refused (frappe/helpdesk#2405)."""
        field = self.env["crm.case"]._fields["priority"]
        own = [*field.selection, ("4", "Production stands")]
        self.patch(field, "selection", own)
        self.patch(field, "_selection", dict(own))
        self.policy.target_ids = [
            Command.create({"kind": "first_response", "hours": 0.5, "priority": "4"})
        ]
        with freeze_time(at(9)):
            case = self._create_cases(priority="4")
        self.assertEqual(self._clocks(case, "first_response").date_due, at(9, 30))
        self.assertIn("Production stands", case.sla_reason)

    def test_by_segment(self):
        segment = self.env["crm.segment"].create(
            {
                "name": "Key customers",
                "target": "res.partner",
                "domain": f"[('id', '=', {self.customer.id})]",
            }
        )
        segment.action_refresh()
        self._create_policy(
            "Key", sequence=1, first_response=1, segment_ids=[Command.set(segment.ids)]
        )
        with freeze_time(at(9)):
            key, other = (
                self._create_cases(),
                self._create_cases(partner_id=self.eva.id),
            )
        self.assertEqual(self._clocks(key, "first_response").date_due, at(10))
        self.assertEqual(self._clocks(other, "first_response").date_due, at(13))

    def test_order_of_stages_fulfils_nothing(self):
        """D28: OCA takes a later stage for a kept promise."""
        self.stages["closed"].sequence = 0
        self.stages["in_progress"].sequence = 99
        with freeze_time(at(9)):
            case = self._create_cases()
            case.stage_id = self.stages["in_progress"]
        self.assertFalse(self._clocks(case, "resolution").date_stop)
        with freeze_time(at(9, day=7)):
            self.assertTrue(case.sla_is_overdue, "without any write")

    def test_cases_without_clocks_get_them_when_a_policy_is_applied(self):
        """As after an import or a migration: since they came in."""
        with freeze_time(at(9)):
            case = self._create_cases()
        case.sla_clock_ids.sudo().unlink()
        with freeze_time(at(10)):
            self.policy.action_replan()
        self._run_cron_at(at(10, 1))
        self.assertEqual(self._clocks(case, "first_response").date_due, at(13))


@tagged("post_install", "-at_install", "crm_helpdesk")
class TestContract(ClockCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.gold = cls._create_policy("Gold", sequence=99, first_response=1)
        cls.long_hours = cls.calendar.copy({"name": "6 to 22"})
        cls.long_hours.attendance_ids.write({"hour_from": 6, "hour_to": 22})

    def _contract(self, **values):
        return self.env["crm.case.contract"].create(
            {
                "name": "Gold",
                "partner_id": self.customer.id,
                "company_id": self.company.id,
                "date_start": "2026-01-01",
                "sla_policy_id": self.gold.id,
                **values,
            }
        )

    def test_policy_of_the_contract_goes_before_all_others(self):
        contract = self._contract()
        with freeze_time(at(9)):
            case, other = (
                self._create_cases(),
                self._create_cases(partner_id=self.eva.id),
            )
        self.assertEqual(case.contract_id, contract, "a person of the company")
        self.assertEqual(self._clocks(case, "first_response").date_due, at(10))
        self.assertFalse(other.contract_id)
        self.assertEqual(contract.case_count, 1)

    def test_dates(self):
        self._contract(date_end="2026-02-28")
        with freeze_time(datetime(2026, 2, 28, 12)):
            self.assertTrue(self._create_cases().contract_id)
        with freeze_time(at(9)):
            self.assertFalse(self._create_cases().contract_id)

    def test_hours_of_the_contract_then_of_the_customer_then_of_the_team(self):
        self.customer.case_calendar_id = self.long_hours
        with freeze_time(at(15)):
            own = self._create_cases()
            self.assertEqual(self._clocks(own, "first_response").date_due, at(19))
        self._contract(
            sla_policy_id=False, resource_calendar_id=self.calendar.copy().id
        )
        with freeze_time(at(15)):
            case = self._create_cases()
        self.assertEqual(self._clocks(case, "first_response").date_due, at(11, day=1))

    def test_changes_plan_open_cases_again(self):
        contract = self._contract()
        with freeze_time(at(9)):
            case = self._create_cases()
            contract.sla_policy_id = False
        self._run_cron_at(at(9, 1))
        clock = self._clocks(case, "first_response")
        self.assertEqual((clock.policy_id, clock.date_due), (self.policy, at(13)))
        with freeze_time(at(9, 30)):
            self.team.resource_calendar_id = self.long_hours
        self._run_cron_at(at(9, 31))
        self.assertEqual(self._clocks(case, "resolution").date_due, at(9, day=1))

    def test_contract_goes_with_the_customer_who_stays(self):
        contract = self._contract()
        self.assertEqual(self._create_cases().contract_id, contract)
        twin = self.env["res.partner"].create(
            {"name": "Brandt Kaffee", "is_company": True}
        )
        self.env["base.partner.merge.automatic.wizard"].create({})._merge(
            (self.customer + twin).ids, twin
        )
        self.env.invalidate_all()
        self.assertEqual(contract.partner_id, twin)
        self.assertEqual(self._create_cases().contract_id, contract)

    def test_of_another_company_holds_not(self):
        self._contract(company_id=self.company_2.id, sla_policy_id=False)
        self.assertFalse(self._create_cases().contract_id)


@tagged("post_install", "-at_install", "crm_helpdesk")
class TestAlerts(ClockCommon):
    """Warnings and breaches, at the minute and in working hours."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.team.user_id = cls.manager
        cls.env["crm.assignment.rule"].search([("res_model", "=", "crm.case")]).unlink()

    def _add(self, task, **values):
        self.policy.action_ids = [Command.create({"task": task, **values})]

    def _triggers(self, moment):
        return self.env["ir.cron.trigger"].search_count(
            [
                ("cron_id", "=", self.env.ref("crm_plus.ir_cron_sla").id),
                ("call_at", "=", moment),
            ]
        )

    def test_scheduler_is_called_for_the_minute(self):
        with freeze_time(at(9)):
            self._create_cases()
        self.assertTrue(self._triggers(at(13)))
        self.assertTrue(self._triggers(at(12)), "the warning, at 75 %")

    def test_chain_of_people_is_told(self):
        self._add(
            "activity", is_for_leader=True, user_ids=[Command.set(self.outsider.ids)]
        )
        self._add("message", is_for_owner=False, is_for_leader=True)
        with freeze_time(at(9)):
            case = self._create_cases(user_id=self.agent.id)
        self._run_cron_at(at(12, 59))
        self.assertFalse(case.activity_ids)
        self._run_cron_at(at(13, 1))
        self._run_cron_at(at(13, 2))
        self.assertEqual(
            case.activity_ids.user_id, self.agent + self.manager + self.outsider
        )
        self.assertEqual(len(case.activity_ids), 3)
        self.assertTrue(
            self.env["mail.notification"].search(
                [
                    ("res_partner_id", "=", self.manager.partner_id.id),
                    ("mail_message_id.res_id", "=", case.id),
                ]
            )
        )

    def test_warning_and_breach_each_their_own(self):
        self._add("activity", event="warning", note="soon")
        self._add("priority", event="breach")
        with freeze_time(at(9)):
            case = self._create_cases(user_id=self.agent.id, priority="1")
        self._run_cron_at(at(12, 1))
        self.assertIn("soon", case.activity_ids.note)
        self.assertEqual(case.priority, "1")
        self._run_cron_at(at(13, 1))
        self.assertEqual(case.priority, "2")

    def test_reassign_by_the_rules(self):
        self._add("reassign", kind="first_response")
        self.team.assignment = "round_robin"
        with freeze_time(at(9)):
            case = self._create_cases(user_id=self.agent.id)
        self._run_cron_at(at(13, 1))
        self.assertEqual(case.user_id, self.agent_2)
        self.assertIn("assigned anew", "".join(case.message_ids.mapped("body")))

    def test_reassign_without_rules_is_back_in_the_queue(self):
        self._add("reassign", kind="first_response")
        with freeze_time(at(9)):
            case = self._create_cases(user_id=self.agent.id)
        self._run_cron_at(at(13, 1))
        self.assertFalse(case.user_id)
        self.assertIn(
            case,
            self.env["crm.case"]
            .with_user(self.agent_2)
            .search(self.env["crm.case"].with_user(self.agent_2)._get_queue_domain()),
        )

    def test_nothing_is_due_at_night_or_on_sunday(self):
        """D26: escalation mails came at midnight and at weekends."""
        for day, hour in ((0, 3), (0, 23), (4, 15), (5, 12), (6, 12)):
            with freeze_time(at(hour, day=day)):
                case = self._create_cases()
            for clock in case.sla_clock_ids:
                for moment in (clock.date_due, clock.date_warning):
                    self.assertLess(moment.weekday(), 5, (day, hour, clock.kind))
                    self.assertTrue(8 <= moment.hour <= 16, (day, hour, clock.kind))

    def test_what_fails_alone_does_not_break_the_others(self):
        """D26: one release broke every escalation rule (zammad#3523)."""
        self._add("activity", note="told")
        with freeze_time(at(9)):
            cases = self._create_cases(2, user_id=self.agent.id)
        # its row is gone, its clock is not
        self.env.flush_all()
        self.env.cr.execute("DELETE FROM crm_case WHERE id = %s", [cases[0].id])
        self.env.invalidate_all()
        self._run_cron_at(at(13, 1))
        self.assertIn("told", cases[1].activity_ids.note)


@tagged("post_install", "-at_install", "crm_helpdesk")
class TestWhatIf(ClockCommon):
    """What a policy would have meant for what is over, before it is saved."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # answered after 1, 3 and 5 hours; one still waits
        with freeze_time(at(9)):
            cls.cases = cls._create_cases(4)
        for case, hour in zip(cls.cases, (10, 12, 14), strict=False):
            with freeze_time(at(hour)):
                case._sla_on_human_answer(at(hour))
        cls.env.flush_all()
        cls.env.cr.execute(
            "UPDATE crm_case SET create_date = %s WHERE id = ANY(%s)",
            [at(9), cls.cases.ids],
        )
        cls.env.invalidate_all()

    def _results(self, policy):
        return {
            target.kind: dict(result)
            for target, result in policy._simulate(
                policy._get_what_if_records()
            ).items()
        }

    @freeze_time(at(15))
    def test_figures_follow_the_hours_that_are_typed(self):
        form = Form(self.policy.with_user(self.manager))
        self.assertIn("2 of 3 (67 %)", form.what_if)  # kept as it was: 4 h
        for index, target in enumerate(self.policy.target_ids):
            if target.kind == "first_response" and not target.priority:
                with form.target_ids.edit(index) as line:
                    line.hours = 2
        self.assertIn("1 of 3 (33 %)", form.what_if)
        self.assertIn("1 of 1", form.what_if, "and the one that waits would be late")
        self.assertEqual(
            self.policy.target_ids.filtered(
                lambda t: t.kind == "first_response" and not t.priority
            ).hours,
            4,
            "nothing was saved",
        )

    @freeze_time(at(15))
    def test_pauses_and_hours_count(self):
        paused = self.cases[3]
        with freeze_time(at(10)):
            paused.stage_id = self.stages["waiting_customer"]
        with freeze_time(at(14)):
            paused.stage_id = self.stages["in_progress"]
            paused._sla_on_human_answer(at(14))
        result = self._results(self.policy)["first_response"]
        self.assertEqual((result["closed"], result["would"]), (4, 3))

    @freeze_time(at(15))
    def test_what_an_earlier_policy_takes_is_not_counted(self):
        new = self.env["crm.sla.policy"].new(
            {
                "name": "New",
                "res_model": "crm.case",
                "sequence": 20,
                "domain": "[]",
                "target_ids": [Command.create({"kind": "first_response", "hours": 1})],
            }
        )
        self.assertFalse(self.cases & new._get_what_if_records())
        new.sequence = 1
        self.assertEqual(self.cases & new._get_what_if_records(), self.cases)

    @freeze_time(at(15))
    def test_no_past_is_said_and_broken_conditions_too(self):
        self.policy.domain = "[('name', '=', 'nothing like this')]"
        self.assertIn("n = 0", self.policy.what_if)
        draft = self.policy.new(origin=self.policy)
        draft.domain = "[('nonsense', '=', 1)]"
        self.assertIn("cannot be used yet", draft.what_if)

    @freeze_time(at(15))
    def test_only_what_the_reader_may_see_is_counted(self):
        self.team.visibility = "members"
        self.assertTrue(self.policy._get_what_if_records())
        self.assertFalse(
            self.policy.with_user(self.outsider)._get_what_if_records() & self.cases
        )
