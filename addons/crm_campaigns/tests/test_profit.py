import psycopg2

from odoo import fields
from odoo.tests import tagged
from odoo.tools import mute_logger

from .common import CampaignCommon


@tagged("post_install", "-at_install", "crm_campaigns")
class TestProfit(CampaignCommon):
    """What mails cost is taken off the profit of customers (KPI 61)."""

    def _row(self):
        self.env.flush_all()
        self.env.invalidate_all()
        return self.env["crm.customer.profit.report"].search(
            [
                ("partner_id", "=", self.customer.id),
                ("company_id", "=", self.company.id),
            ]
        )

    def test_mails_cost_what_the_company_says(self):
        now = fields.Datetime.now()
        [lead] = self._create_leads(
            partner_id=self.customer_contact.id, company_id=self.company.id
        )
        self._create_trace(lead, sent_datetime=now)
        self._create_trace(self.customer_contact, sent_datetime=now)
        # neither left
        self._create_trace(self.customer, sent_datetime=False)
        self.company.crm_campaigns_mail_cost = 0

        self.assertFalse(self._row(), "not known, nothing taken off")

        self.company.crm_campaigns_mail_cost = 0.25
        row = self._row()
        self.assertAlmostEqual(row.other_cost, 0.5)
        self.assertAlmostEqual(row.profit, -0.5)
        self.assertNotIn("Campaigns", row.unknown_costs)
        self.assertIn("Service", row.unknown_costs)

    def test_no_cost_below_nothing(self):
        with (
            mute_logger("odoo.sql_db"),
            self.assertRaises(psycopg2.errors.CheckViolation),
            self.env.cr.savepoint(),
        ):
            self.company.crm_campaigns_mail_cost = -1
            self.env.flush_all()
