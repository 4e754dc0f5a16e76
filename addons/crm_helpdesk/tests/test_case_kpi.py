from datetime import datetime, timedelta
from unittest.mock import patch

from odoo.exceptions import AccessError
from odoo.modules.module import load_script
from odoo.tests import freeze_time, new_test_user, tagged
from odoo.tools.misc import file_path

from .common import CaseCommon

MONDAY = datetime(2026, 3, 2, 8)
AGAIN = 24 * 9  # Wednesday of the week after, 8 o'clock: 56 working hours later

# What happened, with hours since Monday, 8; then working hours (Monday to Friday, 8 to
# 16) counted by hand: first response, resolution, resolution with waiting; whether it
# is eligible for first contact, and solved at it. None: there is no such figure.
COURSES = {
    "answered and solved": (
        [(2, "reply"), (4, "close")],
        (2, 4, 4, 1, 1),
    ),
    "waits for the customer, who writes again": (
        [
            (1, "reply"),
            (2, "waiting_customer"),
            (6, "write"),
            (6, "in_progress"),
            (7, "reply"),
            (25, "close"),
        ],
        (1, 5, 9, 1, 0),
    ),
    "waits for the customer before we answer": (
        [(1, "waiting_customer"), (4, "in_progress"), (5, "reply"), (6, "close")],
        (5, 3, 6, 1, 1),
    ),
    "waits for a third party: still our time": (
        [(1, "waiting_third"), (3, "in_progress"), (4, "reply"), (5, "close")],
        (4, 5, 5, 1, 1),
    ),
    "closed unanswered, asked again, answered": (
        [(1, "close"), (3, "reopen"), (5, "reply"), (6, "close")],
        (5, 6, 6, 1, 0),
    ),
    "asked again after more than a week": (
        [(1, "reply"), (2, "close"), (AGAIN, "reopen"), (AGAIN + 1, "close")],
        (1, 57, 57, 1, 1),
    ),
    "answered twice": (
        [(1, "reply"), (2, "reply"), (3, "close")],
        (1, 3, 3, 1, 0),
    ),
    "the customer wrote before we answered": (
        [(1, "write"), (2, "reply"), (3, "close")],
        (2, 3, 3, 1, 1),
    ),
    "never answered": ([(2, "close")], (None, 2, 2, 1, 0)),
    "withdrawn on the portal": ([(2, "withdraw")], (None, 2, 2, 0, 0)),
    "answered, then closed by the customer": (
        [(1, "reply"), (2, "withdraw")],
        (1, 2, 2, 1, 1),
    ),
    "open": ([(1, "reply")], (1, None, None, 0, 0)),
}


def at(hours):
    return MONDAY + timedelta(hours=hours)


class KpiCommon(CaseCommon):
    def _create(self, hours=0, **values):
        with freeze_time(at(hours)):
            return self._create_cases(date_opened=at(hours), **values)

    def _live(self, case, steps):
        for hours, step in steps:
            with freeze_time(at(hours)):
                if step == "reply":
                    self._answer(case, date=at(hours))
                elif step == "write":
                    with self.mock_mail_gateway():
                        case.message_post(
                            body="And?",
                            author_id=self.ida.id,
                            message_type="email",
                            subtype_xmlid="mail.mt_comment",
                            date=at(hours),
                        )
                elif step == "close":
                    case.action_close()
                elif step == "reopen":
                    case.action_reopen()
                elif step == "withdraw":
                    case.sudo()._close_by_customer(self.portal_ida)
                else:
                    case.stage_id = self.stages[step]

    def _group(self, model, cases, *aggregates, groupby=()):
        self.env.flush_all()
        self.env.invalidate_all()
        return self.env[model]._read_group(
            [("case_id", "in", cases.ids)], groupby, aggregates
        )


