from odoo import api, fields, models
from odoo.tools import SQL

from ..models.customer.crm_customer_yardstick import MONEY_GROUPS
from ..models.touchpoint.crm_touchpoint_kind import CHANNELS
from ..tools.attribution import MODELS


class CrmAttributionReport(models.Model):
    """The models of attribution side by side: a row a touchpoint of a posted invoice.

    Sums over all rows are what was invoiced, in each model. What has no touchpoint
    stands under no campaign, medium and source.
    """

    _name = "crm.attribution.report"
    _description = "Attribution Analysis"
    _auto = False
    _order = "date desc, attribution_id desc, position"
    _rec_name = "attribution_id"
    _depends = {
        "account.move": [
            "amount_residual_signed",
            "amount_total_signed",
            "commercial_partner_id",
            "company_id",
            "invoice_date",
            "invoice_user_id",
            "move_type",
            "state",
            "team_id",
        ],
        "crm.attribution": [
            "company_id",
            "date",
            "margin",
            "move_id",
            "name",
            "revenue",
        ],
        "crm.attribution.touch": [
            "attribution_id",
            "campaign_id",
            "date",
            "is_unknown",
            "kind_id",
            "medium_id",
            "position",
            "source_id",
            *(f"share_{model}" for model, _name in MODELS),
        ],
        "crm.touchpoint.kind": ["channel"],
    }

    attribution_id = fields.Many2one("crm.attribution", readonly=True)
    move_id = fields.Many2one("account.move", string="Invoice", readonly=True)
    name = fields.Char(string="Number", readonly=True)
    date = fields.Date(string="Invoice Date", readonly=True)
    move_type = fields.Selection(
        [("out_invoice", "Invoice"), ("out_refund", "Credit Note")],
        string="Type",
        readonly=True,
    )
    is_new = fields.Boolean(
        string="New Customer",
        readonly=True,
        help="The first invoice of the customer in the company.",
    )
    partner_id = fields.Many2one("res.partner", string="Customer", readonly=True)
    user_id = fields.Many2one("res.users", string="Salesperson", readonly=True)
    team_id = fields.Many2one("crm.team", string="Sales Team", readonly=True)
    company_id = fields.Many2one("res.company", readonly=True)
    currency_id = fields.Many2one(related="company_id.currency_id")
    # the touchpoint
    position = fields.Integer(string="#", readonly=True, aggregator=None)
    touch_date = fields.Datetime(string="Touched On", readonly=True)
    kind_id = fields.Many2one("crm.touchpoint.kind", readonly=True)
    channel = fields.Selection(CHANNELS, readonly=True)
    is_unknown = fields.Boolean(string="Unknown", readonly=True)
    campaign_id = fields.Many2one("utm.campaign", readonly=True)
    medium_id = fields.Many2one("utm.medium", readonly=True)
    source_id = fields.Many2one("utm.source", readonly=True)
    # shares of invoices, credit notes not counted
    count_first = fields.Float(
        string="Invoices, First Touch", readonly=True, digits=(16, 2)
    )
    count_last = fields.Float(
        string="Invoices, Last Touch", readonly=True, digits=(16, 2)
    )
    count_linear = fields.Float(
        string="Invoices, Linear", readonly=True, digits=(16, 2)
    )
    count_u_shape = fields.Float(
        string="Invoices, U-Shape", readonly=True, digits=(16, 2)
    )
    count_decay = fields.Float(
        string="Invoices, Time Decay", readonly=True, digits=(16, 2)
    )
    # money, credit notes negative
    revenue_first = fields.Monetary(
        string="Invoiced, First Touch", readonly=True, groups=MONEY_GROUPS
    )
    revenue_last = fields.Monetary(
        string="Invoiced, Last Touch", readonly=True, groups=MONEY_GROUPS
    )
    revenue_linear = fields.Monetary(
        string="Invoiced, Linear", readonly=True, groups=MONEY_GROUPS
    )
    revenue_u_shape = fields.Monetary(
        string="Invoiced, U-Shape", readonly=True, groups=MONEY_GROUPS
    )
    revenue_decay = fields.Monetary(
        string="Invoiced, Time Decay", readonly=True, groups=MONEY_GROUPS
    )
    paid_first = fields.Monetary(
        string="Paid, First Touch", readonly=True, groups=MONEY_GROUPS
    )
    paid_last = fields.Monetary(
        string="Paid, Last Touch", readonly=True, groups=MONEY_GROUPS
    )
    paid_linear = fields.Monetary(
        string="Paid, Linear", readonly=True, groups=MONEY_GROUPS
    )
    paid_u_shape = fields.Monetary(
        string="Paid, U-Shape", readonly=True, groups=MONEY_GROUPS
    )
    paid_decay = fields.Monetary(
        string="Paid, Time Decay", readonly=True, groups=MONEY_GROUPS
    )
    margin_first = fields.Monetary(
        string="Margin, First Touch", readonly=True, groups=MONEY_GROUPS
    )
    margin_last = fields.Monetary(
        string="Margin, Last Touch", readonly=True, groups=MONEY_GROUPS
    )
    margin_linear = fields.Monetary(
        string="Margin, Linear", readonly=True, groups=MONEY_GROUPS
    )
    margin_u_shape = fields.Monetary(
        string="Margin, U-Shape", readonly=True, groups=MONEY_GROUPS
    )
    margin_decay = fields.Monetary(
        string="Margin, Time Decay", readonly=True, groups=MONEY_GROUPS
    )

    @property
    def _table_query(self):
        measures = SQL(", ").join(
            SQL(
                """
                t.%(share)s * (m.move_type = 'out_invoice')::int AS %(count)s,
                t.%(share)s * a.revenue AS %(revenue)s,
                t.%(share)s * a.margin AS %(margin)s,
                t.%(share)s * a.revenue * COALESCE(
                    1 - m.amount_residual_signed / NULLIF(m.amount_total_signed, 0), 1)
                    AS %(paid)s
                """,
                **{
                    name: SQL.identifier(f"{name}_{model}")
                    for name in ("share", "count", "revenue", "margin", "paid")
                },
            )
            for model, _name in MODELS
        )
        return SQL(
            """
            SELECT t.id, t.attribution_id, a.move_id, a.name, a.date, m.move_type,
                   firsts.id IS NOT NULL AS is_new,
                   m.commercial_partner_id AS partner_id, m.invoice_user_id AS user_id,
                   m.team_id, a.company_id, t.position, t.date AS touch_date,
                   t.kind_id, k.channel, t.is_unknown,
                   t.campaign_id, t.medium_id, t.source_id, %(measures)s
              FROM crm_attribution_touch t
              JOIN crm_attribution a ON a.id = t.attribution_id
              JOIN account_move m ON m.id = a.move_id
         LEFT JOIN crm_touchpoint_kind k ON k.id = t.kind_id
         LEFT JOIN (%(firsts)s) firsts ON firsts.id = a.move_id
             WHERE m.state = 'posted'
            """,
            measures=measures,
            firsts=self._first_invoices_query(),
        )

    @api.model
    def _first_invoices_query(self):
        """SQL of the ids of the invoices that made customers (K37)."""
        return SQL(
            """
            SELECT DISTINCT ON (commercial_partner_id, company_id) id
              FROM account_move
             WHERE state = 'posted' AND move_type = 'out_invoice'
             ORDER BY commercial_partner_id, company_id, invoice_date, id
            """
        )

    def action_view_attribution(self):
        """Why: the path of the invoice."""
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("What Earned It"),
            "res_model": "crm.attribution",
            "res_id": self.attribution_id.id,
            "view_mode": "form",
        }
