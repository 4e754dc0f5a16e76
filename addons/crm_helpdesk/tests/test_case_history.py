from datetime import datetime, timedelta
from itertools import pairwise

from odoo.exceptions import AccessError
from odoo.tests import BaseCase, freeze_time, tagged
from odoo.tools import SQL

from ..tools.case_stays import Change, Holder, build_stays, step_between
from .common import CaseCommon

MONDAY = datetime(2026, 3, 2, 8)


def at(hours):
    return MONDAY + timedelta(hours=hours)


@tagged("post_install", "-at_install", "crm_helpdesk")
class TestBuildStays(BaseCase):
    """Stages 1 and 2, team 1, users 7 and 8; hours since the case was opened."""

    def _build(self, now, *changes):
        stays = build_stays(
            MONDAY,
            Holder(*now),
            [Change(at(hour), *rest) for hour, *rest in changes],
        )
        return [
            (
                tuple(stay.holder),
                (stay.date_start - MONDAY).total_seconds() / 3600,
                stay.date_end and (stay.date_end - MONDAY).total_seconds() / 3600,
            )
            for stay in stays
        ]

    def test_nothing_noted(self):
        self.assertEqual(self._build((1, 1, 7)), [((1, 1, 7), 0, None)])

    def test_two_fields_at_once_are_one_step(self):
        self.assertEqual(
            self._build((2, 1, 7), (3, "stage_id", 1, 2), (3, "user_id", 0, 7)),
            [((1, 1, 0), 0, 3), ((2, 1, 7), 3, None)],
        )

    def test_each_in_its_time(self):
        self.assertEqual(
            self._build(
                (1, 1, 8),
                (5, "user_id", 7, 8),
                (1, "user_id", 0, 7),
                (2, "stage_id", 1, 2),
                (4, "stage_id", 2, 1),
            ),
            [
                ((1, 1, 0), 0, 1),
                ((1, 1, 7), 1, 2),
                ((2, 1, 7), 2, 4),
                ((1, 1, 7), 4, 5),
                ((1, 1, 8), 5, None),
            ],
        )

    def test_a_note_is_missing(self):
        """The stage was changed unseen: the end of the chain is what is true."""
        self.assertEqual(
            self._build((2, 1, 0), (2, "team_id", 3, 1)),
            [((2, 3, 0), 0, 2), ((2, 1, 0), 2, None)],
        )

    def test_noted_before_the_case_was_opened(self):
        self.assertEqual(
            self._build((2, 1, 0), (-5, "stage_id", 1, 2)), [((2, 1, 0), 0, None)]
        )

    def test_steps(self):
        one, two, queue = Holder(1, 1, 7), Holder(1, 1, 8), Holder(1, 1, 0)
        self.assertTrue(step_between(one, two, 7, "open", "open").is_reassigned)
        self.assertFalse(step_between(queue, one, None, "open", "open").is_reassigned)
        # back from the queue: to the same person is nothing, to another one it is
        self.assertFalse(step_between(queue, one, 7, "open", "open").is_reassigned)
        self.assertTrue(step_between(queue, two, 7, "open", "open").is_reassigned)
        self.assertTrue(
            step_between(one, one, 7, "solved", "waiting_customer").is_reopened
        )
        self.assertFalse(step_between(one, one, 7, "solved", "closed").is_closed)


