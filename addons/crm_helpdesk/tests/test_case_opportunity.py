from odoo.exceptions import AccessError, UserError
from odoo.tests import Form, new_test_user, tagged

from .common import CaseCommon


@tagged("post_install", "-at_install", "crm_helpdesk")
class TestCaseOpportunity(CaseCommon):
    """What a customer might buy, heard of in a case, goes to sales (K74)."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.seller = new_test_user(
            cls.env,
            login="case_seller",
            groups="sales_team.group_sale_salesman_all_leads",
            company_id=cls.company.id,
        )

    def _pass_on(self, case, user=None, **values):
        case = case.with_user(user or self.agent)
        action = case.action_pass_on()
        with Form(
            case.env["crm.case.opportunity"].with_context(**action["context"])
        ) as form:
            for name, value in values.items():
                form[name] = value
        return form.record.action_create()

    def test_agent_passes_it_on_without_rights_in_sales(self):
        self.customer.user_id = self.seller
        case = self._create_cases(name="A second grinder?")
        self.assertFalse(self.env["crm.lead"].with_user(self.agent).has_access("read"))

        action = self._pass_on(case, name="Grinder for the new shop")

        self.assertEqual(action["tag"], "display_notification")
        lead = case.lead_id
        self.assertRecordValues(
            lead,
            [
                {
                    "name": "Grinder for the new shop",
                    "type": "opportunity",
                    "partner_id": self.ida.id,
                    "user_id": self.seller.id,
                    "company_id": self.company.id,
                }
            ],
        )
        self.assertIn(case.number, lead.message_ids[0].body)
        self.assertNotIn(self.agent.partner_id, lead.message_partner_ids)
        self.assertTrue(case.with_user(self.agent).is_passed_on)
        with self.assertRaisesRegex(UserError, "already"):
            self._pass_on(case)

    def test_revenue_is_counted_once(self):
        case = self._create_cases(date_opened="2026-01-01 10:00:00")
        self._pass_on(case)
        twin = self._create_cases(lead_id=case.lead_id.id)
        case.lead_id.expected_revenue = 700
        case.lead_id.action_set_won()
        self.env.flush_all()

        rows = self.env["crm.case.report"].search([("id", "in", (case + twin).ids)])

        self.assertEqual(sum(rows.mapped("won_revenue")), 700)

    def _create_better(self, **values):
        """An opportunity that others are merged into: it is further on."""
        return self.env["crm.lead"].create(
            {
                "name": "Grinder, again",
                "type": "opportunity",
                "partner_id": self.ida.id,
                "user_id": self.seller.id,
                "expected_revenue": 700,
                "stage_id": self.env["crm.stage"]
                .search([("is_won", "=", False)], order="sequence desc", limit=1)
                .id,
                **values,
            }
        )

    def test_opportunities_that_are_merged_keep_their_cases(self):
        """Also for a seller who sees no case, and cases that were archived."""
        case, archived = self._create_cases(2, date_opened="2026-01-01 10:00:00")
        self._pass_on(case, name="Grinder")
        gone = case.lead_id
        archived.write({"lead_id": gone.id, "active": False})
        better = self._create_better()
        self.assertFalse(case.with_user(self.seller).has_access("read"))

        merged = (gone + better).with_user(self.seller).merge_opportunity()

        self.assertEqual((merged, gone.exists()), (better, gone.browse()))
        self.assertEqual([case.lead_id, archived.lead_id], [better, better])
        self.assertTrue(case.with_user(self.agent).is_passed_on)
        with self.assertRaisesRegex(UserError, "already"):
            self._pass_on(case)
        better.action_set_won()
        self.env.flush_all()
        row = self.env["crm.case.report"].search([("id", "=", case.id)])
        self.assertEqual(row.won_revenue, 700)

    def test_opportunity_merged_into_one_of_another_company(self):
        case = self._create_cases()
        self._pass_on(case)
        case.lead_id.company_id = False
        foreign = self._create_better(company_id=self.company_2.id, user_id=False)
        merged = (case.lead_id + foreign).merge_opportunity()
        self.assertEqual(merged, foreign)
        self.assertFalse(case.lead_id)

    def test_seller_sees_where_it_comes_from(self):
        case = self._create_cases()
        both = self._new_user(
            "case_both",
            "crm_helpdesk.crm_helpdesk_group_user,"
            "sales_team.group_sale_salesman_all_leads",
            self.company,
        )

        action = self._pass_on(case, user=both)

        self.assertEqual(action["res_model"], "crm.lead")
        lead = self.env["crm.lead"].browse(action["res_id"]).with_user(both)
        self.assertEqual(lead.case_count, 1)
        self.assertEqual(case.with_user(both).action_view_lead()["res_id"], lead.id)
        with self.assertRaises(AccessError):
            lead.with_user(self.seller).read(["case_count"])

    def test_somebody_unknown(self):
        case = self._create_cases(partner_id=False, partner_email="new@x.example")
        self._pass_on(case)
        self.assertEqual(case.lead_id.email_from, "new@x.example")
        nobody = self._create_cases(partner_id=False)
        with self.assertRaisesRegex(UserError, "who the customer is"):
            self._pass_on(nobody)

    def test_who_may_not(self):
        case = self._create_cases()
        self.team.visibility = "members"
        for user in (self.outsider, self.agent_c2):
            with self.subTest(user.login), self.assertRaises(AccessError):
                self.env["crm.case.opportunity"].with_user(user).create(
                    {"case_id": case.id, "name": "x"}
                ).action_create()
        with self.assertRaises(AccessError):
            self.env["crm.case.opportunity"].with_user(self.portal_ida).create(
                {"case_id": case.id, "name": "x"}
            )
        with self.assertRaisesRegex(UserError, "does not work"):
            self._pass_on(case, user_id=self.agent_c2)
        self.assertFalse(case.lead_id)
