from datetime import datetime, timedelta

from odoo.exceptions import AccessError
from odoo.tests import freeze_time, tagged

from .common import CaseCommon

MONDAY = datetime(2026, 3, 2, 8)


def at(hours):
    return MONDAY + timedelta(hours=hours)


@tagged("post_install", "-at_install", "crm_helpdesk")
class TestCaseReport(CaseCommon):
    """Team hours: Monday to Friday, 8 to 16, UTC. Hours are since Monday, 8."""

    def _create(self, hours, **values):
        with freeze_time(at(hours)):
            return self._create_cases(date_opened=at(hours), **values)

    def _reply(self, case, hours):
        with freeze_time(at(hours)):
            self._answer(case, date=at(hours))

    def _write_back(self, case, hours):
        with freeze_time(at(hours)), self.mock_mail_gateway():
            case.message_post(
                body="Still broken",
                author_id=self.ida.id,
                message_type="email",
                subtype_xmlid="mail.mt_comment",
                date=at(hours),
            )

    def _close(self, case, hours):
        with freeze_time(at(hours)):
            case.action_close()

    def _move(self, case, stage, hours):
        with freeze_time(at(hours)):
            case.stage_id = self.stages[stage]

    def _row(self, case, model="crm.case.report"):
        self.env.flush_all()
        self.env.invalidate_all()
        return self.env[model].search([("case_id", "=", case.id)])

    def _group(self, cases, *aggregates, model="crm.case.report", groupby=()):
        self.env.flush_all()
        return self.env[model]._read_group(
            [("case_id", "in", cases.ids)], groupby, aggregates
        )

    # ------------------------------------------------------------
    # K63, K64
    # ------------------------------------------------------------

    def test_first_response(self):
        """Unanswered cases are counted apart, not as zero; nights do not count."""
        cases = [self._create(hours) for hours in (0, 0, 0, 7, 0)]
        for case, hours in zip(cases, (1, 2, 6, 24 + 2), strict=False):
            self._reply(case, hours)  # 1, 2, 6 and 1 + 2 working hours

        [(average, median, p90, answered, unanswered)] = self._group(
            self.env["crm.case"].union(*cases),
            "first_response_hours:avg",
            "first_response_median:avg",
            "first_response_p90:avg",
            "is_answered:sum",
            "is_unanswered:sum",
        )

        self.assertAlmostEqual(average, (1 + 2 + 6 + 3) / 4)
        self.assertAlmostEqual(median, 2.5)
        self.assertAlmostEqual(p90, 3 + 0.7 * 3)
        self.assertEqual((answered, unanswered), (4, 1))

    def test_acknowledgement_is_no_answer(self):
        with freeze_time(at(0)):
            case = self._receive()
        self.assertTrue(case.date_acknowledged)

        row = self._row(case)

        self.assertEqual(
            (row.is_answered, row.first_response_hours, row.touch_out_count), (0, 0, 0)
        )

    def test_resolution_without_waiting_for_the_customer(self):
        case = self._create(0)
        self._move(case, "waiting_customer", 2)
        self._move(case, "in_progress", 5)
        self._move(case, "waiting_third", 6)
        self._close(case, 24 + 1)  # 2 + 3 + 1 + 2 + 1 hours

        row = self._row(case)

        self.assertAlmostEqual(row.gross_hours, 9)
        self.assertAlmostEqual(row.resolution_hours, 6)

    def test_resolution_counts_until_the_last_closing(self):
        case = self._create(0)
        self._close(case, 2)
        with freeze_time(at(4)):
            case.action_reopen()
        self._close(case, 7)

        row = self._row(case)

        self.assertAlmostEqual(row.gross_hours, 7)
        self.assertAlmostEqual(row.resolution_hours, 7)
        self.assertEqual(row.reopen_count, 1)

    def test_open_cases_have_no_resolution(self):
        case = self._create(0)
        self._close(case, 1)
        with freeze_time(at(2)):
            case.action_reopen()

        row = self._row(case)

        self.assertFalse(self._group(case, "resolution_hours:avg")[0][0])
        self.assertEqual((row.is_open, row.is_eligible), (1, 0))

    # ------------------------------------------------------------
    # K65, K72
    # ------------------------------------------------------------

    def test_first_contact(self):
        solved = self._create(0)
        self._reply(solved, 1)
        self._close(solved, 2)

        two_answers = self._create(0)
        self._reply(two_answers, 1)
        self._reply(two_answers, 2)
        self._close(two_answers, 3)

        customer_again = self._create(0)
        self._reply(customer_again, 1)
        self._close(customer_again, 2)
        self._write_back(customer_again, 24 * 20)  # long after
        self._close(customer_again, 24 * 20 + 1)

        in_the_call = self._create(0, channel="phone")
        self._close(in_the_call, 0.5)
        called_later = self._create(0, channel="phone")
        self._close(called_later, 5)

        reopened = self._create(0)
        self._reply(reopened, 1)
        self._close(reopened, 2)
        with freeze_time(at(24 * 6)):
            reopened.action_reopen()
        self._close(reopened, 24 * 6 + 1)

        reopened_late = self._create(0)
        self._reply(reopened_late, 1)
        self._close(reopened_late, 2)
        with freeze_time(at(24 * 9)):
            reopened_late.action_reopen()
        self._close(reopened_late, 24 * 9 + 1)

        still_open = self._create(0)
        self._reply(still_open, 1)

        cases = (
            solved
            + two_answers
            + customer_again
            + in_the_call
            + called_later
            + reopened
            + reopened_late
            + still_open
        )
        rows = self._row(cases[:0])
        self.env.flush_all()
        rows = self.env["crm.case.report"].search([("case_id", "in", cases.ids)])
        self.assertEqual(
            rows.filtered("is_first_contact").case_id,
            solved + in_the_call + reopened_late,
        )
        [(rate, eligible)] = self._group(cases, "first_contact:avg", "is_eligible:sum")
        self.assertEqual(eligible, 7)
        self.assertAlmostEqual(rate, 3 / 7)
        # of nothing there is no rate
        self.assertIsNone(
            self._group(still_open, "first_contact:avg")[0][0] or None,
        )

    def test_reopen_rate_is_of_cases(self):
        once = self._create(0)
        self._close(once, 1)
        twice = self._create(0)
        for hour in (1, 3, 5):
            self._close(twice, hour)
            with freeze_time(at(hour + 1)):
                twice.action_reopen()
        self._close(twice, 8)
        late = self._create(0)
        self._close(late, 1)
        with freeze_time(at(24 * 8)):
            late.action_reopen()
        cases = once + twice + late

        [(rate, opened, closed, reopened, backlog)] = self._group(
            cases,
            "reopen_rate:avg",
            "opened:sum",
            "closed:sum",
            "reopened:sum",
            "change:sum",
            model="crm.case.flow.report",
        )

        self.assertAlmostEqual(rate, 1 / 3)
        self.assertEqual((opened, closed, reopened), (3, 6, 4))
        self.assertEqual(backlog, 1)  # the late one is open

    def test_backlog_of_a_day(self):
        first, second = self._create(0), self._create(30)
        self._close(first, 26)
        days = dict(
            self._group(
                first + second,
                "change:sum",
                model="crm.case.flow.report",
                groupby=["date:day"],
            )
        )
        self.assertEqual([days[day] for day in sorted(days)], [1, 0])

    # ------------------------------------------------------------
    # K66
    # ------------------------------------------------------------

    def test_promises(self):
        """Promised are answers within 4 and solutions within 16 working hours."""
        in_time, late, running, waiting = (self._create(0) for _case in range(4))
        for case in in_time + late + waiting:
            case.user_id = self.agent
        self._reply(in_time, 3)
        self._reply(late, 24 + 2)  # 10 hours
        # three days: promised for Tuesday, 16
        self._close(late, 24 * 3)
        self._move(waiting, "waiting_customer", 1)
        with freeze_time(at(6)):
            rows = {
                (row.case_id, row.kind): row
                for row in self.env["crm.case.promise.report"].search(
                    [("case_id", "in", (in_time + late + running + waiting).ids)]
                )
            }
            states = {key: row.state for key, row in rows.items()}
        self.assertEqual(states[in_time, "first_response"], "met")
        self.assertEqual(states[late, "first_response"], "missed")
        self.assertEqual(states[late, "resolution"], "missed")
        self.assertEqual(states[running, "first_response"], "late")
        self.assertEqual(states[running, "resolution"], "running")
        self.assertEqual(states[waiting, "first_response"], "paused")
        self.assertAlmostEqual(rows[late, "first_response"].late_hours, 6)
        self.assertAlmostEqual(rows[late, "first_response"].promised_hours, 4)
        self.assertAlmostEqual(rows[late, "resolution"].late_hours, 8)
        with freeze_time(at(6)):
            [(kept, due)] = self.env["crm.case.promise.report"]._read_group(
                [
                    ("case_id", "in", (in_time + late + running + waiting).ids),
                    ("kind", "=", "first_response"),
                ],
                [],
                ["kept:avg", "is_due:sum"],
            )
        self.assertEqual(due, 3)
        self.assertAlmostEqual(kept, 1 / 3)

    def test_whose_time_a_missed_promise_took(self):
        nobodys, agents, waited = (self._create(0) for _case in range(3))
        with freeze_time(at(6)):
            nobodys.user_id = self.agent
        self._reply(nobodys, 7)
        with freeze_time(at(1)):
            agents.user_id = self.agent
            waited.user_id = self.agent
        self._reply(agents, 6)
        self._move(waited, "waiting_customer", 2)
        self._move(waited, "in_progress", 24)
        self._reply(waited, 24 + 4)  # 1 unassigned, 1 + 4 agent; 6 waiting were given
        Time = self.env["crm.case.promise.time"]

        while Time._settle(2)[1]:
            pass
        again = Time._settle()

        self.assertEqual(again, (0, 0))
        rows = {
            row.case_id: row
            for row in self.env["crm.case.promise.report"].search(
                [
                    ("case_id", "in", (nobodys + agents + waited).ids),
                    ("kind", "=", "first_response"),
                ]
            )
        }
        self.assertEqual(rows[nobodys].cause, "unassigned")
        self.assertAlmostEqual(rows[nobodys].unassigned_hours, 6)
        self.assertAlmostEqual(rows[nobodys].agent_hours, 1)
        self.assertEqual(rows[agents].cause, "agent")
        self.assertAlmostEqual(rows[agents].agent_hours, 5)
        self.assertEqual(rows[waited].cause, "agent")
        self.assertAlmostEqual(rows[waited].waiting_hours, 0)
        self.assertAlmostEqual(rows[waited].agent_hours, 5)

    # ------------------------------------------------------------
    # K70, K71, workload
    # ------------------------------------------------------------

    def test_shares_from_the_largest_on(self):
        cases = (
            self._create_cases(5, channel="phone")
            + self._create_cases(3, channel="web")
            + self._create_cases(2, channel="portal")
        )
        shares = {
            channel: (round(share, 3), round(cumulated, 3))
            for channel, share, cumulated in self._group(
                cases, "share:avg", "cumulated_share:avg", groupby=["channel"]
            )
        }
        self.assertEqual(
            shares, {"phone": (0.5, 0.5), "web": (0.3, 0.8), "portal": (0.2, 1.0)}
        )

    def test_delay_by_stage(self):
        case = self._create(0)
        self._move(case, "in_progress", 2)
        with freeze_time(at(3)):
            case.user_id = self.agent
        self._move(case, "new", 5)
        self._close(case, 6)
        other = self._create(0)
        self._close(other, 8)

        groups = {
            stage: values
            for stage, *values in self._group(
                case + other,
                "visits:sum",
                "working_hours:sum",
                "working_per_visit:avg",
                model="crm.case.stay.report",
                groupby=["stage_id"],
            )
        }

        self.assertEqual(groups[self.stages["new"]][0], 3)
        self.assertAlmostEqual(groups[self.stages["new"]][1], 2 + 1 + 8)
        self.assertAlmostEqual(groups[self.stages["new"]][2], 11 / 3)
        # one visit, two hands
        self.assertEqual(groups[self.stages["in_progress"]][0], 1)
        self.assertAlmostEqual(groups[self.stages["in_progress"]][2], 3)

    def test_lasting_stays_are_counted_at_night(self):
        case = self._create(0)
        with freeze_time(at(3)):
            self.env["crm.case.stage.history"]._cron_sync()

            row = self._row(case, "crm.case.stay.report")

        self.assertTrue(row.is_lasting)
        self.assertAlmostEqual(row.working_hours, 3)

    def test_age_of_the_backlog(self):
        young, old, closed = self._create(0), self._create(-24 * 10), self._create(0)
        self._close(closed, 1)
        with freeze_time(at(12)):
            bands = dict(
                self._group(young + old + closed, "is_open:sum", groupby=["age_band"])
            )
        self.assertEqual(bands, {"a": 1, "d": 1, False: 0})

    def test_machines_spam_and_merged_cases_are_out(self):
        machine = self._create_cases(is_machine=True)
        spam, merged, kept = (self._create_cases() for _case in range(3))
        spam.action_mark_spam()
        merged.sudo().merged_into_id = kept

        for model in (
            "crm.case.report",
            "crm.case.flow.report",
            "crm.case.stay.report",
            "crm.case.promise.report",
        ):
            for case in machine + spam + merged:
                self.env.flush_all()
                rows = self.env[model].with_context(active_test=False)
                self.assertFalse(rows.search([("case_id", "=", case.id)]), model)
            self.assertTrue(self._row(kept, model), model)

    def test_volume_by_category_and_product(self):
        machines, coffee = self.env["crm.case.category"].create(
            [{"name": "Machines"}, {"name": "Coffee"}]
        )
        cases = self._create_cases(
            3, category_id=machines.id, product_id=self.product.id
        ) + self._create_cases(1, category_id=coffee.id)
        self.assertEqual(
            dict(self._group(cases, "share:avg", groupby=["category_id"])),
            {machines: 0.75, coffee: 0.25},
        )
        self.assertEqual(
            dict(self._group(cases, "__count", groupby=["product_id"])),
            {self.product: 3, self.env["product.product"]: 1},
        )

    def test_segments(self):
        case = self._create_cases()
        segments = self.env["crm.segment"].create(
            [
                {
                    "name": name,
                    "target": "res.partner",
                    "domain": f"[('id', '=', {self.customer.id})]",
                }
                for name in ("One", "Two")
            ]
        )
        segments.action_refresh()

        rows = self._row(case, "crm.case.segment.report")

        self.assertEqual(rows.segment_id, segments)
        self.assertEqual(len(set(rows.ids)), 2)
        self.assertEqual(rows.case_id, case)

    def test_revenue_from_service(self):
        case = self._create(0)
        lead = self.env["crm.lead"].create(
            {
                "name": "A second grinder",
                "type": "opportunity",
                "expected_revenue": 700,
                "partner_id": self.ida.id,
            }
        )
        case.lead_id = lead
        self.assertFalse(self._row(case).won_revenue)

        lead.action_set_won()

        self.assertEqual(self._row(case).won_revenue, 700)
        with self.assertRaises(AccessError):
            self._row(case).with_user(self.agent).read(["won_revenue"])

    # ------------------------------------------------------------
    # Rights
    # ------------------------------------------------------------

    REPORTS = (
        "crm.case.report",
        "crm.case.flow.report",
        "crm.case.stay.report",
        "crm.case.promise.report",
        "crm.case.stage.history",
    )

    def test_who_sees_what(self):
        hidden = self.env["crm.case.team"].create(
            {
                "name": "Hidden",
                "company_id": self.company.id,
                "visibility": "members",
                "member_ids": self.agent_2.ids,
            }
        )
        ours = self._create_cases()
        theirs = self._create_cases(team_id=hidden.id)
        foreign = self._create_cases(team_id=self.team_2.id)
        cases = ours + theirs + foreign
        self.env.flush_all()
        for model in self.REPORTS:
            for user, expected in (
                (self.agent, ours),
                (self.agent_2, ours + theirs),
                (self.manager, ours + theirs),
                (self.agent_c2, foreign),
            ):
                with self.subTest(model=model, user=user.login):
                    rows = (
                        self.env[model]
                        .with_user(user)
                        .search([("case_id", "in", cases.ids)])
                    )
                    self.assertEqual(rows.sudo().case_id, expected)
            for user in (self.portal_ida, self.env.ref("base.public_user")):
                with self.subTest(model=model, user=user.login):
                    with self.assertRaises(AccessError):
                        self.env[model].with_user(user).search([])

    def test_case_of_a_row_is_opened(self):
        case = self._create_cases()
        action = self._row(case).action_open_case()
        self.assertEqual((action["res_model"], action["res_id"]), ("crm.case", case.id))
