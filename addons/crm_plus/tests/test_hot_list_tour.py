from datetime import timedelta

from odoo import Command, fields
from odoo.tests import HttpCase, new_test_user, tagged


@tagged("post_install", "-at_install", "crm_plus_tour")
class TestHotListTour(HttpCase):
    """A company with a scoring model of its own, and five leads of one seller.

    LEAD       FIT  ENGAGEMENT  GRADE  TREND
    hottest    45   50          A1       0
    hot        45   20          A2       0
    warm        0   20          D2     +20  has written meanwhile
    cooled      0    0          D4     -45  roasts no coffee after all
    cold        0    0          D4       0
    """

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company = cls.env["res.company"].create({"name": "Tour Company"})
        cls.company.resource_calendar_id = False  # round the clock
        cls.seller = new_test_user(
            cls.env,
            login="tour_seller",
            name="Tour Seller",
            groups="sales_team.group_sale_salesman",
            company_id=cls.company.id,
            email="tour_seller@house.example",
        )
        # leads of no company are everybody's
        cls.env["crm.lead"].search([("company_id", "=", False)]).unlink()
        cls.roaster = cls.env["crm.tag"].create({"name": "Tour Roaster"})
        cls.model = cls.env["crm.score.model"].create(
            {
                "name": "Tour model",
                "target": "lead",
                "company_id": cls.company.id,
                "sequence": 0,
                "mql_rule": "grade",
                "mql_min_fit": "A",
                "mql_min_engagement": "2",
                "mql_notify": "none",
                "rule_ids": [
                    Command.create(
                        {
                            "name": "Roasts coffee",
                            "dimension": "fit",
                            "domain": f"[('tag_ids', 'in', {cls.roaster.ids})]",
                            "points": 45,
                        }
                    ),
                    *(
                        Command.create(
                            {
                                "name": name,
                                "dimension": "engagement",
                                "kind_id": cls.env.ref(
                                    f"crm_plus.crm_touchpoint_kind_{kind}"
                                ).id,
                                "points": points,
                            }
                        )
                        for name, kind, points in (
                            ("Writes to us", "email_in", 20),
                            ("Has tasted", "meeting_done", 30),
                        )
                    ),
                ],
            }
        )
        cls.leads = cls.env["crm.lead"].create(
            [
                {
                    "name": name,
                    "type": "opportunity",
                    "partner_name": "Harbour",
                    "company_id": cls.company.id,
                    "team_id": False,
                    "user_id": cls.seller.id,
                    "tag_ids": [Command.set(tags.ids)],
                }
                for name, tags in (
                    ("Cold: one bag for the kitchen", cls.env["crm.tag"]),
                    ("Hot: beans for the roastery", cls.roaster),
                    ("Warm: grinder for a bar", cls.env["crm.tag"]),
                    ("Hottest: contract of the roastery", cls.roaster),
                    ("Cooled: no roastery after all", cls.roaster),
                )
            ]
        )
        cls.cold, cls.hot, cls.warm, cls.hottest, cls.cooled = cls.leads
        for lead, kinds in (
            (cls.hot, ("email_in",)),
            (cls.hottest, ("email_in", "meeting_done")),
        ):
            cls._touch(lead, kinds)
        cls._score()
        for _week in range(2):
            cls.env["crm.score.past"]._cron_keep()
        cls._touch(cls.warm, ("email_in",))
        cls.cooled.tag_ids = False
        cls._score()

    @classmethod
    def _touch(cls, lead, kinds):
        """As the harvest writes what happened yesterday."""
        cls.env["crm.touchpoint"].create(
            [
                {
                    "kind_id": cls.env.ref(f"crm_plus.crm_touchpoint_kind_{kind}").id,
                    "date": fields.Datetime.now() - timedelta(days=1),
                    "lead_id": lead.id,
                    "company_id": cls.company.id,
                    "res_model": "mail.message",
                    "res_id": 2**30 + lead.id * 10 + number,
                }
                for number, kind in enumerate(kinds)
            ]
        )

    @classmethod
    def _score(cls):
        cls.env.flush_all()
        cls.env.cr.precommit.run()
        cls.leads._score_recompute()
        cls.leads.invalidate_recordset()

    def test_seller_works_the_hot_list(self):
        self.assertEqual(
            self.leads.mapped("score_grade"), ["D4", "A2", "D2", "A1", "D4"]
        )
        self.assertEqual(self.leads.mapped("score_trend"), [0, 0, 20, 0, -45])

        self.start_tour("/odoo", "crm_plus_hot_list", login="tour_seller")

        clock = self.hottest.sla_clock_ids.filtered(
            lambda c: c.kind == "first_response"
        )
        self.assertEqual(clock.outcome, "met")
        self.assertTrue(self.hottest.message_ids.mail_activity_type_id)
        self.assertEqual(self.hottest.activity_ids.summary, "Send the contract")
        others = self.leads - self.hottest
        self.assertFalse(others.activity_ids)
        self.assertEqual(set(others.mapped("is_waiting_response")), {True})
