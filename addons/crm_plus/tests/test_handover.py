from datetime import datetime, timedelta
from unittest.mock import patch

import psycopg2
from psycopg2.errors import SerializationFailure

from odoo import Command, fields
from odoo.exceptions import AccessError, UserError
from odoo.tests import Form, HttpCase, freeze_time, new_test_user, tagged, warmup
from odoo.tools import mute_logger

from odoo.addons.base.tests.test_ir_cron import CronMixinCase

from ..models.lifecycle import crm_handover_silence
from .common import CrmPlusCommon


class HandoverCommon(CronMixinCase, CrmPlusCommon):
    """The marketer hands leads over to sellers of ``team``.

    marketer: sees all leads. team: led by ``leader``; members seller and seller_2.
    stranger: a seller of no team.
    """

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.marketer, cls.leader, cls.stranger = (
            new_test_user(
                cls.env,
                login=login,
                groups=groups,
                company_id=cls.company.id,
                email=f"{login}@test.example.com",
            )
            for login, groups in (
                ("plus_marketer", "sales_team.group_sale_salesman_all_leads"),
                ("plus_leader", "sales_team.group_sale_salesman"),
                ("plus_stranger", "sales_team.group_sale_salesman"),
            )
        )
        cls.team = cls.env["crm.team"].create(
            {
                "name": "Roasters",
                "user_id": cls.leader.id,
                "company_id": cls.company.id,
                "member_ids": [Command.set((cls.seller + cls.seller_2).ids)],
            }
        )
        cls.reason = cls.env.ref("crm_plus.crm_handover_reason_time")
        cls.lead = cls._create_leads(type="lead", user_id=cls.marketer.id)
        cls.env.flush_all()
        cls.env.cr.precommit.run()

    @classmethod
    def _hand_over(cls, leads=None, user=None, **values):
        values.setdefault("to_user_id", cls.seller.id)
        return (
            cls.env["crm.handover"]
            .with_user(user or cls.marketer)
            .create([{"lead_id": lead.id, **values} for lead in leads or cls.lead])
        )

    def _codes(self, lead):
        return [
            (event.kind, event.step_to_id.code)
            for event in lead.lifecycle_event_ids.sorted(
                lambda e: (e.date, e.cycle, e.step_to_id.sequence, e.id)
            )
        ]

    def _cron(self):
        with self.enter_registry_test_mode():
            self.env.ref("crm_plus.ir_cron_expire_handovers").method_direct_trigger()
        self.env.invalidate_all()

    def _activities(self, lead, user):
        return lead.activity_ids.filtered(lambda a: a.user_id == user)