@tagged("post_install", "-at_install", "crm_helpdesk")
class TestCaseHistory(CaseCommon):
    """Team hours: Monday to Friday, 8 to 16, UTC."""

    def _stays(self, case):
        rows = self.env["crm.case.stage.history"].search(
            [("case_id", "=", case.id)], order="id"
        )
        return [
            (
                row.stage_id.get_external_id()[row.stage_id.id].rpartition("_stage_")[2]
                if row.stage_id
                else None,
                row.user_id.login or None,
                row.date_end and (row.date_end - row.date_start).total_seconds() / 3600,
                row.working_hours if row.date_end else None,
            )
            for row in rows
        ]

    def _live(self):
        """Opened on Monday at 8, given to two people, waiting, solved, opened again."""
        with freeze_time(MONDAY):
            [case] = self._create_cases()
        with freeze_time(at(2)):
            case.user_id = self.agent
        with freeze_time(at(3)):
            case.user_id = self.agent_2
            case.stage_id = self.stages["waiting_customer"]
        with freeze_time(at(24)):  # Tuesday, 8
            case.stage_id = self.stages["in_progress"]
        with freeze_time(at(26)):
            case.action_close()
        with freeze_time(at(48)):
            case.action_reopen()
        return case

    EXPECTED = [
        ("new", None, 2, 2),
        ("new", "case_agent", 1, 1),
        ("new", "case_agent_2", 0, 0),
        ("waiting_customer", "case_agent_2", 21, 5),
        ("in_progress", "case_agent_2", 2, 2),
        ("solved", "case_agent_2", 22, 6),
        ("new", "case_agent_2", False, None),
    ]

    def test_kept_on_write(self):
        case = self._live()

        self.assertEqual(self._stays(case), self.EXPECTED)
        self.assertEqual(
            (case.reopen_count, case.reassign_count, case.transfer_count), (1, 1, 0)
        )

    def test_read_from_what_odoo_noted(self):
        """Exactly what was written down at the time, but for steps of no length."""
        case = self._live()
        # what Odoo's tracking would have noted, one transaction each
        moves = []
        rows = self.env["crm.case.stage.history"].search(
            [("case_id", "=", case.id)], order="id"
        )
        for before, after in pairwise(rows):
            for name in ("stage_id", "user_id"):
                if before[name] != after[name]:
                    moves.append((after.date_start, name, before[name], after[name]))
        self._write_tracking(case, moves)

        self.env["crm.case.stage.history"]._rebuild(case.ids)

        self.assertEqual(
            self._stays(case),
            [stay for stay in self.EXPECTED if stay[2] is False or stay[2]],
        )
        self.assertEqual(case.reassign_count, 1)

    def _write_tracking(self, case, moves):
        self.env.flush_all()
        messages = self.env["mail.message"].create(
            [
                {
                    "model": "crm.case",
                    "res_id": case.id,
                    "message_type": "notification",
                    "date": date,
                }
                for date, _name, _old, _new in moves
            ]
        )
        self.env["mail.tracking.value"].create(
            [
                {
                    "mail_message_id": message.id,
                    "field_id": self.env["ir.model.fields"]._get("crm.case", name).id,
                    "old_value_integer": old.id,
                    "new_value_integer": new.id,
                }
                for message, (_date, name, old, new) in zip(
                    messages, moves, strict=True
                )
            ]
        )

    def test_moved_past_the_orm(self):
        [case] = self._create_cases()
        self.env.flush_all()
        self.env.cr.execute(
            SQL(
                "UPDATE crm_case SET stage_id = %s, stage_category = 'waiting_third'"
                " WHERE id = %s",
                self.stages["waiting_third"].id,
                case.id,
            )
        )
        self.env.invalidate_all()

        self.env["crm.case.stage.history"]._cron_sync()
        self.env["crm.case.stage.history"]._cron_sync()

        self.assertEqual(
            [stay[0] for stay in self._stays(case)], ["new", "waiting_third"]
        )

    def test_backfill_adds_nothing_to_what_is_known(self):
        case = self._live()

        self.env["crm.case.stage.history"]._backfill()

        self.assertEqual(self._stays(case), self.EXPECTED)

    def test_meaning_of_a_stage_changes(self):
        stage = self.env["crm.case.stage"].create({"name": "Third", "sequence": 99})
        [case] = self._create_cases(stage_id=stage.id)

        stage.category = "waiting_third"

        rows = self.env["crm.case.stage.history"].search(
            [("case_id", "=", case.id)], order="id"
        )
        self.assertEqual(rows.mapped("category"), ["open", "waiting_third"])

    def test_brought_in_when_it_was_over(self):
        [case] = self._create_cases(
            stage_id=self.stages["closed"].id, date_opened=MONDAY, date_closed=at(3)
        )

        self.assertEqual(
            self._stays(case), [(None, None, 3, 3), ("closed", None, False, None)]
        )

    def test_to_another_team(self):
        other = self.env["crm.case.team"].create(
            {"name": "Machines", "company_id": self.company.id}
        )
        [case] = self._create_cases()

        case.team_id = other

        self.assertEqual(case.transfer_count, 1)

    def test_touches(self):
        case = self._receive()
        self._answer(case)
        case.message_post(body="Only for us", message_type="comment")
        self._receive(
            "Re: it", extra=f"In-Reply-To: {case.message_ids[-1].message_id}\n"
        )
        self._receive(
            "Out of office",
            extra=f"In-Reply-To: {case.message_ids[-1].message_id}\n"
            "Auto-Submitted: auto-replied\n",
        )

        # the mail that opened it is no touch
        self.assertEqual((case.touch_in_count, case.touch_out_count), (1, 1))

    def test_queries_do_not_grow_with_the_cases(self):
        History = self.env["crm.case.stage.history"]
        cases = self._create_cases(60)
        self.env.flush_all()

        def count(cases, user):
            cases.env.cr.execute(
                "UPDATE crm_case SET user_id = %s WHERE id = ANY(%s)",
                [user.id, cases.ids],
            )
            cases.invalidate_recordset()
            before = self.env.cr.sql_log_count
            History._follow(cases)
            return self.env.cr.sql_log_count - before

        count(cases[:2], self.agent)
        few = count(cases[:10], self.agent_2)
        many = count(cases[10:], self.agent_2)
        self.assertLessEqual(many, few)
        self.assertLessEqual(few, 6)

    def test_nobody_writes_it(self):
        case = self._live()
        rows = case.with_user(self.agent).stage_history_ids
        self.assertEqual(len(rows), 7)
        with self.assertRaises(AccessError):
            rows[0].date_end = False
