import psycopg2

from odoo.exceptions import AccessError, UserError
from odoo.fields import Command
from odoo.tests import tagged
from odoo.tools import mute_logger

from .common import CaseCommon


@tagged("post_install", "-at_install", "crm_helpdesk")
class TestCaseTime(CaseCommon):
    """Time on cases, and hours of service that were paid in advance."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.contract = cls.env["crm.case.contract"].create(
            {
                "name": "Ten hours",
                "partner_id": cls.customer.id,
                "company_id": cls.company.id,
                "date_start": "2020-01-01",
                "hours_sold": 10,
            }
        )
        cls.case = cls._create_cases(user_id=cls.agent.id)

    def _log(self, hours, case=None, user=None, **values):
        return (
            self.env["crm.case.time"]
            .with_user(user or self.agent)
            .create({"case_id": (case or self.case).id, "hours": hours, **values})
        )

    def test_agent_notes_time_on_the_case(self):
        self.case.with_user(self.agent).time_ids = [
            Command.create({"hours": 1.5, "name": "Looked at the pump"})
        ]

        self.assertEqual(self.case.time_hours, 1.5)
        self.assertEqual(self.case.time_ids.user_id, self.agent)
        self.assertEqual(self.case.time_ids.contract_id, self.contract)
        self.assertIn("08:30", self.case.contract_hours)
        self.assertIn("10:00", self.case.contract_hours)

    def test_what_counts(self):
        self._log(4)
        self._log(3, is_charged=False)
        other = self._create_cases()
        self._log(1, case=other, user=self.agent_2)
        stranger = self._create_cases(partner_id=self.eva.id)
        self._log(5, case=stranger)

        self.assertEqual(self.contract.hours_used, 5)
        self.assertEqual(self.contract.hours_left, 5)
        self.assertFalse(self.contract.is_used_up)
        self.assertFalse(stranger.contract_hours)

    def test_analytic_lines_in_hours_count_too(self):
        plan = self.env["account.analytic.plan"].create({"name": "Service"})
        account = self.env["account.analytic.account"].create(
            {"name": "Service", "plan_id": plan.id, "company_id": self.company.id}
        )
        for unit, amount in (
            ("uom.product_uom_hour", 2),
            ("uom.product_uom_kgm", 50),
        ):
            self.env["account.analytic.line"].create(
                {
                    "name": "x",
                    "case_id": self.case.id,
                    plan._column_name(): account.id,
                    "unit_amount": amount,
                    "product_uom_id": self.env.ref(unit).id,
                    "amount": -50,
                    "company_id": self.company.id,
                }
            )

        self.assertEqual(self.contract.hours_used, 2, "kilograms are no time")

    def test_somebody_is_told_in_time_and_once(self):
        self.customer.user_id = self.manager
        self._log(7.9)
        self.assertFalse(self.contract.activity_ids)
        self._log(0.1)
        self.assertEqual(self.contract.activity_ids.user_id, self.manager)
        self.assertIn("08:00 of 10:00", self.contract.activity_ids.summary)
        self._log(1)
        self.assertEqual(len(self.contract.activity_ids), 1)
        self.assertFalse(self.case.is_contract_used_up)
        self._log(1)
        self.assertTrue(self.case.is_contract_used_up)
        self.assertEqual(
            self.env["crm.case.contract"].search([("is_used_up", "=", True)]),
            self.contract,
        )
        self.contract.hours_sold = 20
        self.assertFalse(self.contract.is_used_up)
        self.assertFalse(self.contract.is_hours_warned)

    def test_more_hours_are_billed_by_the_order(self):
        service = self.env["product.product"].create(
            {"name": "Hour", "type": "service", "invoice_policy": "delivery"}
        )
        order = self._create_order(
            self.customer,
            order_line=[
                Command.create({"product_id": service.id, "product_uom_qty": 0})
            ],
        )
        self._log(8)
        with self.assertRaisesRegex(UserError, "Choose the order line"):
            self.contract.action_bill_hours()
        self.contract.sale_line_id = order.order_line
        self.contract.action_bill_hours()
        self.assertEqual(order.order_line.qty_delivered, 0, "paid in advance")
        self._log(4.5)
        self.contract.action_bill_hours()
        self.assertEqual(order.order_line.qty_delivered, 2.5)
        self.assertEqual(order.order_line.qty_to_invoice, 2.5)

    def test_cost_of_the_case(self):
        self._log(1)
        self.team.hour_cost = 40
        self._log(2)
        self.team.hour_cost = 60
        self.env.flush_all()
        self.env.invalidate_all()

        self.assertEqual(self.case.cost_total, 80, "what it was when it was noted")
        with self.assertRaises(AccessError):
            self.case.time_ids.with_user(self.agent).read(["hour_cost"])

    def test_case_that_is_merged_takes_its_time_along(self):
        other = self._create_cases()
        line = self._log(2, case=other)
        other._merge(self.case)
        self.assertEqual(line.case_id, self.case)

    def test_rights(self):
        line = self._log(1)
        self.assertTrue(line.with_user(self.agent_2).has_access("read"))
        with self.assertRaises(AccessError):
            line.with_user(self.agent_2).write({"hours": 9})
        with self.assertRaises(AccessError):
            self._log(1, user=self.agent_2, user_id=self.agent.id)
        for user in (self.agent_c2, self.portal_ida):
            self.assertFalse(line.with_user(user).has_access("read"))
            with self.assertRaises(AccessError):
                self._log(1, user=user)
        self.team.visibility = "members"
        self.assertFalse(line.with_user(self.outsider).has_access("read"))
        with self.assertRaises(AccessError):
            self._log(1, user=self.outsider)
        line.with_user(self.manager).hours = 2

    def test_impossible_hours(self):
        for hours in (0, -1, 25):
            with (
                self.subTest(hours),
                mute_logger("odoo.sql_db"),
                self.assertRaises(psycopg2.errors.CheckViolation),
                self.cr.savepoint(),
            ):
                self._log(hours)
                self.env.flush_all()
