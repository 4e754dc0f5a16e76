from odoo.tests import HttpCase, tagged

from .after_sales import AfterSalesCommon


@tagged("post_install", "-at_install", "crm_helpdesk")
class TestAfterSalesTour(HttpCase, AfterSalesCommon):
    def test_agent_requests_clerk_and_accountant_confirm(self):
        """Each with the own rights only, each in the own menu."""
        self.start_tour(
            f"/odoo/action-crm_helpdesk.crm_case_action/{self.case.id}",
            "crm_helpdesk_after_sales_agent",
            login="case_agent",
        )
        claims = self.case.claim_ids
        self.assertEqual(set(claims.mapped("remedy")), {"return", "credit"})
        self.assertEqual(claims.line_ids.mapped("quantity"), [2, 2])

        self.start_tour(
            "/odoo/action-crm_helpdesk.crm_case_claim_action_stock",
            "crm_helpdesk_after_sales_clerk",
            login="case_clerk",
        )
        returned = claims.filtered(lambda claim: claim.remedy == "return")
        self.assertEqual(returned.state, "done")
        self.assertEqual(returned.approver_id, self.clerk)
        self.assertEqual(self.sale_line.qty_delivered, 3)

        self.start_tour(
            "/odoo/action-crm_helpdesk.crm_case_claim_action_account",
            "crm_helpdesk_after_sales_accountant",
            login="case_accountant",
        )
        credit = claims - returned
        self.assertEqual(credit.state, "done")
        self.assertEqual(credit.credit_move_ids.amount_untaxed, 200)
        self.assertEqual(self.sale_line.qty_invoiced, 3)
