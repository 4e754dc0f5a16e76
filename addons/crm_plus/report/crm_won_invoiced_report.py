from odoo import fields, models
from odoo.tools import SQL

from ..tools.company_time import ZONES_DEPENDS, day, zones
from ..tools.sales import SALE_TYPES


class CrmWonInvoicedReport(models.Model):
    """What was won against what was ordered, invoiced and paid: a row a won deal.

    Untaxed, in the currency of the company; invoices are posted ones, credit notes
    negative. Paid is the paid share of each invoice's untaxed amount.
    """

    _name = "crm.won.invoiced.report"
    _description = "Won and Invoiced"
    _auto = False
    _order = "date_closed desc, id desc"
    _rec_name = "lead_id"
    _depends = {
        "crm.lead": [
            "name",
            "type",
            "active",
            "won_status",
            "is_junk",
            "date_closed",
            "expected_revenue",
            "partner_id",
            "user_id",
            "team_id",
            "company_id",
            "campaign_id",
            "source_id",
        ],
        "sale.order": ["opportunity_id", "state", "amount_untaxed", "currency_rate"],
        "account.move": [
            "opportunity_id",
            "state",
            "move_type",
            "amount_untaxed_signed",
            "amount_total_signed",
            "amount_residual_signed",
        ],
        **ZONES_DEPENDS,
        "res.partner": ["commercial_partner_id", *ZONES_DEPENDS["res.partner"]],
        "res.company": ["currency_id", *ZONES_DEPENDS["res.company"]],
    }

    lead_id = fields.Many2one("crm.lead", string="Deal", readonly=True)
    lead_name = fields.Char(string="Opportunity", readonly=True)
    partner_id = fields.Many2one("res.partner", string="Customer", readonly=True)
    user_id = fields.Many2one("res.users", string="Salesperson", readonly=True)
    team_id = fields.Many2one("crm.team", string="Sales Team", readonly=True)
    company_id = fields.Many2one("res.company", readonly=True)
    campaign_id = fields.Many2one("utm.campaign", readonly=True)
    source_id = fields.Many2one("utm.source", readonly=True)
    date_closed = fields.Date(string="Won On", readonly=True)
    won = fields.Monetary(readonly=True, help="Expected revenue of the won deal.")
    ordered = fields.Monetary(readonly=True, help="Confirmed orders, untaxed.")
    invoiced = fields.Monetary(
        readonly=True, help="Posted invoices less credit notes, untaxed."
    )
    paid = fields.Monetary(
        readonly=True, help="The paid share of the invoices, untaxed."
    )
    difference = fields.Monetary(
        string="Not Invoiced",
        readonly=True,
        help="Won less invoiced; negative where more was invoiced.",
    )
    currency_id = fields.Many2one("res.currency", readonly=True)

    @property
    def _table_query(self):
        return SQL(
            """
            WITH orders AS (
                SELECT o.opportunity_id AS lead_id,
                       sum(o.amount_untaxed / COALESCE(NULLIF(o.currency_rate, 0), 1))
                           AS amount
                  FROM sale_order AS o
                 WHERE o.state = 'sale' AND o.opportunity_id IS NOT NULL
                 GROUP BY o.opportunity_id
            ), moves AS (
                SELECT m.opportunity_id AS lead_id,
                       sum(m.amount_untaxed_signed) AS amount,
                       sum(m.amount_untaxed_signed * COALESCE(
                           1 - m.amount_residual_signed
                               / NULLIF(m.amount_total_signed, 0), 1)) AS paid
                  FROM account_move AS m
                 WHERE m.state = 'posted'
                   AND m.move_type IN %(sale_types)s
                   AND m.opportunity_id IS NOT NULL
                 GROUP BY m.opportunity_id
            )
            SELECT l.id, l.id AS lead_id, l.name AS lead_name, l.user_id, l.team_id,
                   l.company_id, l.campaign_id, l.source_id,
                   p.commercial_partner_id AS partner_id,
                   %(closed)s AS date_closed, l.expected_revenue AS won,
                   COALESCE(o.amount, 0) AS ordered, COALESCE(m.amount, 0) AS invoiced,
                   COALESCE(m.paid, 0) AS paid,
                   COALESCE(l.expected_revenue, 0) - COALESCE(m.amount, 0)
                       AS difference,
                   COALESCE(c.currency_id, %(currency)s) AS currency_id
              FROM crm_lead AS l
              LEFT JOIN orders AS o ON o.lead_id = l.id
              LEFT JOIN moves AS m ON m.lead_id = l.id
              LEFT JOIN res_partner AS p ON p.id = l.partner_id
              LEFT JOIN res_company AS c ON c.id = l.company_id
              JOIN (%(zones)s) AS z
                ON z.company_id = COALESCE(l.company_id, %(company)s)
             WHERE l.won_status = 'won'
               AND l.type = 'opportunity'
               AND l.is_junk IS NOT TRUE
            """,
            sale_types=SALE_TYPES,
            closed=day(SQL("l.date_closed"), SQL("z.name")),
            zones=zones(),
            # whose day it is that a deal of no company was won on
            company=self.env.company.id,
            currency=self.env.company.currency_id.id,
        )

    def action_view_invoices(self):
        self.ensure_one()
        action = self.env["ir.actions.actions"]._for_xml_id(
            "account.action_move_out_invoice"
        )
        action["domain"] = [
            ("opportunity_id", "=", self.lead_id.id),
            ("state", "=", "posted"),
            ("move_type", "in", SALE_TYPES),
        ]
        action["context"] = {"create": False}
        return action
