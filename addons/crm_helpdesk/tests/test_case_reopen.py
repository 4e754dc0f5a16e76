from odoo.tests import Form, freeze_time, tagged

from .test_case_clock import ClockCommon, at

CLOSED, AGAIN = at(14), at(10, day=2)  # Monday, Wednesday


@tagged("post_install", "-at_install", "crm_helpdesk")
class TestReopenClock(ClockCommon):
    """A case that is opened again: its time to be solved goes on, or begins anew.

    Solved within 16 working hours: two days, 8 to 16 o'clock.
    """

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.team.write({"reopen_clock": "resume", "late_follow_up": "reopen"})
        cls.company.partner_id.tz = "UTC"

    def _close_and_reopen(self, closed=CLOSED, again=AGAIN):
        with freeze_time(at(8)):
            case = self._create_cases()
        with freeze_time(closed):
            case.action_close()
        with freeze_time(again):
            case.action_reopen()
        return case

    def _report(self, case):
        self.env.flush_all()
        self.env.invalidate_all()
        return self.env["crm.case.promise.report"].search(
            [("case_id", "=", case.id), ("kind", "=", "resolution")],
            order="occurrence",
        )

    def test_anew_unless_the_team_says_so(self):
        team = self.env["crm.case.team"].create({"name": "New"})
        self.assertEqual(team.reopen_clock, "new")
        self.team.reopen_clock = "new"

        case = self._close_and_reopen()

        first, second = self._clocks(case, "resolution")
        self.assertEqual((first.outcome, first.date_stop), ("met", at(14)))
        self.assertEqual(
            (second.date_start, second.date_due), (at(10, day=2), at(10, day=4))
        )

    def test_goes_on_with_what_was_left(self):
        case = self._close_and_reopen()

        clock = self._clocks(case, "resolution")
        self.assertEqual(len(clock), 1)
        # six of sixteen hours were used: ten are left from Wednesday, 10 o'clock
        self.assertEqual(clock.date_due, at(12, day=3))
        self.assertEqual(case.sla_due, min(clock.date_due, case.sla_due))
        [pause] = clock.pause_ids
        self.assertEqual((pause.date_from, pause.date_to), (at(14), at(10, day=2)))
        self.assertIn("opened again", pause.reason)

        with freeze_time(at(11, day=3)):
            case.action_close()
        self.assertEqual((clock.outcome, clock.elapsed_hours), ("met", 15))

    def test_the_promise_is_in_the_reports_once(self):
        """K66: kept at its first closing, missed at the last: missed, and nothing
        else. K64: the hours of the case are not doubled either."""
        case = self._close_and_reopen()
        with freeze_time(at(11, day=2)):
            self.assertEqual(self._report(case).state, "running", "not kept any more")
        with freeze_time(at(14, day=3)):
            case.action_close()

        row = self._report(case)
        self.assertRecordValues(
            row,
            [{"state": "missed", "is_due": 1, "is_met": 0, "is_missed": 1}],
        )
        self.assertEqual(row.taken_hours, 18)
        [figures] = self.env["crm.case.report"]._read_group(
            [("case_id", "=", case.id)], [], ["resolution_hours:sum", "is_closed:sum"]
        )
        # with the time it was closed, as K64 has it: from opening to the last closing
        self.assertEqual(figures, (30, 1))

    def test_late_stays_late(self):
        case = self._close_and_reopen(closed=at(10, day=2), again=at(12, day=2))

        clock = self._clocks(case, "resolution")
        self.assertEqual(clock.date_due, at(16, day=1))
        with freeze_time(at(13, day=2)):
            self.assertEqual(clock.state, "breached")
            case.action_close()
        self.assertEqual(clock.outcome, "breached")
        self.assertEqual(len(self._report(case)), 1)

    def test_whose_time_it_was_is_settled_again(self):
        """What was counted at the first closing is not all of it."""
        Time = self.env["crm.case.promise.time"]
        with freeze_time(at(8)):
            case = self._create_cases(user_id=self.agent.id)
        with freeze_time(at(8, day=1)):
            case.stage_id = self.stages["waiting_customer"]
        with freeze_time(at(12, day=1)):
            case.stage_id = self.stages["in_progress"]
        with freeze_time(at(15, day=2)):
            case.action_close()  # 19 hours
        Time._settle()
        clock = self._clocks(case, "resolution")
        settled = Time.search([("clock_id", "=", clock.id)])
        self.assertEqual(settled.agent_seconds, 19 * 3600)

        with freeze_time(at(9, day=3)):
            case.action_reopen()
        self.assertFalse(settled.exists())
        self.assertFalse(Time._settle()[0], "it is not over")
        with freeze_time(at(11, day=3)):
            case.action_close()
        Time._settle()

        settled = Time.search([("clock_id", "=", clock.id)])
        self.assertRecordValues(
            settled,
            [
                {
                    "agent_seconds": 21 * 3600,
                    "waiting_seconds": 0,
                    "unassigned_seconds": 0,
                }
            ],
        )

    def test_waiting_while_it_ran_is_told_from_pauses(self):
        """Closed time that is a pause takes nothing away from the waiting that is
        none."""
        Time = self.env["crm.case.promise.time"]
        self.patch(
            type(self.env["crm.case"]), "_get_paused_kinds", lambda *args: ("x",)
        )
        with freeze_time(at(8)):
            case = self._create_cases(user_id=self.agent.id)
        with freeze_time(at(9)):
            case.stage_id = self.stages["waiting_third"]
        with freeze_time(at(14)):
            case.action_close()
        with freeze_time(at(8, day=2)):
            case.action_reopen()
        with freeze_time(at(12, day=3)):
            case.action_close()
        Time._settle()

        clock = self._clocks(case, "resolution")
        self.assertEqual(clock.outcome, "breached")
        settled = Time.search([("clock_id", "=", clock.id)])
        self.assertEqual(settled.waiting_seconds, 5 * 3600)
        self.assertEqual(settled.agent_seconds, 13 * 3600)

    def test_an_answer_of_the_customer_and_pauses_after_it(self):
        with freeze_time(at(8)):
            case = self._create_cases()
        with freeze_time(at(12)):
            case.action_close()
        with freeze_time(at(14)):
            self._ask(case)
        self.assertFalse(case.is_closed)
        clock = self._clocks(case, "resolution")
        self.assertEqual(clock.date_due, at(10, day=2))
        with freeze_time(at(15)):
            case.stage_id = self.stages["waiting_customer"]
        self.assertTrue(clock.date_paused)
        with freeze_time(at(16, day=1)):
            case.stage_id = self.stages["in_progress"]
        self.assertEqual(clock.date_due, at(11, day=3))

    def test_closed_unanswered(self):
        """The first response was called off, not given: it is promised anew."""
        case = self._close_and_reopen(closed=at(10), again=at(12))
        self.assertEqual(
            self._clocks(case, "first_response").mapped("outcome"),
            ["cancelled", False],
        )

    def test_teams_side_by_side(self):
        other = self.team.copy({"alias_name": False, "reopen_clock": "new"})
        with freeze_time(at(8)):
            resumed, anew = self._create_cases() + self._create_cases(team_id=other.id)
        with freeze_time(at(9)):
            (resumed + anew).action_close()
        with freeze_time(at(10)):
            (resumed + anew).action_reopen()

        self.assertEqual(len(self._clocks(resumed, "resolution")), 1)
        self.assertEqual(len(self._clocks(anew, "resolution")), 2)

    def test_a_number_of_queries_that_does_not_grow(self):
        counts = []
        for number in (5, 50):
            with freeze_time(at(8)):
                cases = self._create_cases(number)
            with freeze_time(at(9)):
                cases._sla_stop("resolution")
            self.env.flush_all()
            self.env.invalidate_all()
            start = self.env.cr.sql_log_count
            cases._restart_resolution(at(10))
            self.env.flush_all()
            counts.append(self.env.cr.sql_log_count - start)
        self.assertLessEqual(counts[1], counts[0], counts)

    def test_the_team_chooses(self):
        with Form(self.team.with_user(self.manager)) as form:
            self.assertEqual(form.reopen_clock, "resume")
            form.reopen_clock = "new"
        self.assertEqual(self.team.reopen_clock, "new")