@tagged("post_install", "-at_install", "crm_helpdesk")
class TestCaseKpi(KpiCommon):
    """The formulas K63 to K74, each against figures that were counted by hand."""

    def test_courses_of_cases(self):
        """K63, K64, K65."""
        cases = {}
        for name, (steps, _expected) in COURSES.items():
            cases[name] = self._create()
            self._live(cases[name], steps)

        for name, (_steps, expected) in COURSES.items():
            with self.subTest(name):
                [figures] = self._group(
                    "crm.case.report",
                    cases[name],
                    "first_response_hours:avg",
                    "resolution_hours:avg",
                    "gross_hours:avg",
                    "is_eligible:sum",
                    "is_first_contact:sum",
                )
                # what there is none of is None or False, 0 hours would be a figure
                known = [None if f is False or f is None else f for f in figures]
                self.assertEqual(
                    [None if f is None else round(f, 3) for f in known], list(expected)
                )
        every = self.env["crm.case"].union(*cases.values())
        [(first, resolution, rate)] = self._group(
            "crm.case.report",
            every,
            "first_response_hours:avg",
            "resolution_hours:avg",
            "first_contact:avg",
        )
        columns = list(zip(*(e for _steps, e in COURSES.values()), strict=True))
        for figure, column in ((first, columns[0]), (resolution, columns[1])):
            known = [hours for hours in column if hours is not None]
            self.assertAlmostEqual(figure, sum(known) / len(known))
        self.assertAlmostEqual(rate, sum(columns[4]) / sum(columns[3]))

    def test_many_are_closed_at_once(self):
        """The history is written some seconds after the last of them was closed."""
        case = self._create()
        History = self.env.registry["crm.case.stage.history"]
        follow = History._follow

        def later(records, cases, date=None):
            return follow(records, cases, at(2) + timedelta(seconds=4))

        with patch.object(History, "_follow", later):
            self._live(case, [(2, "close")])

        [(resolution, gross)] = self._group(
            "crm.case.report", case, "resolution_hours:avg", "gross_hours:avg"
        )
        self.assertAlmostEqual(resolution, 2, places=2)
        self.assertAlmostEqual(gross, 2, places=2)

    def test_first_contact_of_calls(self):
        in_the_call = self._create(channel="phone")
        later = self._create(channel="phone")
        confirmed = self._create(channel="phone")
        self._live(in_the_call, [(0.5, "close")])
        self._live(later, [(3, "close")])
        self._live(confirmed, [(2, "reply"), (3, "close")])

        solved = self.env["crm.case.report"].search(
            [
                ("case_id", "in", (in_the_call + later + confirmed).ids),
                ("is_first_contact", "=", 1),
            ]
        )

        self.assertEqual(solved.case_id, in_the_call + confirmed)

    def test_closing_breaks_a_promise_that_is_late(self):
        """K66: answers are promised within 4 hours, whatever ends the case."""
        late, in_time, reopened = (self._create() for _case in range(3))
        self._live(late, [(6, "close")])
        self._live(in_time, [(2, "close")])
        self._live(reopened, [(6, "close"), (7, "reopen"), (7.5, "reply")])
        self.env["crm.case.promise.time"]._settle()

        rows = {
            (row.case_id, row.occurrence): row
            for row in self.env["crm.case.promise.report"].search(
                [
                    ("case_id", "in", (late + in_time + reopened).ids),
                    ("kind", "=", "first_response"),
                ]
            )
        }
        states = {key: row.state for key, row in rows.items()}

        self.assertEqual(
            states,
            {
                (late, 1): "missed",
                (in_time, 1): "cancelled",
                (reopened, 1): "missed",
                (reopened, 2): "met",
            },
        )
        self.assertAlmostEqual(rows[late, 1].late_hours, 2)
        self.assertEqual(rows[late, 1].cause, "unassigned")
        [(kept, due)] = self._group(
            "crm.case.promise.report",
            late + in_time,
            "kept:avg",
            "is_due:sum",
        )
        # with the solutions, both in time
        self.assertEqual(due, 3)
        self.assertAlmostEqual(kept, 2 / 3)

    def test_merged_promises_are_missed_once(self):
        """The earlier promise holds for both; the other one is nobody's."""
        first, second = self._create(0), self._create(2)
        with freeze_time(at(7)), self.mock_mail_gateway():
            first._merge(second)
        self._live(second, [(7.5, "reply")])

        rows = self.env["crm.case.promise.report"].search(
            [("case_id", "=", second.id), ("kind", "=", "first_response")],
            order="occurrence",
        )

        self.assertEqual(rows.mapped("state"), ["cancelled", "missed"])

    def test_ratings_of_cases_that_people_asked(self):
        """K67: neither spam nor machines nor merged cases."""
        good, bad, spam, machine, merged = (
            self._create(user_id=self.agent.id) for _case in range(5)
        )
        for case, rate in ((good, 5), (bad, 2), (spam, 1), (machine, 1), (merged, 1)):
            case.date_rating_requested = at(1)
            case.rating_apply(rate, token=case._rating_get_access_token())
        spam.action_mark_spam()
        machine.sudo().is_machine = True
        merged.sudo().merged_into_id = good

        [(csat, responses)] = self._group(
            "crm.case.rating.report",
            good + bad + spam + machine + merged,
            "csat:avg",
            "responses:sum",
        )

        self.assertEqual((csat, responses), (50, 2))

    def test_ratings_are_seen_by_who_sees_the_case(self):
        hidden = self.env["crm.case.team"].create(
            {
                "name": "Hidden",
                "company_id": self.company.id,
                "visibility": "members",
                "member_ids": self.agent_2.ids,
            }
        )
        ours, theirs, foreign = (
            self._create(),
            self._create(team_id=hidden.id),
            self._create(team_id=self.team_2.id),
        )
        cases = ours + theirs + foreign
        for case in cases:
            case.rating_apply(4, token=case._rating_get_access_token(), feedback="Hm")
        other = self.env["rating.rating"].create(
            {"res_model_id": self.env["ir.model"]._get_id("res.partner"), "res_id": 1}
        )
        self.env.flush_all()
        self.env.invalidate_all()
        clerk = new_test_user(self.env, login="case_clerk", groups="base.group_user")

        for user, expected in (
            (self.agent, ours),
            (self.agent_2, ours + theirs),
            (self.manager, ours + theirs),
            (self.agent_c2, foreign),
            (clerk, cases[:0]),
        ):
            with self.subTest(user.login):
                Rating = self.env["rating.rating"].with_user(user)
                found = Rating.search(
                    [("res_model", "=", "crm.case"), ("res_id", "in", cases.ids)]
                )
                self.assertEqual(set(found.mapped("res_id")), set(expected.ids))
                self.assertTrue(found.mapped("feedback") or not expected)
                unseen = (cases - expected).sudo().rating_ids
                for rating in unseen.with_user(user):
                    with self.assertRaises(AccessError):
                        rating.read(["feedback"])
                    with self.assertRaises(AccessError):
                        rating.write({"rating": 5})
                # what others rate is not ours to hide
                self.assertEqual(Rating.search([("id", "=", other.id)]), other)

    def test_satisfaction_by_what_it_was_about(self):
        category = self.env["crm.case.category"].create({"name": "Machines"})
        cases = self._create(category_id=category.id) + self._create()
        for case, rate in zip(cases, (4, 3), strict=True):
            case.rating_apply(rate, token=case._rating_get_access_token())

        self.assertEqual(
            dict(
                self._group(
                    "crm.case.rating.report",
                    cases,
                    "csat:avg",
                    groupby=["category_id"],
                )
            ),
            {category: 100, self.env["crm.case.category"]: 0},
        )

    def test_spam_is_no_case_after_a_suggestion(self):
        """K73."""
        Search = self.env["crm.case.article.search"]
        solved, asked, spam = Search.create(
            [
                {"source": "form", "company_id": self.company.id, "shown_count": 2}
                for _search in range(3)
            ]
        )
        solved._solve()
        self._create_cases(article_search_id=asked.id)
        self._create_cases(article_search_id=spam.id).action_mark_spam()
        self.env.flush_all()

        [(share, outcomes)] = self.env["crm.case.deflection.report"]._read_group(
            [("id", "in", (solved + asked + spam).ids)],
            [],
            ["deflection:avg", "outcomes:sum"],
        )

        self.assertEqual((share, outcomes), (50, 2))

    def test_revenue_counts_once(self):
        """K74: parts of a split case name the same opportunity."""
        case = self._create()
        seller, other = (
            new_test_user(
                self.env,
                login=login,
                company_id=self.company.id,
                groups="crm_helpdesk.crm_helpdesk_group_manager,"
                "sales_team.group_sale_salesman",
            )
            for login in ("case_seller", "case_other_seller")
        )
        lead = self.env["crm.lead"].create(
            {
                "name": "A second grinder",
                "type": "opportunity",
                "expected_revenue": 700,
                "partner_id": self.ida.id,
                "user_id": seller.id,
            }
        )
        case.lead_id = lead
        lead.action_set_won()
        part = self._create(1, lead_id=lead.id)
        before = self.env["crm.lead"].create(
            {"name": "Known before", "expected_revenue": 50, "user_id": seller.id}
        )
        before.action_set_won()
        self.env.cr.execute(
            "UPDATE crm_lead SET create_date = %s WHERE id = %s", [at(-5), before.id]
        )
        known = self._create(lead_id=before.id)

        def won(user):
            self.env.flush_all()
            self.env.invalidate_all()
            [(revenue,)] = (
                self.env["crm.case.report"]
                .with_user(user)
                ._read_group(
                    [("case_id", "in", (case + part + known).ids)],
                    [],
                    ["won_revenue:sum"],
                )
            )
            return revenue or 0

        self.assertEqual(won(seller), 700)
        # a figure is of what its reader may see
        self.assertEqual(won(other), 0)
        with self.assertRaises(AccessError):
            won(self.agent)

    def test_costs_by_agent_and_channel(self):
        hidden = self.env["crm.case.team"].create(
            {
                "name": "Hidden",
                "company_id": self.company.id,
                "visibility": "members",
                "member_ids": self.agent_2.ids,
            }
        )
        ours = self._create(channel="phone", user_id=self.agent.id)
        theirs = self._create(channel="email", team_id=hidden.id)
        plan = self.env["account.analytic.plan"].create({"name": "Service"})
        account = self.env["account.analytic.account"].create(
            {"name": "Care", "plan_id": plan.id, "company_id": self.company.id}
        )
        self.env["account.analytic.line"].create(
            [
                {
                    "name": "Looked at it",
                    "account_id": account.id,
                    "amount": -amount,
                    "case_id": case.id,
                    "company_id": self.company.id,
                }
                for case, amount in ((ours, 45), (theirs, 30))
            ]
        )
        cases = ours + theirs

        self.assertEqual(
            {
                key[:2]: key[2]
                for key in self._group(
                    "crm.case.cost",
                    cases,
                    "amount:sum",
                    groupby=["user_id", "channel"],
                )
            },
            {
                (self.agent, "phone"): 45,
                (self.env["res.users"], "email"): 30,
            },
        )
        groups = "crm_helpdesk.crm_helpdesk_group_user,crm_plus.crm_plus_group_amounts"
        reader = new_test_user(
            self.env, login="case_reader", groups=groups, company_id=self.company.id
        )
        accountant = new_test_user(
            self.env,
            login="case_accountant",
            groups="account.group_account_invoice",
            company_id=self.company.id,
        )
        for user, expected in ((reader, ours), (accountant, cases)):
            rows = self.env["crm.case.cost"].with_user(user)
            rows = rows.search([("case_id", "in", cases.ids)])
            self.assertEqual(rows.sudo().case_id, expected)
        with self.assertRaises(AccessError):
            self.env["crm.case.cost"].with_user(self.agent).search([])


