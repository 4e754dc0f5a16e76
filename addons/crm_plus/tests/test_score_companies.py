from odoo import Command
from odoo.exceptions import ValidationError
from odoo.tests import new_test_user, tagged

from .test_scoring import ScoringCommon


@tagged("post_install", "-at_install", "crm_plus_scoring")
class TestScoreCompanies(ScoringCommon):
    """``customer`` has an order of 5000 in company_2. The manager sees both companies,
    ``local`` the first one only.
    """

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.local = new_test_user(
            cls.env,
            login="plus_local",
            groups="sales_team.group_sale_manager",
            company_id=cls.company.id,
        )
        cls.lead.write({"partner_id": cls.customer.id, "company_id": cls.company.id})
        cls._order(cls.company_2, 5000)
        cls.text = repr([("partner_id.sale_order_ids.amount_total", ">", 4000)])

    @classmethod
    def _order(cls, company, amount):
        product = cls.env["product.product"].create(
            {"name": "Goods", "taxes_id": False, "list_price": amount}
        )
        return (
            cls.env["sale.order"]
            .with_company(company)
            .create(
                {
                    "partner_id": cls.customer.id,
                    "company_id": company.id,
                    "order_line": [
                        Command.create({"product_id": product.id, "tax_ids": False})
                    ],
                }
            )
        )

    def _write_rule(self, user, model=None, text=None):
        model = model or self.env["crm.score.model"].with_user(user).create(
            {"name": "By somebody", "target": "lead", "sequence": -1}
        )
        self.env["crm.score.rule"].with_user(user).create(
            {
                "model_id": model.id,
                "name": "Buys much",
                "points": 7,
                "domain": text or self.text,
            }
        )
        return model.with_user(user)

    def _get_fit(self):
        self._score()
        self.lead.invalidate_recordset()
        return self.lead.score_fit

    def test_orders_of_other_companies_give_no_points(self):
        found = (
            self.env["crm.lead"]
            .with_user(self.local)
            .search([("id", "=", self.lead.id)])
        )
        self.assertTrue(found, "who writes sees the lead")
        orders = self.env["sale.order"].with_user(self.local)
        self.assertFalse(orders.search([("partner_id", "=", self.customer.id)]))
        model = self._write_rule(self.local)
        self.assertEqual(model.user_id, self.local)
        self.assertEqual(self._get_fit(), 0)
        self.assertFalse(self.env["crm.score.run"].sudo().search([]).filtered("errors"))
        self._order(self.company, 4500)
        self.assertEqual(self._get_fit(), 7)

    def test_points_tell_what_a_search_tells(self):
        """By no detour more than who wrote the condition finds himself."""
        of_orders = "partner_id.sale_order_ids"
        model = self._write_rule(self.local)
        for domain in (
            [(f"{of_orders}.amount_total", ">", 4000)],
            [(f"{of_orders}.amount_total", "<=", 4000)],
            ["!", (f"{of_orders}.amount_total", ">", 4000)],
            [(of_orders, "any", [("amount_total", ">", 4000)])],
            [(of_orders, "not any", [("amount_total", ">", 4000)])],
            [("partner_id", "any", [("sale_order_ids.state", "=", "draft")])],
            [("partner_id.sale_order_ids.company_id", "!=", self.company.id)],
            [(of_orders, "=", False)],
            [("partner_id.name", "=", self.customer.name)],
        ):
            with self.subTest(domain=domain):
                model.rule_ids.domain = repr(domain)
                Lead = self.env["crm.lead"].with_user(self.local)
                found = Lead.search([*domain, ("id", "=", self.lead.id)])
                self.assertEqual(self._get_fit(), 7 if found else 0)

    def test_a_condition_of_the_model(self):
        model = self._write_rule(self.local, text="[]")
        model.domain = self.text
        self._get_fit()
        self.assertNotEqual(self.lead.score_model_id, model.sudo())
        model.with_user(self.manager).write(
            {"user_id": self.manager.id, "domain": self.text}
        )
        self.assertEqual(self._get_fit(), 7)
        self.assertEqual(self.lead.score_model_id, model.sudo())

    def test_who_sees_all_companies_scores_by_all(self):
        model = self._write_rule(self.manager)
        self.assertEqual(self._get_fit(), 7)
        # one of the company: by its orders
        model.company_id = self.company
        self.assertEqual(self._get_fit(), 0)

    def test_who_changes_a_condition_answers_for_it(self):
        """Else who sees less would write what another's rights answer."""
        model = self._write_rule(self.manager)
        model.rule_ids.with_user(self.local).points = 8
        self.assertEqual(model.user_id, self.manager)
        self.assertEqual(self._get_fit(), 8)
        model.rule_ids.with_user(self.local).domain = repr(
            [("partner_id.sale_order_ids.amount_total", ">", 3000)]
        )
        self.assertEqual(model.user_id, self.local)
        self.assertEqual(self._get_fit(), 0)
        for user in (self.manager, self.env["res.users"]):
            with self.assertRaises(ValidationError):
                model.with_user(self.local).user_id = user
        # who sees more may take it over, with what it says
        model.with_user(self.manager).user_id = self.manager
        self.assertEqual(self._get_fit(), 7 + 1)

    def test_models_of_nobody(self):
        """Those of data: of whoever changes a condition."""
        self._rule(7, domain=self.text)
        self.assertFalse(self.model.user_id)
        self.assertEqual(self._get_fit(), 7)
        self.model.rule_ids.with_user(self.local).domain = self.text + " "
        self.assertEqual(self.model.user_id, self.local)
        self.assertEqual(self._get_fit(), 0)

    def test_copies_and_drafts(self):
        model = self._write_rule(self.manager)
        draft = model.with_user(self.local)._create_draft()
        self.assertEqual(draft.user_id, self.local)
        draft.rule_ids.domain = repr(
            [("partner_id.sale_order_ids.amount_total", ">", 3000)]
        )
        draft.action_apply_draft()
        self.assertEqual(model.user_id, self.local)
        self.assertEqual(self._get_fit(), 0)
        self.assertEqual(model.with_user(self.manager).copy().user_id, self.manager)

    def test_conditions_on_touchpoints(self):
        rule = self._write_rule(self.manager).rule_ids
        rule.write(
            {
                "dimension": "engagement",
                "kind_id": self.env.ref("crm_plus.crm_touchpoint_kind_email_in").id,
                "touchpoint_domain": self.text,
            }
        )
        self._touch(self.lead, partner_id=self.customer.id)
        self._score()
        self.lead.invalidate_recordset()
        self.assertEqual(self.lead.score_engagement, 7)
        rule.with_user(self.local).touchpoint_domain = self.text + " "
        self._score()
        self.lead.invalidate_recordset()
        self.assertEqual(self.lead.score_engagement, 0)
