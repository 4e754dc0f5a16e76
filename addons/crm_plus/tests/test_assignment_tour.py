from odoo.fields import Command
from odoo.tests import HttpCase, new_test_user, tagged


@tagged("post_install", "-at_install", "crm_plus_tour")
class TestAssignmentTour(HttpCase):
    """A company and a team of its own, so that nothing but these leads is seen."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env["crm.assignment.rule"].search([]).active = False
        cls.company = cls.env["res.company"].create({"name": "Tour Company"})
        cls.company.resource_calendar_id = False  # always at work
        cls.seller, cls.seller_2, cls.manager = (
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
                ("tour_seller_2", "Tour Seller Two", "sales_team.group_sale_salesman"),
                ("tour_manager", "Tour Manager", "sales_team.group_sale_manager"),
            )
        )
        cls.team = cls.env["crm.team"].create(
            {
                "name": "Tour Team",
                "company_id": cls.company.id,
                "assignment_engine": "plus",
                "crm_team_member_ids": [
                    Command.create({"user_id": user.id, "assignment_max": 100})
                    for user in cls.seller + cls.seller_2
                ],
            }
        )
        # leads of no company are everybody's
        cls.env["crm.lead"].search([("company_id", "=", False)]).unlink()
        cls.leads = cls._create_leads("Beans for Berlin", "Roaster for Leipzig")

    @classmethod
    def _create_leads(cls, *names):
        leads = cls.env["crm.lead"].create(
            [
                {
                    "name": name,
                    "type": "opportunity",
                    "company_id": cls.company.id,
                    "team_id": False,
                    "user_id": False,
                    "country_id": cls.env.ref("base.de").id,
                    "zip": "10115" if "Berlin" in name else "04109",
                }
                for name in names
            ]
        )
        cls.env.flush_all()
        cls.env.cr.precommit.run()  # their scores, as at a commit
        Score = cls.env["crm.score"]
        scores = Score.search([("lead_id", "in", leads.ids), ("is_main", "=", True)])
        scores.total = 30
        model = cls.env["crm.score.model"].search([("target", "=", "lead")], limit=1)
        Score.create(
            [
                {
                    "model_id": model.id,
                    "is_main": True,
                    "lead_id": lead.id,
                    "total": 30,
                }
                for lead in leads - scores.lead_id
            ]
        )
        return leads

    def test_manager_makes_a_rule_and_reads_the_log(self):
        self.start_tour(
            "/odoo/assignment-rules", "crm_plus_assignment", login="tour_manager"
        )

        self.assertEqual(self.leads.user_id, self.seller + self.seller_2)
        rule = self.env["crm.assignment.rule"].search([])
        self.assertEqual(rule.strategy, "least_loaded")
        self.assertEqual(rule.company_id, self.company)

    def test_seller_pauses(self):
        self.env["crm.assignment.rule"].create(
            {"name": "All", "team_id": self.team.id, "hours": "any"}
        )

        self.start_tour(
            "/odoo/waiting-for-response",
            "crm_plus_assignment_pause",
            login="tour_seller",
        )

        self.leads._assignment_run("queue")
        self.assertEqual(self.leads.user_id, self.seller_2)
