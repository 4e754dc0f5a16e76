"""What campaigns cost, and which touchpoints earned the invoices."""

from datetime import timedelta

from odoo import Command

from ..models.attribution.crm_attribution_freeze import QUEUE_KEY
from .base_writer import BaseWriter


class MarketingWriter(BaseWriter):
    """Costs typed and taken from a vendor bill; paths of all invoices."""

    def write_costs(self):
        """The bill of the fair is shared out: a part of it was for the cuppings."""
        vendor = self.env["res.partner"].create(
            {
                "name": "Hanse Messebau GmbH",
                "is_company": True,
                "email": "info@hanse-messebau.example",
                "company_id": self.company.id,
            }
        )
        day = (self.now - timedelta(days=120)).date()
        bill = self.env["account.move"].create(
            {
                "move_type": "in_invoice",
                "partner_id": vendor.id,
                "company_id": self.company.id,
                "date": day,
                "invoice_date": day,
                "ref": "HM-2214",
                "invoice_line_ids": [
                    Command.create(
                        {
                            "name": name,
                            "quantity": 1,
                            "price_unit": price,
                            "tax_ids": [],
                        }
                    )
                    for name, price in (
                        ("Stand of 24 square metres, three days", 4800),
                        ("Tables and water for tastings", 900),
                    )
                ],
            }
        )
        bill.action_post()
        fair = self.ref("utm_campaign_fair")
        cupping = self.ref("utm_campaign_cupping")
        stand, tables = bill.invoice_line_ids
        self.env["crm.marketing.cost"].create(
            [
                {"campaign_id": fair.id, "bill_line_id": stand.id},
                {"campaign_id": fair.id, "bill_line_id": tables.id, "amount": 600},
                {"campaign_id": cupping.id, "bill_line_id": tables.id, "amount": 300},
                *(
                    {
                        "campaign_id": cupping.id,
                        "company_id": self.company.id,
                        "name": "Invitations and samples",
                        "date": (self.now - timedelta(days=days)).date(),
                        "amount": amount,
                    }
                    for days, amount in ((200, 240), (110, 260), (25, 280))
                ),
            ]
        )

    def write_attribution(self):
        # made here, once; else what is not yet harvested would be missing
        self.env.cr.precommit.data.pop(QUEUE_KEY, None)
        Attribution = self.env["crm.attribution"]
        Attribution._freeze(Attribution._get_due_move_ids())
