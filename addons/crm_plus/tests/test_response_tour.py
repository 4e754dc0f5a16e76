from datetime import timedelta

from odoo import fields
from odoo.tests import HttpCase, new_test_user, tagged


@tagged("post_install", "-at_install", "crm_plus_tour")
class TestResponseTour(HttpCase):
    """A company of its own, so that nothing but these leads is seen."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company = cls.env["res.company"].create({"name": "Tour Company"})
        cls.company.resource_calendar_id = False  # round the clock
        cls.seller, cls.manager = (
            new_test_user(
                cls.env,
                login=login,
                name=name,
                groups=groups,
                company_id=cls.company.id,
                email=f"{login}@house.example",
            )
            for login, name, groups in (
                ("tour_seller", "Tour Seller", "sales_team.group_sale_salesman"),
                ("tour_manager", "Tour Manager", "sales_team.group_sale_manager"),
            )
        )
        # leads of no company are everybody's
        cls.env["crm.lead"].search([("company_id", "=", False)]).unlink()
        cls.lead = cls._create_lead("Grinder for our bar")

    @classmethod
    def _create_lead(cls, name):
        return cls.env["crm.lead"].create(
            {
                "name": name,
                "type": "opportunity",
                "email_from": "bar@cafe.example",
                "partner_name": "Bar",
                "company_id": cls.company.id,
                "team_id": False,
                "user_id": cls.seller.id,
            }
        )

    def test_seller_answers_who_waits(self):
        self.start_tour(
            "/odoo/waiting-for-response", "crm_plus_response", login="tour_seller"
        )

        self.assertFalse(self.lead.is_waiting_response)
        self.assertEqual(self.lead.sla_clock_ids.filtered("outcome").outcome, "met")

    def test_manager_reads_the_speed(self):
        self.lead._sla_on_human_answer(fields.Datetime.now() + timedelta(minutes=5))
        self._create_lead("Nobody answers")
        self.env.flush_all()

        self.start_tour(
            "/odoo/speed-to-lead", "crm_plus_speed_to_lead", login="tour_manager"
        )
