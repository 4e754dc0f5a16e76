from odoo import api, fields, models
from odoo.tools import SQL

from odoo.addons.crm_plus.models.attribution.utm_campaign import COST_GROUPS
from odoo.addons.crm_plus.models.customer.crm_customer_yardstick import MONEY_GROUPS

from ..models.campaign.crm_campaign_result import RESULT_DEPENDS
from .crm_campaign_step_report import MAIL_DEPENDS, MAIL_RATIOS, MAIL_SUMS

MONEY_SUMS = ("leads", "customers", "cost", "revenue", "paid", "margin")


class CrmCampaignReport(models.Model):
    """Campaigns side by side: a row a campaign.

    Leads, costs and what was earned are those of *Returns of Campaigns*: shared out by
    the model of returns (KPI 35 to 38). Success is of KPI 42: of those a mail reached.
    """

    _name = "crm.campaign.report"
    _description = "Comparison of Campaigns"
    _inherit = ["crm.campaign.mail.figures"]
    _auto = False
    _order = "date_started desc, id desc"
    _rec_name = "campaign_id"
    _depends = {
        **RESULT_DEPENDS,
        **MAIL_DEPENDS,
        "crm.campaign": [
            *RESULT_DEPENDS["crm.campaign"],
            "date_started",
            "state",
            "user_id",
            "utm_campaign_id",
        ],
        "crm.marketing.return.report": [],
        "res.company": ["currency_id"],
    }
    _ratios = {
        **MAIL_RATIOS,
        "conversion_rate": ("recipients_reached", "recipients", 100),
        "cost_per_lead": ("cost", "leads", 1),
        "cost_per_customer": ("cost", "customers", 1),
        "roi": ("profit", "cost", 100),
    }
    # nothing spent: nothing to share out, rather than a cost of 0
    _ratio_blanks = ("cost",)

    campaign_id = fields.Many2one("crm.campaign", readonly=True)
    company_id = fields.Many2one("res.company", readonly=True)
    currency_id = fields.Many2one("res.currency", readonly=True)
    user_id = fields.Many2one("res.users", string="Responsible", readonly=True)
    state = fields.Selection(
        [("draft", "Draft"), ("running", "Running"), ("stopped", "Stopped")],
        readonly=True,
    )
    date_started = fields.Datetime(string="Started", readonly=True)
    # people
    people = fields.Integer(readonly=True, help="Enrolments, those held out not.")
    held_out = fields.Integer(readonly=True)
    recipients = fields.Integer(
        readonly=True, help="People whom a mail of the campaign reached."
    )
    recipients_reached = fields.Integer(
        string="Success",
        readonly=True,
        help="Of those whom a mail reached, within the time that counts.",
    )
    conversion_rate = fields.Float(
        string="Success (%)", readonly=True, digits=(16, 1), aggregator="avg"
    )
    lift = fields.Char(
        string="Lift of Success",
        compute="_compute_lift",
        help="Success of those in the campaign less that of those held out, in points, "
        "with the interval that holds it in 95 of 100 cases.",
    )
    margin_lift = fields.Char(
        string="Lift of Margin",
        compute="_compute_lift",
        groups=MONEY_GROUPS,
        help="Invoiced margin a person in the campaign less that of a person held out, "
        "with the interval that holds it in 95 of 100 cases.",
    )
    # money
    leads = fields.Integer(readonly=True, help="Without junk.")
    customers = fields.Float(
        string="New Customers",
        readonly=True,
        digits=(16, 1),
        help="Invoiced for the first time; shared out by the model of returns.",
    )
    cost = fields.Monetary(readonly=True, groups=COST_GROUPS)
    cost_per_lead = fields.Monetary(readonly=True, aggregator="avg", groups=COST_GROUPS)
    cost_per_customer = fields.Monetary(
        readonly=True,
        aggregator="avg",
        groups=COST_GROUPS,
        help="Costs of campaigns only; what selling costs is not in it.",
    )
    revenue = fields.Monetary(
        string="Invoiced",
        readonly=True,
        groups=MONEY_GROUPS,
        help="Posted invoices less credit notes, untaxed.",
    )
    paid = fields.Monetary(readonly=True, groups=MONEY_GROUPS)
    margin = fields.Monetary(readonly=True, groups=MONEY_GROUPS)
    profit = fields.Monetary(
        string="Margin Less Cost", readonly=True, groups=MONEY_GROUPS
    )
    roi = fields.Float(
        string="ROI (%)",
        readonly=True,
        digits=(16, 1),
        aggregator="avg",
        groups=MONEY_GROUPS,
        help="Attributed margin less cost, per cost. Empty without a cost.",
    )

    @api.depends("campaign_id")
    def _compute_lift(self):
        # sudo: each figure has the groups of what it shows
        lifts = self.campaign_id.sudo()._get_lifts()
        for row in self:
            campaign = row.campaign_id
            row.lift = row.margin_lift = False
            if campaign in lifts:
                goal, margin = lifts[campaign]
                row.lift = campaign._get_goal_lift_text(goal)
                row.margin_lift = campaign._get_margin_lift_text(margin)

    @property
    def _table_query(self):
        Participant = self.env["crm.campaign.participant"]
        return SQL(
            """
            SELECT f.*, %(ratios)s
              FROM (
                SELECT c.id, c.id AS campaign_id, c.company_id, y.currency_id,
                       c.user_id, c.state, c.date_started, %(sums)s,
                       COALESCE(p.people, 0) AS people,
                       COALESCE(p.held_out, 0) AS held_out,
                       COALESCE(r.recipients, 0) AS recipients,
                       COALESCE(r.reached, 0) AS recipients_reached,
                       COALESCE(e.margin, 0) - COALESCE(e.cost, 0) AS profit
                  FROM crm_campaign c
                  JOIN res_company y ON y.id = c.company_id
             LEFT JOIN (
                    SELECT campaign_id,
                           count(*) FILTER (WHERE state <> 'held_out') AS people,
                           count(*) FILTER (WHERE state = 'held_out') AS held_out
                      FROM crm_campaign_participant
                  GROUP BY campaign_id
                  ) p ON p.campaign_id = c.id
             LEFT JOIN (
                    SELECT p.campaign_id, count(DISTINCT %(person)s) AS recipients,
                           count(DISTINCT %(person)s) FILTER (
                               WHERE g.date IS NOT NULL) AS reached
                      FROM crm_campaign_participant p
                 LEFT JOIN (%(reached)s) g
                        ON g.participant_id = p.id AND g.campaign_id = p.campaign_id
                     WHERE EXISTS (
                           SELECT FROM crm_campaign_task k
                             JOIN mailing_trace t ON t.crm_campaign_task_id = k.id
                            WHERE k.participant_id = p.id
                              AND t.trace_status IN ('sent', 'open', 'reply'))
                  GROUP BY p.campaign_id
                  ) r ON r.campaign_id = c.id
             LEFT JOIN (
                    SELECT campaign_id, %(mail_sums)s
                      FROM (%(mails)s) mails
                  GROUP BY campaign_id
                  ) m ON m.campaign_id = c.id
             LEFT JOIN (
                    SELECT c.id AS campaign_id, %(money_sums)s
                      FROM crm_campaign c
                      JOIN (%(facts)s) facts
                        ON facts.campaign_id = c.utm_campaign_id
                       AND (facts.company_id = c.company_id
                            OR facts.company_id IS NULL)
                  GROUP BY c.id
                  ) e ON e.campaign_id = c.id
                 -- what is drawn only is no campaign yet
                 WHERE c.draft_of_id IS NULL
              ) f
            """,
            ratios=self._get_ratio_columns("f"),
            sums=self._get_sum_columns(m=MAIL_SUMS, e=MONEY_SUMS),
            person=Participant._get_person_sql("p"),
            reached=Participant._get_reached_query(),
            mail_sums=self._get_sums(MAIL_SUMS),
            mails=self._get_mails_query(),
            money_sums=self._get_sums(MONEY_SUMS),
            facts=SQL(" UNION ALL ").join(
                self.env["crm.marketing.return.report"]._get_fact_queries()
            ),
        )

    @api.model
    def _get_sums(self, names):
        return SQL(", ").join(
            SQL("sum(%s) AS %s", SQL.identifier(name), SQL.identifier(name))
            for name in names
        )

    def action_open_campaign(self):
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "res_model": "crm.campaign",
            "res_id": self.campaign_id.id,
            "view_mode": "form",
        }
