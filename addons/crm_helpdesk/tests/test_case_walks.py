import re
from datetime import timedelta
from unittest.mock import patch

from odoo import fields
from odoo.tests import HttpCase, freeze_time, tagged

from ..controllers import rating as rating_controller
from .after_sales import AfterSalesCommon
from .test_case_clock import ClockCommon
from .test_case_rating import RatingCommon


@tagged("post_install", "-at_install", "crm_helpdesk")
class TestCaseWalks(HttpCase, ClockCommon, RatingCommon):
    """Each role walks the whole way, from the menu it begins with, with nothing but the
    rights of that role.
    """

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # whatever the database has: the figures on the screens are those of the tests
        cls.env["crm.case"].search([]).active = False
        cls.agent.name = "Tour Agent"
        cls.team.name = "Tour Team"
        cls.policy.active = False
        cls.policy = cls._create_policy(
            "Tour promise", first_response=8, resolution=200
        )
        cls.policy.is_round_the_clock = True

    def test_agent(self):
        self.env["crm.case.macro"].create(
            {
                "name": "Walk: solved",
                "scope": "all",
                "reply": "<p>Dear {{ object.partner_name }}, it is a fuse.</p>",
                "stage_id": self.stages["solved"].id,
                "following": "queue",
            }
        )
        first = self._create_cases(name="Walk one", priority="3")
        second = self._create_cases(name="Walk two")

        self.start_tour("/odoo", "crm_helpdesk_walk_agent", login="case_agent")

        cases = first + second
        self.assertEqual(cases.user_id, self.agent)
        self.assertEqual(set(cases.mapped("stage_category")), {"solved"})
        answers = [
            message
            for message in cases.message_ids
            if message.author_id == self.agent.partner_id
            and self.ida in message.notified_partner_ids
        ]
        self.assertEqual(len(answers), 3)
        self.assertEqual(
            second.resolution_id,
            self.env.ref("crm_helpdesk.crm_case_resolution_advice"),
        )
        clocks = cases.sla_clock_ids
        self.assertEqual(set(clocks.mapped("outcome")), {"met"})

    def test_team_leader(self):
        now = fields.Datetime.now()
        with freeze_time(now - timedelta(days=3)):
            past = self._create_cases(name="Walk past")
        with freeze_time(now - timedelta(days=3) + timedelta(hours=3)):
            past._sla_on_human_answer(fields.Datetime.now())
            past.action_close()
        with freeze_time(now - timedelta(days=1)):
            late = self._create_cases(name="Walk late")
        new = self._create_cases(name="Walk new 1") + self._create_cases(
            name="Walk new 2"
        )

        self.start_tour("/odoo", "crm_helpdesk_walk_leader", login="case_manager")

        self.assertEqual((late + new).user_id, self.agent)
        self.assertFalse(past.user_id, "what was over was not touched")
        target = self.policy.target_ids.filtered(lambda t: t.kind == "first_response")
        self.assertEqual(target.hours, 2)

    def test_customer(self):
        self.env["crm.case.team"].search([("id", "!=", self.team.id)]).is_portal = False
        order = self._create_order(self.ida)

        self.start_tour("/my", "crm_helpdesk_walk_customer", login="case_ida")

        case = self.env["crm.case"].search([("partner_id", "=", self.ida.id)])
        self.assertRecordValues(
            case,
            [
                {
                    "name": "No power",
                    "channel": "portal",
                    "stage_category": "solved",
                    "sale_order_id": order.id,
                    "product_id": self.product.id,
                    "reopen_count": 1,
                }
            ],
        )
        files = self.env["ir.attachment"].search(
            [("res_model", "=", case._name), ("res_id", "=", case.id)]
        )
        self.assertEqual(set(files.mapped("name")), {"plate.txt", "lamp.txt"})

        self._run_cron()
        link = re.search(r"/rate/[\w-]+/", self._requests(case).body)[0]
        with (
            # the browser of the tests calls itself a program, and is faster than people
            patch.object(rating_controller, "is_program", lambda agent: False),
            patch.object(rating_controller, "MIN_SECONDS", 0),
        ):
            self.start_tour(
                f"{link}4", "crm_helpdesk_walk_customer_rates", login="case_ida"
            )
        self.assertRecordValues(
            case.rating_ids,
            [{"rating": 5, "feedback": "Quick and kind", "consumed": True}],
        )


@tagged("post_install", "-at_install", "crm_helpdesk")
class TestAfterSalesWalks(HttpCase, AfterSalesCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env["crm.case.claim"].search([("state", "=", "requested")]).write(
            {"decision": "cancelled"}
        )

    def test_accountant(self):
        claim = self._request(
            is_return=False,
            credit="goods",
            quantities=[2],
            note="Walk: agreed by phone",
        )

        self.start_tour(
            "/odoo", "crm_helpdesk_walk_accountant", login="case_accountant"
        )

        self.assertEqual(claim.state, "done")
        self.assertEqual(claim.approver_id, self.accountant)
        credit_note = claim.credit_move_ids
        self.assertRecordValues(
            credit_note,
            [{"state": "posted", "amount_untaxed": 200, "case_claim_id": claim.id}],
        )
        self.assertEqual(credit_note.reversed_entry_id, self.invoice)
        self.assertFalse(
            self.accountant.has_group("crm_helpdesk.crm_helpdesk_group_user")
        )

    def test_stock_clerk(self):
        returned, replacement = self._request(
            replacement="after", quantities=[1]
        ).sorted("id")

        self.start_tour("/odoo", "crm_helpdesk_walk_clerk", login="case_clerk")

        self.assertEqual((returned + replacement).mapped("state"), ["done", "done"])
        self.assertEqual((returned + replacement).approver_id, self.clerk)
        self.assertEqual(
            replacement.picking_ids.location_dest_id, self.delivery.location_dest_id
        )
        self.assertFalse(self.clerk.has_group("crm_helpdesk.crm_helpdesk_group_user"))
