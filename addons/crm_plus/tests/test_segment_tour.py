from datetime import timedelta

from odoo import fields
from odoo.fields import Command
from odoo.tests import HttpCase, new_test_user, tagged

from odoo.addons.account.tests.common import AccountTestInvoicingCommon


@tagged("post_install", "-at_install", "crm_plus_tour")
class TestSegmentBuilderTour(AccountTestInvoicingCommon, HttpCase):
    def test_marketer_builds_a_segment_and_asks_why(self):
        company = self.company_data["company"]
        new_test_user(
            self.env,
            login="marketer",
            groups="sales_team.group_sale_manager",
            company_id=company.id,
            company_ids=[Command.set(company.ids)],
        )
        tea = self.env["product.product"].create({"name": "Tour Tea"})
        roastery, _bakery = self.env["res.partner"].create(
            [
                {"name": name, "is_company": True}
                for name in ("Tour Roastery", "Tour Bakery")
            ]
        )
        self.env["account.move"].create(
            {
                "move_type": "out_invoice",
                "partner_id": roastery.id,
                "company_id": company.id,
                "invoice_date": fields.Date.today() - timedelta(days=10),
                "invoice_line_ids": [
                    Command.create(
                        {
                            "product_id": tea.id,
                            "price_unit": 10,
                            "tax_ids": [Command.clear()],
                        }
                    )
                ],
            }
        ).action_post()
        self.env["crm.customer.profile"]._rebuild(roastery.ids)
        self.env.flush_all()

        self.start_tour("/odoo", "crm_plus_segment_builder", login="marketer")

        # sudo: the invoices are an accountant's, who sees no segments
        segment = self.env["crm.segment"].sudo().search([("name", "=", "Tea drinkers")])
        self.assertEqual(segment.member_ids.partner_id, roastery)
        self.assertEqual(
            segment.fact_ids.summary, "bought Tour Tea in the last 90 days"
        )