@tagged("post_install", "-at_install", "crm_plus_handover")
class TestHandover(HandoverCommon):
    def test_handed_over(self):
        handover = self._hand_over(note="Wants a grinder")

        self.assertRecordValues(
            handover,
            [
                {
                    "state": "open",
                    "from_user_id": self.marketer.id,
                    "to_user_id": self.seller.id,
                    "to_team_id": self.team.id,
                    "company_id": self.lead.company_id.id,
                }
            ],
        )
        self.assertEqual(self.lead.handover_id, handover)
        self.assertEqual(self.lead.user_id, self.marketer, "not before it is accepted")
        self.assertEqual(
            self._codes(self.lead), [("reached", "lead"), ("reached", "mql")]
        )
        self.assertIn("Wants a grinder", self.lead.message_ids[0].body)
        self.assertEqual(
            self._activities(self.lead, self.seller), handover.sudo().activity_id
        )

    def test_due_in_working_time_of_the_policy(self):
        self.company.resource_calendar_id = self.env["resource.calendar"].create(
            {
                "name": "Mornings",
                "tz": "UTC",
                "attendance_ids": [
                    Command.create(
                        {
                            "name": "Morning",
                            "dayofweek": str(day),
                            "hour_from": 8,
                            "hour_to": 12,
                            "day_period": "morning",
                        }
                    )
                    for day in range(5)
                ],
            }
        )
        clocks = self.env["crm.sla.clock"].search([("kind", "=", "handover")])
        handover = self._hand_over()
        clock = self.env["crm.sla.clock"].search([("kind", "=", "handover")]) - clocks
        self.assertTrue(clock.date_due)
        self.assertEqual(handover.date_due, clock.date_due)

    def test_due_without_policy(self):
        """Friday 11:00 + 8 hours of four a day: Tuesday 11:00."""
        self.env["crm.sla.policy"].search([]).active = False
        calendar = self.env["resource.calendar"].create(
            {"name": "Mornings", "tz": "UTC", "attendance_ids": [Command.clear()]}
        )
        calendar.attendance_ids = [
            Command.create(
                {
                    "name": "Morning",
                    "dayofweek": str(day),
                    "hour_from": 8,
                    "hour_to": 12,
                    "day_period": "morning",
                }
            )
            for day in range(5)
        ]
        self.team.resource_calendar_id = calendar
        handover = self._hand_over().sudo()
        handover.date = datetime(2026, 3, 6, 11)

        handover._plan_due()

        self.assertEqual(handover.date_due, datetime(2026, 3, 10, 11))

    def test_accepted(self):
        handover = self._hand_over().with_user(self.seller)
        lead = self.lead.with_user(self.seller)
        self.assertTrue(lead.handover_can_answer)

        lead.action_handover_accept()
        handover.action_accept()

        self.assertRecordValues(
            handover,
            [{"state": "accepted", "answered_by_id": self.seller.id}],
        )
        self.assertEqual(lead.user_id, self.seller)
        self.assertEqual(lead.team_id, self.team)
        self.assertFalse(lead.handover_id)
        self.assertFalse(self._activities(self.lead, self.seller))
        self.assertEqual(
            self._codes(self.lead),
            [("reached", "lead"), ("reached", "mql"), ("reached", "mal")],
        )
        clock = self.env["crm.sla.clock"].search(
            [("res_id", "=", lead.id), ("kind", "=", "handover")]
        )
        self.assertEqual(clock.state, "met")

    def test_refused(self):
        handover = self._hand_over().with_user(self.seller)
        action = handover.action_refuse()
        wizard = Form(
            self.env[action["res_model"]]
            .with_user(self.seller)
            .with_context(**action["context"])
        )
        wizard.reason_id = self.reason
        wizard.reason_note = "After the harvest"
        wizard.save().action_refuse()

        handover = handover.with_user(self.marketer)
        self.assertRecordValues(
            handover,
            [
                {
                    "state": "refused",
                    "reason_id": self.reason.id,
                    "reason_note": "After the harvest",
                    "answered_by_id": self.seller.id,
                }
            ],
        )
        self.assertEqual(self.lead.user_id, self.marketer)
        self.assertIn(
            "After the harvest", self._activities(self.lead, self.marketer).summary
        )
        self.assertEqual(self.lead.lifecycle_step_id.code, "mql")
        event = self.lead.lifecycle_event_ids.filtered(lambda e: e.kind == "refused")
        self.assertIn("After the harvest", event.reason)
        # out of sight again
        with self.assertRaises(AccessError):
            self.lead.with_user(self.seller).check_access("read")

    def test_handed_over_again_after_refusal(self):
        self._hand_over().with_user(self.seller)._refuse(self.reason)
        again = self._hand_over(to_user_id=self.seller_2.id)
        again.with_user(self.seller_2).action_accept()
        self.assertEqual(self.lead.user_id, self.seller_2)
        self.assertEqual(len(self.lead.handover_ids), 2)

    def test_withdrawn(self):
        handover = self._hand_over()
        handover.action_withdraw()
        handover.action_withdraw()
        self.assertEqual(handover.state, "withdrawn")
        self.assertFalse(self._activities(self.lead, self.seller))
        with self.assertRaises(UserError):
            handover.with_user(self.manager).action_accept()

    def test_to_a_team(self):
        handover = self._hand_over(to_user_id=False, to_team_id=self.team.id)
        with self.assertRaises(AccessError):
            handover.with_user(self.stranger).action_accept()
        handover.with_user(self.seller_2).action_accept()
        self.assertEqual(self.lead.user_id, self.seller_2)

    def test_leader_answers_for_the_seller(self):
        self._hand_over().with_user(self.leader).action_accept()
        self.assertEqual(self.lead.user_id, self.seller, "whom it was for")

    def test_closed_lead_needs_no_answer(self):
        handover = self._hand_over()
        self.lead.with_user(self.marketer).action_set_lost()
        self.assertEqual(handover.state, "withdrawn")
        self.assertFalse(self.lead.handover_id)

    def test_merged_leads(self):
        other = self._create_leads(type="lead", user_id=self.marketer.id)
        handovers = self._hand_over(self.lead) + self._hand_over(
            other, to_user_id=self.seller_2.id
        )
        merged = (self.lead + other).merge_opportunity()
        self.assertEqual(handovers.exists().lead_id, merged)
        self.assertEqual(sorted(handovers.mapped("state")), ["open", "withdrawn"])
        self.assertEqual(
            merged.handover_id, handovers.filtered(lambda h: h.state == "open")
        )
        self.assertEqual(
            merged.sla_clock_ids.filtered("is_open").mapped("kind").count("handover"), 1
        )

    def test_merged_into_a_lead_without_hand_over(self):
        """The clock of the hand-over went with the lead it was on."""
        handover = self._hand_over()
        handover.sudo().date = fields.Datetime.now() - timedelta(hours=1)
        head = self._create_leads(user_id=self.marketer.id)
        merged = (head + self.lead).merge_opportunity()
        self.assertEqual((merged, merged.handover_id), (head, handover))
        clock = merged.sla_clock_ids.filtered(lambda c: c.kind == "handover")
        self.assertTrue(clock.is_open)
        self.assertEqual(clock.date_start, handover.date)

    def test_team_that_is_deleted(self):
        """It is not while it has to answer; history outlives it."""
        team = self.env["crm.team"].create({"name": "Gone", "user_id": self.leader.id})
        handover = self._hand_over(to_user_id=False, to_team_id=team.id)
        with self.assertRaisesRegex(UserError, "being handed over to Gone"):
            team.unlink()
        handover.with_user(self.leader).action_accept()
        team.unlink()
        self.assertEqual(handover.exists().state, "accepted")

    def test_wizard_leaves_out_what_cannot_be_handed_over(self):
        waiting, lost, free = (
            self._create_leads(type="lead", user_id=False) for _i in range(3)
        )
        self._hand_over(waiting)
        lost.action_set_lost()
        wizard = (
            self.env["crm.handover.send"]
            .with_user(self.marketer)
            .with_context(
                active_model="crm.lead", active_ids=(waiting + lost + free).ids
            )
            .create({"to_user_id": self.seller_2.id, "note": "Fair"})
        )
        self.assertEqual(wizard.skipped_count, 2)
        self.assertEqual(wizard.to_team_id, self.team)
        wizard.action_hand_over()
        self.assertEqual(free.handover_user_id, self.seller_2)
        self.assertEqual(waiting.handover_user_id, self.seller)
        with self.assertRaises(UserError):
            wizard.action_hand_over()

    @warmup
    def test_query_count_does_not_grow(self):
        def queries(count):
            leads = self._create_leads(count, type="lead", user_id=False)
            self.env.flush_all()
            self.env.cr.precommit.clear()
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            handovers = self._hand_over(
                leads, to_user_id=False, to_team_id=self.team.id
            )
            self.env.flush_all()
            created = self.env.cr.sql_log_count
            handovers.with_user(self.leader).action_accept()
            self.env.flush_all()
            return created - before, self.env.cr.sql_log_count - created

        queries(2)
        few = queries(5)
        many = queries(60)
        self.assertLessEqual(many[0], few[0] + 5)
        self.assertLessEqual(many[1], few[1] + 5)