@tagged("post_install", "-at_install", "crm_helpdesk")
class TestReplyAddressOfTemplates(CaseCommon):
    def test_old_templates_get_the_signed_address(self):
        """Of a database of version 19.0.1.0.0; what users wrote stays."""
        script = load_script(
            file_path("crm_helpdesk/migrations/19.0.1.1.0/post-reply-address.py"),
            "crm_helpdesk_reply_address",
        )
        rating = self.env.ref("crm_helpdesk.mail_template_case_rating")
        thanks = self.env.ref("crm_helpdesk.mail_template_case_acknowledgement")
        new = rating.reply_to
        rating.reply_to = "{{ object._get_sender_address() }}"
        thanks.reply_to = "care@brandt.example"
        self.env.flush_all()

        script.migrate(self.env.cr, None)
        self.env.invalidate_all()
        self.assertNotEqual(rating.reply_to, new, "a new database")
        script.migrate(self.env.cr, "19.0.1.0.0")
        self.env.invalidate_all()

        self.assertEqual(rating.reply_to, new)
        self.assertEqual(thanks.reply_to, "care@brandt.example")


@tagged("post_install", "-at_install", "crm_helpdesk")
class TestAgentDay(KpiCommon):
    """Who has how much to work on, and for how long nothing at all."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company.resource_calendar_id = cls.calendar
        cls.company.partner_id.tz = "UTC"
        (cls.agent + cls.agent_2).tz = "UTC"
        cls.Day = cls.env["crm.case.agent.day"]

    def _live_two_days(self):
        """Monday: two cases with the agent, one of them from 10 to 14 o'clock."""
        waits = self._create(0, user_id=self.agent.id)
        done = self._create(0)
        with freeze_time(at(2)):
            done.user_id = self.agent
        self._live(waits, [(4, "waiting_customer")])
        self._live(done, [(6, "close")])
        self.env.flush_all()

    def _rows(self, user=None):
        return (
            self.env["crm.case.agent.report"]
            .with_user(user or self.manager)
            .search(
                [
                    ("date", "in", (MONDAY.date(), at(24).date())),
                    ("user_id", "in", (self.agent + self.agent_2 + self.agent_c2).ids),
                ],
                order="date, user_id",
            )
        )

    def test_load_and_idle_time(self):
        self._take_time_off(self.agent_2, at(24), at(24 + 4))
        self._live_two_days()

        for _time in range(2):  # a day is counted once
            self.Day._count(self.company, MONDAY.date(), at(48).date())

        self.assertRecordValues(
            self._rows(),
            [
                {
                    "user_id": user.id,
                    "date": day.date(),
                    "hours": hours,
                    "busy_hours": busy,
                    "idle_hours": hours - busy,
                    "case_hours": case_hours,
                    "closed": closed,
                }
                for user, day, hours, busy, case_hours, closed in (
                    (self.agent, at(0), 8, 6, 8, 1),
                    (self.agent_2, at(0), 8, 0, 0, 0),
                    # the other one waits for the customer
                    (self.agent, at(24), 8, 0, 0, 0),
                    (self.agent_2, at(24), 4, 0, 0, 0),
                )
            ],
        )
        [(idle, load)] = self.env["crm.case.agent.report"]._read_group(
            [("id", "in", self._rows().ids), ("user_id", "=", self.agent.id)],
            [],
            ["idle_share:avg", "open_cases:avg"],
        )
        self.assertAlmostEqual(idle, 10 / 16)
        self.assertAlmostEqual(load, 8 / 16)

    def test_days_that_are_over_are_counted(self):
        self._live_two_days()
        self.Day.search([]).unlink()
        with freeze_time(at(30)):
            self.Day._cron_count()
            self.Day._cron_count()

        days = self.Day.search([("user_id", "=", self.agent.id)]).mapped("date")
        self.assertEqual(days[0], MONDAY.date())
        self.assertEqual(len(days), len(set(days)))
        self.assertGreater(len(days), 30)

        with freeze_time(at(49)):
            self.Day._cron_count()
        self.assertEqual(
            len(self._rows().filtered(lambda r: r.user_id == self.agent)), 2
        )

    def test_who_sees_whose_days(self):
        self._live_two_days()
        self.Day._count(self.company, MONDAY.date(), at(24).date())
        self.Day._count(self.company_2, MONDAY.date(), at(24).date())

        self.assertEqual(self._rows(self.agent).user_id, self.agent)
        self.assertEqual(self._rows(self.manager).user_id, self.agent + self.agent_2)
        self.assertEqual(self._rows(self.agent_c2).user_id, self.agent_c2)
        self.team.user_id = self.agent_2
        self.assertEqual(self._rows(self.agent_2).user_id, self.agent + self.agent_2)
        for user in (self.portal_ida, self.env.ref("base.public_user")):
            with self.assertRaises(AccessError):
                self._rows(user)

    def test_idle_cases(self):
        """Open ones that wait for nobody: since somebody last wrote or moved them."""
        quiet, written, waits = (self._create(0) for _case in range(3))
        self._live(written, [(24, "reply"), (48, "write")])
        self._live(waits, [(1, "waiting_customer")])
        self.env.flush_all()
        with freeze_time(at(72)):
            rows = self.env["crm.case.report"].search(
                [("case_id", "in", (quiet + written + waits).ids)]
            )
            idle = {row.case_id: row.idle_days for row in rows}
            found = self.env["crm.case.report"].search(
                [("id", "in", rows.ids), ("idle_days", ">=", 3)]
            )

        self.assertEqual(idle, {quiet: 3, written: 1, waits: 0})
        self.assertEqual(found.case_id, quiet)
