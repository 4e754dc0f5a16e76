from datetime import timedelta

from odoo import fields
from odoo.exceptions import ValidationError
from odoo.fields import Command
from odoo.tests import new_test_user, tagged

from .common import CaseCommon


@tagged("post_install", "-at_install", "crm_helpdesk_segment")
class TestCaseFact(CaseCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.marketer = new_test_user(
            cls.env,
            login="case_marketer",
            groups="sales_team.group_sale_manager",
            company_id=cls.company.id,
        )
        cls.happy, cls.quiet = cls.env["res.partner"].create(
            [{"name": "Happy", "is_company": True}, {"name": "Quiet"}]
        )
        cls.partners = cls.customer + cls.happy + cls.quiet
        cls.open, cls.urgent, cls.done = cls.env["crm.case"].create(
            [
                {"name": "Open", "team_id": cls.team.id, "partner_id": cls.ida.id},
                {
                    "name": "Urgent",
                    "team_id": cls.team.id,
                    "partner_id": cls.ida.id,
                    "priority": "3",
                },
                {"name": "Done", "team_id": cls.team.id, "partner_id": cls.happy.id},
            ]
        )
        cls.done.stage_id = cls.stages["solved"]
        cls._rate(cls.open, 1, days_ago=100)
        cls._rate(cls.done, 5, days_ago=1)

    @classmethod
    def _rate(cls, case, rating, days_ago):
        found = cls.env["rating.rating"].create(
            {
                "res_model_id": cls.env["ir.model"]._get_id("crm.case"),
                "res_id": case.id,
                "partner_id": case.partner_id.id,
                "rating": rating,
                "consumed": True,
            }
        )
        # rated now, says Odoo
        found.rated_on = fields.Datetime.now() - timedelta(days=days_ago)

    def _segment(self, **fact):
        segment = self.env["crm.segment"].create(
            {
                "name": "Service",
                "target": "res.partner",
                "domain": repr([("id", "in", self.partners.ids)]),
                "user_id": self.marketer.id,
                "company_id": self.company.id,
                "fact_ids": [Command.create(fact)],
            }
        )
        segment._refresh()
        return segment

    def test_open_case(self):
        nobody = self.partners.browse()
        for fact, expected in (
            ({}, self.customer),
            ({"is_not": True}, self.happy + self.quiet),
            ({"times": 2}, self.customer),
            ({"times": 3}, nobody),
            ({"times": 2, "case_priority": "3"}, nobody),
            ({"case_priority": "3"}, self.customer),
        ):
            with self.subTest(fact=fact):
                segment = self._segment(kind="case_open", **fact)
                self.assertEqual(segment.member_ids.partner_id, expected)
        self.assertFalse(
            self._segment(kind="case_open", case_priority="3").fact_ids.summary.find(
                "has an open case of priority Urgent or more"
            )
        )

    def test_rated(self):
        bad = {"rating_operator": "most", "rating_value": 2}
        good = {"rating_operator": "least", "rating_value": 4}
        nobody = self.partners.browse()
        for fact, expected, words in (
            (bad, self.customer, "rated us with 2 or less"),
            (
                {**bad, "days": 30},
                nobody,
                "rated us with 2 or less in the last 30 days",
            ),
            (
                {**good, "days": 30},
                self.happy,
                "rated us with 4 or more in the last 30 days",
            ),
            (
                {**bad, "is_not": True},
                self.happy + self.quiet,
                "did not rate us with 2 or less",
            ),
        ):
            with self.subTest(words):
                segment = self._segment(kind="case_rated", **fact)
                self.assertEqual(segment.member_ids.partner_id, expected)
                self.assertEqual(segment.fact_ids.summary, words)
        with self.assertRaises(ValidationError):
            self._segment(kind="case_rated", rating_value=6)

    def test_of_the_company_of_the_segment(self):
        segment = self._segment(kind="case_open")
        self.assertTrue(segment.member_count)
        self.env["crm.case"].search([("partner_id", "=", self.ida.id)]).write(
            {"team_id": self.team_2.id, "user_id": False}
        )
        segment._refresh()
        self.assertFalse(segment.member_count)

    def test_why_tells_agents_what_stands_behind(self):
        segment = self._segment(kind="case_open")

        def present(user):
            explained = (
                segment.with_user(user)
                .sudo(False)
                ._explain(self.customer.with_user(user))
            )
            lines = {line["text"]: line for line in explained["lines"]}
            self.assertTrue(lines["has an open case"]["holds"])
            return lines["has an open case"]["present"]

        self.assertIsNone(present(self.marketer), "who may see no cases")
        self.agent.group_ids |= self.env.ref("crm_plus.crm_plus_group_user")
        self.assertEqual(present(self.agent), "2 open")

    def test_goes_with_the_addon(self):
        """A condition that is gone must not let everybody in."""
        segment = self._segment(kind="case_open")
        selection = self.env["ir.model.fields.selection"].search(
            [
                ("field_id.model", "=", "crm.segment.fact"),
                ("field_id.name", "=", "kind"),
                ("value", "=", "case_open"),
            ]
        )
        selection._process_ondelete()
        self.assertFalse(segment.active)
        self.assertFalse(segment.fact_ids)
        self.assertEqual(segment.member_ids.partner_id, self.customer)