@tagged("post_install", "-at_install", "crm_plus_handover")
class TestHandoverSilence(HandoverCommon):
    def _pass_time(self, handover):
        clocks = self.env["crm.sla.clock"].search([("kind", "=", "handover")])
        past = fields.Datetime.now() - timedelta(minutes=5)
        clocks.write({"date_due": past, "date_start": past})
        handover.sudo().date_due = past

    def test_expired_goes_back(self):
        handover = self._hand_over()
        self._cron()
        self.assertEqual(handover.state, "open", "not before it is due")
        self._pass_time(handover)

        self._cron()
        self._cron()

        self.assertEqual(handover.state, "expired")
        self.assertEqual(self.lead.user_id, self.marketer)
        self.assertEqual(len(self._activities(self.lead, self.marketer)), 1)
        self.assertFalse(self.lead.handover_id)
        with self.assertRaises(UserError):
            handover.with_user(self.seller).sudo().action_accept()

    def test_silence_is_late_to_the_second(self):
        """The scheduler may come in the very second in which the answer was due."""
        handover = self._hand_over()
        clock = self.lead.sla_clock_ids.filtered(lambda c: c.kind == "handover")
        due = fields.Datetime.now().replace(microsecond=0)
        for record in (handover.sudo(), clock):
            record.date_due = due
        self.env.flush_all()
        with freeze_time(due):
            self._cron()

        self.assertEqual(handover.state, "expired")
        self.assertEqual(clock.outcome, "breached")

    def test_expired_goes_to_the_leader(self):
        self.team.handover_silence = "leader"
        handover = self._hand_over()
        self._pass_time(handover)
        self._cron()
        self.assertEqual(handover.state, "expired")
        self.assertEqual(self.lead.user_id, self.leader)
        self.assertEqual(len(self._activities(self.lead, self.leader)), 1)

    def test_no_leader_goes_back(self):
        self.team.write({"handover_silence": "leader", "user_id": False})
        handover = self._hand_over()
        self._pass_time(handover)
        self._cron()
        self.assertEqual(len(self._activities(self.lead, self.marketer)), 1)

    def test_clock_that_was_planned_again_gives_more_time(self):
        handover = self._hand_over()
        handover.sudo().date_due = fields.Datetime.now() - timedelta(minutes=5)
        self._cron()
        self.assertEqual(handover.state, "open")
        self.assertGreater(handover.date_due, fields.Datetime.now())

    def test_scheduler_is_woken_at_the_due_minute(self):
        handover = self._hand_over()
        at = handover.date_due.replace(second=0) + timedelta(
            minutes=bool(handover.date_due.second)
        )
        self.assertTrue(
            self.env["ir.cron.trigger"].search(
                [
                    (
                        "cron_id",
                        "=",
                        self.env.ref("crm_plus.ir_cron_expire_handovers").id,
                    ),
                    ("call_at", "=", at),
                ]
            )
        )

    def test_a_collision_comes_again(self):
        """Somebody writes on a lead meanwhile: that fails no run of the scheduler."""
        handover = self._hand_over()
        self._pass_time(handover)
        Handover = type(handover)
        expire = Handover._expire
        left = 2

        def collide(handovers):
            nonlocal left
            expire(handovers)
            if left:
                left -= 1
                raise SerializationFailure("could not serialize access")

        with patch.object(Handover, "_expire", collide):
            self._cron()
            self.assertEqual(handover.state, "expired")
            self.assertEqual(len(self._activities(self.lead, self.marketer)), 1)

            # one that does not end rests for a minute
            [lead] = self._create_leads(1, type="lead", user_id=self.marketer.id)
            late = self._hand_over(lead)
            self._pass_time(late)
            left = 1000
            with self.capture_triggers("crm_plus.ir_cron_expire_handovers") as capture:
                self._cron()
            self.assertEqual(late.state, "open")
            self.assertTrue(capture.records)

    def test_batches(self):
        self.assertGreaterEqual(crm_handover_silence.BATCH_SIZE, 2)
        leads = self._create_leads(5, type="lead", user_id=self.marketer.id)
        handovers = self._hand_over(leads)
        self._pass_time(handovers)
        self.patch(crm_handover_silence, "BATCH_SIZE", 2)
        self._cron()
        self.assertEqual(set(handovers.mapped("state")), {"expired"})


