from datetime import timedelta

from odoo import fields
from odoo.tests import BaseCase, Form, tagged

from ..tools.case_reference import plain_subject
from .common import CaseCommon


@tagged("post_install", "-at_install", "crm_helpdesk")
class TestPlainSubject(BaseCase):
    CASES = [
        (None, ""),
        ("Grinder does not start!", "grinder does not start"),
        ("Re: AW: Fwd: Grinder", "grinder"),
        ("RE[2]: [CASE-00042] Grinder", "grinder"),
        ("Case CASE-00042 - Grinder", "case grinder"),
        ("回复\uff1a咖啡机", "咖啡机"),
        ("Returns: what to do", "returns what to do"),
    ]

    def test_cases(self):
        for subject, expected in self.CASES:
            with self.subTest(subject):
                self.assertEqual(plain_subject(subject), expected)


@tagged("post_install", "-at_install", "crm_helpdesk")
class TestCaseDuplicate(CaseCommon):
    """Who opens a case is warned that the customer has asked the same already."""

    def _warning(self, **values):
        form = Form(self.env["crm.case"].with_user(self.agent))
        form.team_id = self.team
        for name, value in values.items():
            form[name] = value
        return form.duplicate_warning or ""

    def test_same_subject_of_the_same_customer(self):
        case = self._create_cases(name="The grinder does not start")

        warning = self._warning(
            name="Re: grinder does not start any more", partner_id=self.ida
        )

        self.assertIn(f"/odoo/cases/{case.id}", warning)
        self.assertIn(case.number, warning)
        # a colleague of the same company, too
        self.assertIn(
            case.number,
            self._warning(name="Grinder does not start", partner_id=self.jan),
        )

    def test_other_customer_or_other_subject(self):
        case = self._create_cases(name="The grinder does not start")

        for values in (
            {"name": "The grinder does not start", "partner_id": self.eva},
            {"name": "Wrong invoice address", "partner_id": self.ida},
            {"name": "The grinder does not start"},
        ):
            self.assertNotIn(case.number, self._warning(**values))

    def test_same_order(self):
        order = self._create_order(self.customer)
        case = self._create_cases(name="Late", sale_order_id=order.id)
        new = self._create_cases(name="Where is my parcel", sale_order_id=order.id)

        self.assertIn(case, new.with_user(self.agent).duplicate_ids)
        self.assertNotIn(new, new.duplicate_ids)

    def test_recent_or_open_ones(self):
        case = self._create_cases(name="Broken grinder")
        case.date_opened = fields.Datetime.now() - timedelta(days=60)
        self.assertIn(
            case.number, self._warning(name="Broken grinder", partner_id=self.ida)
        )
        case.action_close()
        self.assertFalse(self._warning(name="Broken grinder", partner_id=self.ida))
        case.date_opened = fields.Datetime.now() - timedelta(days=3)
        self.assertIn(
            case.number, self._warning(name="Broken grinder", partner_id=self.ida)
        )

    def test_by_address_without_contact(self):
        case = self._create_cases(
            name="Broken grinder", partner_id=False, partner_email="x@else.example"
        )

        self.assertIn(
            case.number,
            self._warning(name="Broken grinder!", partner_email="x@else.example"),
        )

    def test_done_cases_are_not_warned_about(self):
        case, other = self._create_cases(2, name="Broken grinder")
        self.assertTrue(case.duplicate_ids)
        case.action_close()
        case.invalidate_recordset()
        self.assertFalse(case.duplicate_ids)
        self.assertTrue(other.duplicate_ids)

    def test_nothing_of_other_teams_and_companies(self):
        self._create_cases(
            name="Broken grinder", team_id=self.team_2.id, partner_id=self.ida.id
        )
        closed_team = self.team.copy({"name": "Closed", "alias_name": False})
        closed_team.write({"visibility": "members", "member_ids": False})
        self._create_cases(name="Broken grinder", team_id=closed_team.id)

        self.assertFalse(self._warning(name="Broken grinder", partner_id=self.ida))

    def test_subject_is_text(self):
        case = self._create_cases(name="<script>alert(1)</script> grinder")

        warning = self._warning(
            name="<script>alert(1)</script> grinder", partner_id=self.ida
        )

        self.assertIn(case.number, warning)
        self.assertNotIn("<script>", warning)

    def test_one_query_for_many(self):
        cases = self._create_cases(30, name="Broken grinder")
        self.env.invalidate_all()
        cases.fetch(["name", "partner_id", "sale_order_id", "email_normalized"])
        cases.partner_id.fetch(["commercial_partner_id"])

        with self.assertQueryCount(6):
            cases.mapped("duplicate_ids")
