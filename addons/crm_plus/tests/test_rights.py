"""What people must not reach by the client's calls, whatever the screens show them.

Rights within one room are tested with the room; here is what they have in common.
"""

from odoo.exceptions import AccessError, ValidationError
from odoo.tests import tagged

from odoo.addons.crm_plus.hooks import uninstall_hook

from .common import CrmPlusCommon

# a manager of sales may not see invoiced amounts
SECRET = "[('touchpoint_ids.amount_ledger', '>', 1000)]"


@tagged("post_install", "-at_install", "crm_plus_rights")
class TestRights(CrmPlusCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.portal = cls._create_portal_user()
        cls.portal.partner_id.parent_id = cls.customer

    def test_customers_do_not_see_their_score(self):
        """A portal user may read the own company, an employee any contact."""
        for user in (self.portal, self.user_employee):
            customer = self.customer.with_user(user)
            self.assertTrue(customer.read(["name"]))
            for name in (
                "score_date",
                "score_engagement",
                "score_fit",
                "score_grade",
                "score_model_id",
                "score_total",
                "score_trend",
                "is_hot",
            ):
                with self.subTest(user=user.login, field=name):
                    with self.assertRaises(AccessError):
                        customer.read([name])
            with self.subTest(user=user.login), self.assertRaises(AccessError):
                customer.search([("score_total", ">", 0)])
            with self.subTest(user=user.login), self.assertRaises(AccessError):
                customer.search([], order="score_total")
            for call in (
                customer.get_score_explanation,
                customer.action_recompute_score,
            ):
                with self.subTest(user=user.login), self.assertRaises(AccessError):
                    call()

    def test_sellers_see_the_score_of_customers(self):
        customer = self.customer.with_user(self.seller)
        self.assertIn("lines", customer.get_score_explanation())
        self.assertTrue(customer.read(["score_total"]))

    def test_conditions_name_the_same_fields_for_everybody(self):
        """What its writer may not ask, the scheduler is not made to ask either."""
        segment = self.env["crm.segment"].create(
            {"name": "Anybody", "user_id": self.manager.id}
        )
        for text in (
            SECRET + " if uid == 1 else []",
            "uid == 1 and " + SECRET + " or []",
            "[('name' if uid != 1 else 'email_from', '=', 'x')]",
            "['&'] * (uid == 1) + []",
            "[('touchpoint_ids', 'any', [('id', '=', 1)] if uid != 1 else [])]",
        ):
            with self.subTest(text=text), self.assertRaises(ValidationError):
                segment.with_user(self.manager).domain = text
        for text in (
            "[('user_id', '=', uid), ('create_date', '<', context_today())]",
            "['|', ('name', '=', 'x'), ['name', 'ilike', 'y']]",
            "[('touchpoint_ids', 'any', [('kind_id.code', '=', 'call_done')])]",
            "",
        ):
            with self.subTest(text=text):
                segment.with_user(self.manager).domain = text or "[]"

    def test_conditions_are_checked_under_the_rights_of_their_writer(self):
        """They are evaluated by the system, and what matches is shown."""
        team = self.env["crm.team"].create({"name": "Conditions"})
        for model, values in (
            ("crm.assignment.rule", {"team_id": team.id}),
            ("crm.prediction.model", {}),
            ("crm.score.model", {}),
            ("crm.sla.policy", {}),
        ):
            Model = self.env[model]
            with self.subTest(model=model):
                with self.assertRaises(ValidationError):
                    Model.with_user(self.manager).create(
                        {"name": "Peeks", "domain": SECRET, **values}
                    )
                # who may see them may
                Model.create({"name": "Looks", "domain": SECRET, **values})

    def test_derived_fields_do_not_come_by_defaults_of_the_context(self):
        Lead = self.env["crm.lead"].with_user(self.seller)
        for name, value in (
            ("date_mql", "2026-01-01 00:00:00"),
            ("lifecycle_cycle", 3),
            ("predict_probability", 99),
            ("sla_due", "2036-01-01 00:00:00"),
        ):
            with self.subTest(field=name), self.assertRaises(AccessError):
                Lead.with_context(**{f"default_{name}": value}).create({"name": "Mine"})

    def test_due_dates_are_not_written(self):
        """Else a lead could leave the list of those that wait."""
        lead = self._create_leads()
        for name in ("sla_due", "sla_response_due"):
            with self.subTest(field=name), self.assertRaises(AccessError):
                lead.with_user(self.seller).write({name: False})

    def test_only_administrators_read_sources_again(self):
        """It takes the server minutes."""
        Watermark = self.env["crm.touchpoint.watermark"]
        for user in (self.portal, self.user_employee, self.seller):
            sources = Watermark.search([]).with_user(user)
            for call in (sources.action_harvest, sources.action_rebuild):
                with self.subTest(user=user.login), self.assertRaises(AccessError):
                    call()
        Watermark.with_user(self.manager).action_rebuild()

    def test_settings_go_with_the_app(self):
        Params = self.env["ir.config_parameter"]
        Params.set_param("crm_plus.won_reason", "required")
        Params.set_param("crm.something", "stays")
        uninstall_hook(self.env)
        self.assertFalse(Params.get_param("crm_plus.won_reason"))
        self.assertEqual(Params.get_param("crm.something"), "stays")