@tagged("post_install", "-at_install", "crm_plus_handover")
class TestHandoverRights(HandoverCommon):
    def test_only_the_addressee_answers(self):
        handover = self._hand_over()
        for user in (self.seller_2, self.stranger, self.marketer):
            with self.subTest(user=user.login):
                as_user = handover.with_user(user)
                with self.assertRaises(AccessError):
                    as_user.action_accept()
                with self.assertRaises(AccessError):
                    as_user.action_refuse()
                with self.assertRaises(AccessError):
                    as_user._refuse(self.reason)
        self.assertEqual(handover.state, "open")

    def test_only_the_sender_withdraws(self):
        handover = self._hand_over()
        with self.assertRaises(AccessError):
            handover.with_user(self.seller).action_withdraw()
        handover.with_user(self.manager).action_withdraw()

    def test_addressee_sees_the_lead_and_changes_nothing(self):
        with self.assertRaises(AccessError):
            self.lead.with_user(self.seller).check_access("read")
        self._hand_over()
        lead = self.lead.with_user(self.seller)
        lead.check_access("read")
        with self.assertRaises(AccessError):
            lead.check_access("write")
        for user in (self.seller_2, self.stranger):
            with self.assertRaises(AccessError):
                self.lead.with_user(user).check_access("read")

    def test_team_members_see_what_is_for_their_team(self):
        self._hand_over(to_user_id=False, to_team_id=self.team.id)
        for user in (self.seller, self.seller_2, self.leader):
            self.lead.with_user(user).check_access("read")
        with self.assertRaises(AccessError):
            self.lead.with_user(self.stranger).check_access("read")

    def test_strangers_do_not_see_it(self):
        handover = self._hand_over()
        Handover = self.env["crm.handover"]
        domain = [("id", "=", handover.id)]
        for user, seen in (
            (self.seller, 1),
            (self.leader, 1),
            (self.marketer, 1),
            (self.manager, 1),
            (self.seller_2, 0),
            (self.stranger, 0),
            (self.user_other_company, 0),
        ):
            with self.subTest(user=user.login):
                self.assertEqual(Handover.with_user(user).search_count(domain), seen)

    def test_nothing_is_written_by_hand(self):
        handover = self._hand_over()
        for user in (self.seller, self.marketer, self.manager):
            with self.assertRaises(AccessError):
                handover.with_user(user).write({"state": "accepted"})
            with self.assertRaises(AccessError):
                handover.with_user(user).unlink()
        with self.assertRaises(AccessError):
            self._hand_over(self._create_leads(user_id=False), state="accepted")
        with self.assertRaises(AccessError):
            self.lead.with_user(self.marketer).handover_user_id = self.stranger

    def test_one_hands_over_what_one_may_change(self):
        with self.assertRaises(AccessError):
            self._hand_over(user=self.stranger)

    def test_one_at_a_time_open_and_to_somebody(self):
        self._hand_over()
        with self.assertRaises(UserError):
            self._hand_over()
        lost = self._create_leads(user_id=False)
        lost.action_set_lost()
        with self.assertRaises(UserError):
            self._hand_over(lost)
        with (
            mute_logger("odoo.sql_db"),
            self.assertRaises(psycopg2.errors.CheckViolation),
        ):
            self._hand_over(self._create_leads(user_id=False), to_user_id=False)

    def test_other_company(self):
        lead = self._create_leads(user_id=False, company_id=self.company_2.id)
        with self.assertRaises(UserError):
            self._hand_over(lead, user=self.manager)


@tagged("post_install", "-at_install", "crm_plus_tour")
class TestHandoverTour(HttpCase):
    def test_seller_refuses_a_hand_over(self):
        groups = "sales_team.group_sale_salesman"
        seller = new_test_user(self.env, login="seller", groups=groups)
        marketer = new_test_user(
            self.env, login="marketer", groups=f"{groups}_all_leads"
        )
        lead = self.env["crm.lead"].create(
            {"name": "Grinder for a bakery", "type": "lead", "user_id": marketer.id}
        )
        handover = (
            self.env["crm.handover"]
            .with_user(marketer)
            .create(
                {"lead_id": lead.id, "to_user_id": seller.id, "note": "Call before ten"}
            )
        )

        self.start_tour("/odoo", "crm_plus_handover", login="seller")

        self.assertEqual(handover.state, "refused")
        self.assertEqual(handover.reason_note, "They open in a year")
        self.assertEqual(
            lead.activity_ids.filtered(lambda a: a.user_id == marketer).summary,
            "Hand-over refused: Not now: They open in a year",
        )
