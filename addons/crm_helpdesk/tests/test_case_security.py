from odoo.exceptions import AccessError, ValidationError
from odoo.fields import Command
from odoo.tests import tagged
from odoo.tools import mute_logger

from .common import CaseCommon


@tagged("post_install", "-at_install", "crm_helpdesk")
class TestCaseSecurity(CaseCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.case = cls._create_cases()
        cls.case_c2 = cls._create_cases(team_id=cls.team_2.id, partner_id=cls.eva.id)

    def test_agents_of_open_teams(self):
        for user in (self.agent, self.outsider, self.manager):
            self.assertTrue(self.case.with_user(user).has_access("write"), user.login)
            self.assertFalse(
                self.case.with_user(user).has_access("unlink") and user == self.agent
            )

    def test_members_only(self):
        self.team.visibility = "members"

        self.assertTrue(self.case.with_user(self.agent).has_access("read"))
        self.assertTrue(self.case.with_user(self.manager).has_access("read"))
        self.assertFalse(self.case.with_user(self.outsider).has_access("read"))
        self.assertFalse(self.team.with_user(self.outsider).has_access("read"))
        self.case.user_id = self.outsider
        self.assertTrue(self.case.with_user(self.outsider).has_access("read"))

    def test_companies_are_apart(self):
        self.assertEqual(
            self.env["crm.case"].with_user(self.agent_c2).search([])
            & (self.case + self.case_c2),
            self.case_c2,
        )
        self.assertFalse(self.case.with_user(self.agent_c2).has_access("read"))
        self.assertFalse(self.case_c2.with_user(self.manager).has_access("read"))
        self.assertFalse(self.team_2.with_user(self.manager).has_access("read"))

    def test_assignee_is_never_a_customer(self):
        """D33: OCA/helpdesk#889."""
        field = self.env["crm.case"]._fields["user_id"]
        self.assertIn("('share', '=', False)", field.domain)
        with self.assertRaisesRegex(ValidationError, "customer"):
            self.case.user_id = self.portal_jan
        with self.assertRaisesRegex(ValidationError, "customer"):
            self._create_cases(user_id=self.portal_ida.id)

    def test_agents_do_not_set_up(self):
        for record in (self.team, self.stages["new"]):
            self.assertFalse(record.with_user(self.agent).has_access("write"))
            self.assertTrue(record.with_user(self.manager).has_access("write"))

    def test_employees_without_the_right_see_nothing(self):
        employee = self._new_user("case_nobody", "base.group_user", self.company)

        self.assertFalse(self.case.with_user(employee).has_access("read"))

    # ------------------------------------------------------------
    # Customers
    # ------------------------------------------------------------

    def test_customer_sees_his_own_cases_only(self):
        Case = self.env["crm.case"]
        self.assertEqual(Case.with_user(self.portal_ida).search([]), self.case)
        self.assertFalse(Case.with_user(self.portal_jan).search([]), "his colleague")
        self.assertFalse(Case.with_user(self.portal_eva).search([]), "other company")
        self.portal_eva.company_ids += self.company_2
        self.assertEqual(
            Case.with_user(self.portal_eva)
            .with_context(allowed_company_ids=self.company_2.ids)
            .search([]),
            self.case_c2,
        )

    def test_follower_gets_no_access(self):
        """D33: a copied address opens neither the case nor those of the company."""
        self.case.message_subscribe(partner_ids=(self.jan + self.eva).ids)

        for user in (self.portal_jan, self.portal_eva):
            self.assertFalse(self.case.with_user(user).has_access("read"))
            with (
                self.assertRaises(AccessError),
                mute_logger("odoo.addons.base.models.ir_rule"),
            ):
                self.case.with_user(user).message_post(body="hello")

    def test_company_contact_sees_not_the_cases_of_its_people(self):
        self.portal_jan.partner_id.write({"parent_id": False, "is_company": True})
        self.ida.parent_id = self.jan

        self.assertFalse(self.case.with_user(self.portal_jan).has_access("read"))

    def test_customer_writes_nothing(self):
        case = self.case.with_user(self.portal_ida)
        for values in (
            {"stage_id": self.stages["closed"].id},
            {"partner_id": self.eva.id},
            {"name": "x"},
        ):
            with self.assertRaises(AccessError):
                case.write(values)
        with self.assertRaises(AccessError):
            self.env["crm.case"].with_user(self.portal_ida).create(
                {"name": "x", "team_id": self.team.id}
            )
        for model in ("crm.case.stage", "crm.case.team", "crm.case.tag"):
            with self.assertRaises(AccessError):
                self.env[model].with_user(self.portal_ida).search([])

    def test_customer_reads_no_internal_field(self):
        case = self.case.with_user(self.portal_ida)
        for name in ("tag_ids", "lead_id", "is_machine", "email_cc", "color"):
            with self.assertRaises(AccessError), mute_logger("odoo.models"):
                case.read([name])
        case.read(["name", "number", "stage_category", "date_opened"])

    def test_customer_reads_no_notes(self):
        """Neither those of people nor those of machines, also not by a guessed id: Odoo
        keeps only comments from whoever may read the record."""
        post = self.case.with_user(self.agent).message_post
        notes = (
            post(body="rude customer", message_type="comment")
            + post(body="changed")
            + post(body="OOO", message_type="email", subtype_xmlid="mail.mt_note")
        )
        answer = self._answer(self.case)

        for note in notes:
            self.assertFalse(note.with_user(self.portal_ida).has_access("read"))
        self.assertTrue(answer.with_user(self.portal_ida).has_access("read"))
        self.assertEqual(
            self.env["mail.message"]
            .with_user(self.portal_ida)
            .search([("id", "in", (notes + answer).ids)]),
            answer,
        )

    def test_changed_customer_takes_the_access_along(self):
        self.case.partner_id = self.jan

        self.assertFalse(self.case.with_user(self.portal_ida).has_access("read"))
        self.assertTrue(self.case.with_user(self.portal_jan).has_access("read"))

    def test_team_of_another_company_takes_no_foreign_member(self):
        self.assertNotIn(self.agent, self.team_2.member_ids)
        self.team.member_ids = [Command.link(self.agent_c2.id)]
        # a member by mistake is still kept out by the company
        self.assertFalse(self.case.with_user(self.agent_c2).has_access("read"))
