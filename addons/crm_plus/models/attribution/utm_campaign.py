from odoo import api, fields, models

from ..customer.crm_customer_yardstick import MONEY_GROUPS

COST_GROUPS = f"crm_plus.crm_plus_group_manager,{MONEY_GROUPS}"
# field: measure of the report
FIGURES = {
    "marketing_cost": "cost",
    "marketing_lead_count": "leads",
    "marketing_customers": "customers",
    "marketing_cost_per_lead": "cost_per_lead",
    "marketing_cost_per_customer": "cost_per_customer",
    "marketing_revenue": "revenue",
    "marketing_paid": "paid",
    "marketing_margin": "margin",
    "marketing_roi": "roi",
}
RATIOS = ("cost_per_lead", "cost_per_customer", "roi")


class UtmCampaign(models.Model):
    """What a campaign cost and what it brought, in the company of whoever looks."""

    _inherit = "utm.campaign"

    marketing_cost_ids = fields.One2many(
        "crm.marketing.cost", "campaign_id", string="Costs", groups=COST_GROUPS
    )
    marketing_currency_id = fields.Many2one(
        "res.currency", compute="_compute_marketing_figures", groups=COST_GROUPS
    )
    marketing_cost = fields.Monetary(
        string="Cost",
        currency_field="marketing_currency_id",
        compute="_compute_marketing_figures",
        groups=COST_GROUPS,
    )
    marketing_lead_count = fields.Integer(
        string="Leads (n)",
        compute="_compute_marketing_figures",
        groups=COST_GROUPS,
        help="Leads of the campaign, without junk.",
    )
    marketing_customers = fields.Float(
        string="New Customers",
        digits=(16, 1),
        compute="_compute_marketing_figures",
        groups=COST_GROUPS,
        help="Invoiced for the first time; shared out by the model of returns.",
    )
    marketing_cost_per_lead = fields.Monetary(
        string="Cost per Lead",
        currency_field="marketing_currency_id",
        compute="_compute_marketing_figures",
        groups=COST_GROUPS,
    )
    marketing_cost_per_customer = fields.Monetary(
        string="Cost per Customer",
        currency_field="marketing_currency_id",
        compute="_compute_marketing_figures",
        groups=COST_GROUPS,
        help="Costs of campaigns only; what selling costs is not in it.",
    )
    marketing_revenue = fields.Monetary(
        string="Invoiced",
        currency_field="marketing_currency_id",
        compute="_compute_marketing_figures",
        groups=MONEY_GROUPS,
    )
    marketing_paid = fields.Monetary(
        string="Paid",
        currency_field="marketing_currency_id",
        compute="_compute_marketing_figures",
        groups=MONEY_GROUPS,
    )
    marketing_margin = fields.Monetary(
        string="Margin",
        currency_field="marketing_currency_id",
        compute="_compute_marketing_figures",
        groups=MONEY_GROUPS,
    )
    marketing_roi = fields.Float(
        string="ROI (%)",
        digits=(16, 1),
        compute="_compute_marketing_figures",
        groups=MONEY_GROUPS,
        help="Attributed margin less cost, per cost. Empty without a cost.",
    )

    @api.depends("marketing_cost_ids.amount_company")
    @api.depends_context("company")
    def _compute_marketing_figures(self):
        # sudo: each field has the groups of what it shows
        rows = (
            self.env["crm.marketing.return.report"]
            .sudo()
            ._read_group(
                [
                    ("campaign_id", "in", self.ids),
                    ("company_id", "in", (self.env.company.id, False)),
                ],
                ["campaign_id"],
                [
                    f"{measure}:{'avg' if measure in RATIOS else 'sum'}"
                    for measure in FIGURES.values()
                ],
            )
        )
        by_campaign = {campaign.id: figures for campaign, *figures in rows}
        for campaign in self:
            figures = by_campaign.get(campaign._origin.id, [0] * len(FIGURES))
            campaign.marketing_currency_id = self.env.company.currency_id
            for name, figure in zip(FIGURES, figures, strict=True):
                campaign[name] = figure or 0

    def action_view_marketing_returns(self):
        self.ensure_one()
        action = self.env["ir.actions.actions"]._for_xml_id(
            "crm_plus.crm_marketing_return_report_action"
        )
        action["domain"] = [("campaign_id", "=", self.id)]
        return action
