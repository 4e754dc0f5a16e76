from odoo import fields, models
from odoo.tools import SQL

from odoo.addons.crm_plus.models.customer.crm_customer_yardstick import MONEY_GROUPS

from ..models.campaign.crm_campaign_result import RESULT_DEPENDS


class CrmCampaignResultReport(models.Model):
    """What became of each person of a campaign, held out or not: a row an enrolment.

    What counts, and for how long, is said by the campaign.
    """

    _name = "crm.campaign.result.report"
    _description = "Results of Campaigns"
    _auto = False
    _order = "date_entered desc, id desc"
    _rec_name = "participant_id"
    _depends = {**RESULT_DEPENDS, "res.company": ["currency_id"]}

    participant_id = fields.Many2one("crm.campaign.participant", readonly=True)
    campaign_id = fields.Many2one("crm.campaign", readonly=True)
    company_id = fields.Many2one("res.company", readonly=True)
    currency_id = fields.Many2one("res.currency", readonly=True)
    partner_id = fields.Many2one("res.partner", string="Contact", readonly=True)
    lead_id = fields.Many2one("crm.lead", string="Lead/Opportunity", readonly=True)
    is_held_out = fields.Boolean(string="Held Out", readonly=True)
    date_entered = fields.Datetime(string="Entered", readonly=True)
    people = fields.Integer(readonly=True)
    is_reached = fields.Integer(string="Success", readonly=True)
    date_reached = fields.Datetime(string="Success On", readonly=True)
    reached_rate = fields.Float(
        string="Success (%)", readonly=True, digits=(16, 1), aggregator="avg"
    )
    is_over = fields.Boolean(
        string="Time Is Over",
        readonly=True,
        help="Nothing counts any more; of the others more may come.",
    )
    revenue = fields.Monetary(
        string="Invoiced",
        readonly=True,
        groups=MONEY_GROUPS,
        help="Posted invoices less credit notes, untaxed, within the time that counts.",
    )
    margin = fields.Monetary(readonly=True, groups=MONEY_GROUPS)
    paid = fields.Monetary(readonly=True, groups=MONEY_GROUPS)
    person = fields.Char(readonly=True, export_string_translation=False)

    @property
    def _table_query(self):
        Participant = self.env["crm.campaign.participant"]
        return SQL(
            """
            SELECT p.id, p.id AS participant_id, p.campaign_id, c.company_id,
                   y.currency_id, COALESCE(p.partner_id, l.partner_id) AS partner_id,
                   p.lead_id, p.state = 'held_out' AS is_held_out, p.date_entered,
                   1 AS people, (g.date IS NOT NULL)::int AS is_reached,
                   g.date AS date_reached,
                   (g.date IS NOT NULL)::int * 100.0 AS reached_rate,
                   p.date_entered + c.result_days * interval '1 day'
                       < now() AT TIME ZONE 'UTC' AS is_over,
                   COALESCE(v.revenue, 0) AS revenue, COALESCE(v.margin, 0) AS margin,
                   COALESCE(v.paid, 0) AS paid,
                   %(person)s AS person
              FROM crm_campaign_participant p
              JOIN crm_campaign c ON c.id = p.campaign_id
              JOIN res_company y ON y.id = c.company_id
         LEFT JOIN crm_lead l ON l.id = p.lead_id
         LEFT JOIN (%(reached)s) g
                ON g.participant_id = p.id AND g.campaign_id = p.campaign_id
         LEFT JOIN (
                SELECT campaign_id, participant_id, sum(revenue) AS revenue,
                       sum(margin) AS margin, sum(paid) AS paid
                  FROM (%(sold)s) sold
              GROUP BY campaign_id, participant_id
              ) v ON v.participant_id = p.id AND v.campaign_id = p.campaign_id
            """,
            person=Participant._get_person_sql("p"),
            reached=Participant._get_reached_query(),
            sold=Participant._get_sold_query(),
        )

    def action_open_participant(self):
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "res_model": "crm.campaign.participant",
            "res_id": self.participant_id.id,
            "view_mode": "form",
        }
