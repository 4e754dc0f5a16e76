from datetime import timedelta

from odoo import fields
from odoo.tests import tagged

from .common import CaseCommon


@tagged("post_install", "-at_install", "crm_helpdesk")
class TestCaseProfile(CaseCommon):
    """What service knows of a customer burdens the profile: no more and no less."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.Profile = cls.env["crm.customer.profile"].sudo()
        cls._create_order(cls.customer)

    def _get_profile(self):
        self.Profile._rebuild(self.customer.ids)
        return self.Profile.search(
            [
                ("partner_id", "=", self.customer.id),
                ("company_id", "=", self.company.id),
            ]
        )

    def test_without_a_case_service_knows_nothing(self):
        profile = self._get_profile()
        self.assertFalse(profile.is_service_known)
        self.assertIsNone(profile.churn_parts["cases"])
        self.assertIsNone(profile.churn_parts["rating"])

    def test_what_counts(self):
        of_jan, old, archived, machine, solved = (
            self._create_cases(partner_id=self.ida.id) for _n in range(5)
        )
        of_jan.partner_id = self.jan
        old.date_opened = fields.Datetime.now() - timedelta(days=400)
        archived.active = False
        machine.is_machine = True
        solved.action_close()
        of_jan.sla_due = fields.Datetime.now() - timedelta(hours=1)
        solved.sla_due = fields.Datetime.now() - timedelta(hours=1)
        old.sla_due = fields.Datetime.now() + timedelta(hours=1)

        profile = self._get_profile()

        self.assertRecordValues(
            profile,
            [
                {
                    "is_service_known": True,
                    "case_open_count": 2,
                    "case_late_count": 1,
                    "case_count_12": 2,
                    "rating_n": 0,
                }
            ],
        )
        self.assertEqual(profile.churn_parts["cases"], 0.5)
        self.assertIsNone(profile.churn_parts["rating"])

    def test_the_last_rating_speaks(self):
        first, last = self._create_cases(2, partner_id=self.ida.id)
        for case, rate, days in ((first, 5, 9), (last, 1, 2)):
            rating = case.rating_apply(rate, token=case._rating_get_access_token())
            rating.rated_on = fields.Datetime.now() - timedelta(days=days)

        profile = self._get_profile()

        self.assertEqual((profile.rating, profile.rating_n), (1, 2))
        self.assertEqual(profile.churn_parts["rating"], 1)
        self.assertEqual(profile.health_parts["satisfaction"], 0)
        why = profile.with_user(self.env.ref("base.user_admin")).churn_why
        self.assertIn("n = 2", why)

    def test_a_case_gets_late_by_night(self):
        """The ledger is not read for that: it did not change."""
        case = self._create_cases(partner_id=self.ida.id)
        case.sla_due = fields.Datetime.now() + timedelta(hours=5)
        profile = self._get_profile()
        self.assertEqual(profile.case_late_count, 0)
        case.sla_due = fields.Datetime.now() - timedelta(hours=5)
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE crm_customer_profile SET date_rebuilt = %s",
            [fields.Datetime.now() - timedelta(days=1)],
        )
        self.env.invalidate_all()

        self.Profile._age(
            fields.Date.context_today(profile),
            self.env["crm.customer.yardstick"].sudo()._get_all(),
        )

        self.assertEqual(profile.case_late_count, 1)

    def test_cases_of_another_company_are_its_own(self):
        self._create_cases(partner_id=self.ida.id)
        self._create_cases(2, partner_id=self.ida.id, team_id=self.team_2.id)
        self.assertEqual(self._get_profile().case_open_count, 1)
