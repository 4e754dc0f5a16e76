import psycopg2

from odoo.exceptions import AccessError, UserError
from odoo.fields import Command
from odoo.modules.module import load_script
from odoo.tests import tagged
from odoo.tools import file_path, mute_logger

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

    def _create_analytic_lines(self, *vals_list):
        plan = self.env["account.analytic.plan"].create({"name": "Service"})
        account = self.env["account.analytic.account"].create(
            {"name": "Service", "plan_id": plan.id, "company_id": self.company.id}
        )
        return self.env["account.analytic.line"].create(
            [
                {
                    "name": "x",
                    "case_id": self.case.id,
                    plan._column_name(): account.id,
                    "product_uom_id": self.env.ref("uom.product_uom_hour").id,
                    "amount": -50,
                    "company_id": self.company.id,
                    **vals,
                }
                for vals in vals_list
            ]
        )

    def test_analytic_lines_in_hours_count_too(self):
        self._create_analytic_lines(
            {"unit_amount": 2},
            {
                "unit_amount": 50,
                "product_uom_id": self.env.ref("uom.product_uom_kgm").id,
            },
        )

        self.assertEqual(self.contract.hours_used, 2, "kilograms are no time")

    def test_analytic_lines_tell_in_time_too(self):
        self.customer.user_id = self.manager
        self.assertEqual(self.contract.hours_used, 0, "as who looks at it sees it")
        line = self._create_analytic_lines({"unit_amount": 7.9})
        self.assertFalse(self.contract.activity_ids)
        line.unit_amount = 9.9
        self.assertIn("09:54 of 10:00", self.contract.activity_ids.summary)
        self._create_analytic_lines({"unit_amount": 2})
        self.assertEqual(len(self.contract.activity_ids), 1)

    def test_analytic_line_tells_when_it_is_noted_and_when_it_gets_its_case(self):
        self.customer.user_id = self.manager
        for at_once in (True, False):
            with self.subTest(at_once=at_once):
                self.contract.is_hours_warned = False
                self.contract.activity_ids.unlink()
                line = self._create_analytic_lines(
                    {
                        "unit_amount": 9.9,
                        "case_id": at_once and self.case.id,
                    }
                )
                if not at_once:
                    self.assertFalse(self.contract.activity_ids)
                    line.case_id = self.case
                self.assertTrue(self.contract.activity_ids)
                line.unlink()

    def test_analytic_lines_of_no_case_cost_nothing(self):
        asked = []

        def warn(contracts):
            asked.extend(contracts)

        self.patch(self.env.registry["crm.case.contract"], "_warn_of_hours", warn)
        line = self._create_analytic_lines({"unit_amount": 2, "case_id": False})
        line.write({"amount": -10, "name": "y"})
        self.assertFalse(asked)
        self._create_analytic_lines({"unit_amount": 2}).amount = -10
        self.assertEqual(asked, [self.contract])

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

    def _order_hours(self, unit="uom.product_uom_hour"):
        """The line of an order that more hours are billed by."""
        service = self.env["product.product"].create(
            {
                "name": "Hour",
                "type": "service",
                "invoice_policy": "delivery",
                "uom_id": self.env.ref(unit).id,
            }
        )
        return self._create_order(
            self.customer,
            order_line=[
                Command.create({"product_id": service.id, "product_uom_qty": 0})
            ],
        ).order_line

    def test_more_hours_are_billed_by_the_order(self):
        line = self._order_hours()
        self._log(8)
        with self.assertRaisesRegex(UserError, "Choose the order line"):
            self.contract.action_bill_hours()
        self.contract.sale_line_id = line
        self.contract.action_bill_hours()
        self.assertEqual(line.qty_delivered, 0, "paid in advance")
        self._log(4.5)
        self.contract.action_bill_hours()
        self.assertEqual(line.qty_delivered, 2.5)
        self.assertEqual(line.qty_to_invoice, 2.5)
        self.assertEqual(self.contract.hours_left, 0)

    def test_hours_that_were_billed_are_not_taken_off_the_renewal(self):
        self.customer.user_id = self.manager
        self.contract.sale_line_id = line = self._order_hours()
        self._log(13)
        self.contract.action_bill_hours()
        line.order_id._create_invoices().action_post()
        self.assertEqual(line.qty_to_invoice, 0)

        self.contract.hours_sold = 20
        self.assertEqual(self.contract.hours_left, 10)
        self.contract.action_bill_hours()
        self.assertEqual((line.qty_delivered, line.qty_to_invoice), (3, 0))

        self.assertFalse(self.contract.is_hours_warned)
        self._log(5.9)
        self.assertFalse(self.contract.is_hours_warned)
        self._log(0.1)
        self.assertTrue(self.contract.is_hours_warned, "16 of those 20")
        self._log(5)
        self.contract.action_bill_hours()
        self.contract.action_bill_hours()
        self.assertEqual((line.qty_delivered, line.qty_to_invoice), (4, 1))
        self.assertEqual(self.contract.hours_billed, 4)

    def test_two_contracts_are_billed_by_one_line(self):
        self.contract.sale_line_id = line = self._order_hours()
        second = self.contract.copy({"hours_sold": 1, "sale_line_id": line.id})
        self.assertFalse(second.hours_billed)
        self._log(13)
        self._log(2, case=self._create_cases(contract_id=second.id))

        for contract in self.contract + second + self.contract:
            contract.action_bill_hours()

        self.assertEqual(line.qty_delivered, 4)
        self.assertEqual((self.contract + second).mapped("hours_billed"), [3, 1])

    def test_hours_are_billed_in_days(self):
        """Nothing is lost or billed twice by what a day is rounded to."""
        self.contract.sale_line_id = line = self._order_hours("uom.product_uom_day")
        self._log(10)
        for _i in range(20):
            self._log(0.1)
            self.contract.action_bill_hours()
        self.assertAlmostEqual(line.qty_delivered, 0.25)
        self.assertAlmostEqual(self.contract.hours_billed, 2)
        self.assertAlmostEqual(self.contract.hours_left, 0)

    def test_who_may_bill_hours(self):
        """A seller does, who changes no contract; an agent delivers no order."""
        self.contract.sale_line_id = line = self._order_hours()
        self._log(11)
        with self.assertRaises(AccessError):
            self.contract.with_user(self.agent).action_bill_hours()
        seller = self._new_user(
            "case_time_seller",
            "crm_helpdesk.crm_helpdesk_group_user,"
            "sales_team.group_sale_salesman_all_leads",
            self.company,
        )
        contract = self.contract.with_user(seller)
        contract.action_bill_hours()
        self.assertEqual((line.qty_delivered, contract.hours_billed), (1, 1))
        with self.assertRaises(AccessError):
            contract.hours_billed = 0

    def test_what_was_billed_before_is_known_after_the_update(self):
        """Of a database of version 19.0.1.1.0, where only the order line knew."""
        script = load_script(
            file_path("crm_helpdesk/migrations/19.0.1.2.0/post-hours-billed.py"),
            "crm_helpdesk_hours_billed",
        )
        line, days = self._order_hours(), self._order_hours("uom.product_uom_day")
        newer, in_days, typed = (
            self.contract.copy(
                {"sale_line_id": one.id, "date_start": "2021-01-01", "hours_sold": 0}
            )
            for one in (line, days, self._order_hours())
        )
        self.contract.sale_line_id = line
        for contract in newer + in_days + typed:
            case = self._create_cases(contract_id=contract.id)
            self._log(3, case=case)
        self._create_analytic_lines({"unit_amount": 1, "case_id": case.id})
        line.qty_delivered = 3
        days.qty_delivered = 0.25
        typed.sale_line_id.qty_delivered = 7
        contracts = self.contract + newer + in_days + typed
        self.env.flush_all()

        script.migrate(self.env.cr, None)
        self.env.invalidate_all()
        self.assertEqual(contracts.mapped("hours_billed"), [0] * 4, "a new database")
        for _i in range(2):
            script.migrate(self.env.cr, "19.0.1.1.0")
            self.env.invalidate_all()

        self.assertEqual(contracts.mapped("hours_billed"), [0, 3, 2, 4])

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
