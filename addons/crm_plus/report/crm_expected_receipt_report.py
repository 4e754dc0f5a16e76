from odoo import fields, models
from odoo.tools import SQL

from ..tools.sales import DEBT_TYPES


class CrmExpectedReceiptReport(models.Model):
    """What customers are expected to pay, and when (K76): two layers, never added.

    Invoices: a row an open receivable line of a posted invoice or credit note, on its
    due date shifted by the days the customer usually pays late (the profile's K77;
    where no payment is known, by nothing), not before today. Deals: a row an open
    opportunity, expected revenue times probability, on its expected closing plus the
    days of the customer's payment term; a closing that is past or missing has no date.

    Each layer has a measure of its own, so that no view can add the one to the other.
    """

    _name = "crm.expected.receipt.report"
    _description = "Expected Receipts"
    _auto = False
    _order = "date_expected, id"
    _rec_name = "name"
    _depends = {
        "account.move": ["name", "move_type", "payment_reference", "invoice_user_id"],
        "account.move.line": [
            "move_id",
            "parent_state",
            "reconciled",
            "amount_residual",
            "date_maturity",
            "account_id",
            "company_id",
            "partner_id",
        ],
        "account.account": ["account_type"],
        "account.payment.term.line": ["payment_id", "nb_days"],
        "crm.customer.profile": [
            "partner_id",
            "company_id",
            "payment_delay",
            "payment_n",
        ],
        "crm.lead": [
            "name",
            "type",
            "active",
            "won_status",
            "is_junk",
            "probability",
            "expected_revenue",
            "date_deadline",
            "partner_id",
            "user_id",
            "company_id",
        ],
        "res.partner": ["commercial_partner_id", "property_payment_term_id"],
        "res.company": ["currency_id"],
    }

    layer = fields.Selection(
        [("invoice", "Open Invoices"), ("deal", "Open Deals, Weighted")], readonly=True
    )
    name = fields.Char(string="Document", readonly=True)
    move_id = fields.Many2one("account.move", string="Invoice", readonly=True)
    lead_id = fields.Many2one("crm.lead", string="Deal", readonly=True)
    partner_id = fields.Many2one("res.partner", string="Customer", readonly=True)
    user_id = fields.Many2one("res.users", string="Salesperson", readonly=True)
    company_id = fields.Many2one("res.company", readonly=True)
    date_due = fields.Date(
        readonly=True, help="Of the invoice; of a deal, its expected closing."
    )
    date_expected = fields.Date(string="Expected On", readonly=True)
    delay_days = fields.Integer(
        string="Shifted by Days",
        readonly=True,
        aggregator="avg",
        help="What the customer usually pays late; of a deal, its payment term.",
    )
    payment_count = fields.Integer(
        string="Payments Known",
        readonly=True,
        aggregator="avg",
        help="On which the shift of an invoice rests.",
    )
    amount_invoice = fields.Monetary(
        string="Open Invoices",
        readonly=True,
        help="Open residuals with tax; credit notes are negative.",
    )
    amount_deal = fields.Monetary(
        string="Weighted Deals",
        readonly=True,
        help="Expected revenue times probability, untaxed.",
    )
    currency_id = fields.Many2one("res.currency", readonly=True)

    @property
    def _table_query(self):
        return SQL(
            """
            WITH term AS (
                SELECT payment_id, max(nb_days) AS days
                  FROM account_payment_term_line
                 GROUP BY payment_id
            )
            SELECT 2 * l.id::bigint AS id, 'invoice' AS layer, m.name, m.id AS move_id,
                   NULL::integer AS lead_id, p.commercial_partner_id AS partner_id,
                   m.invoice_user_id AS user_id, l.company_id,
                   l.date_maturity AS date_due, shift.days AS delay_days,
                   GREATEST(l.date_maturity + shift.days, %(today)s) AS date_expected,
                   f.payment_n AS payment_count, l.amount_residual AS amount_invoice,
                   NULL::numeric AS amount_deal, c.currency_id
              FROM account_move_line AS l
              JOIN account_move AS m ON m.id = l.move_id
              JOIN account_account AS a ON a.id = l.account_id
              JOIN res_company AS c ON c.id = l.company_id
              LEFT JOIN res_partner AS p ON p.id = l.partner_id
              LEFT JOIN crm_customer_profile AS f
                ON f.partner_id = p.commercial_partner_id
               AND f.company_id = l.company_id
               AND f.payment_n > 0
             CROSS JOIN LATERAL (
                   SELECT COALESCE(round(f.payment_delay), 0)::int AS days
             ) AS shift
             WHERE a.account_type = 'asset_receivable'
               AND l.parent_state = 'posted'
               AND NOT l.reconciled
               AND l.amount_residual <> 0
               AND m.move_type IN %(debt_types)s
            UNION ALL
            SELECT 2 * d.id::bigint + 1, 'deal', d.name, NULL, d.id,
                   p.commercial_partner_id, d.user_id, c.id, d.date_deadline,
                   COALESCE(t.days, 0),
                   CASE WHEN d.date_deadline >= %(today)s
                        THEN d.date_deadline + COALESCE(t.days, 0) END,
                   NULL, NULL, d.expected_revenue * d.probability / 100, c.currency_id
              FROM crm_lead AS d
              JOIN res_company AS c ON c.id = COALESCE(d.company_id, %(company)s)
              LEFT JOIN res_partner AS p ON p.id = d.partner_id
              LEFT JOIN res_partner AS cp ON cp.id = p.commercial_partner_id
              LEFT JOIN term AS t
                ON t.payment_id = (cp.property_payment_term_id ->> c.id::text)::int
             WHERE d.active
               AND d.type = 'opportunity'
               AND d.won_status = 'pending'
               AND d.is_junk IS NOT TRUE
               AND d.expected_revenue > 0
               AND d.probability > 0
            """,
            debt_types=DEBT_TYPES,
            today=fields.Date.context_today(self),
            company=self.env.company.id,
        )

    def action_open(self):
        self.ensure_one()
        return (self.move_id or self.lead_id).get_formview_action()
