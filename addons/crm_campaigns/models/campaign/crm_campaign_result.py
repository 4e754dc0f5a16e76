from odoo import api, fields, models
from odoo.tools import SQL

RESULT_CODES = ("lead_won", "order_confirmed")
RESULT_DAYS = 30
# what the SQL of results reads, for the ``_depends`` of a report
RESULT_DEPENDS = {
    "account.move": [
        "amount_residual_signed",
        "amount_total_signed",
        "commercial_partner_id",
        "company_id",
        "state",
    ],
    "crm.attribution": ["date_until", "margin", "move_id", "origin_id", "revenue"],
    "crm.campaign": ["company_id", "result_days", "result_kind_ids"],
    "crm.campaign.participant": [
        "campaign_id",
        "date_entered",
        "date_reached",
        "email",
        "lead_id",
        "partner_id",
        "res_id",
        "res_model",
        "state",
    ],
    "crm.lead": ["partner_id"],
    "crm.touchpoint": [
        "commercial_partner_id",
        "company_id",
        "date",
        "is_machine",
        "kind_id",
        "lead_id",
    ],
    "res.partner": ["commercial_partner_id"],
}


class CrmCampaign(models.Model):
    """What became of the people of a campaign: who reached what it is for, and what
    they were invoiced (KPI 35, 42).

    The same is asked of those it writes to and of those it holds out, and does not
    depend on what it does: touchpoints and posted invoices within so many days after
    somebody entered.
    """

    _inherit = "crm.campaign"

    result_kind_ids = fields.Many2many(
        "crm.touchpoint.kind",
        relation="crm_campaign_result_rel",
        string="Success Is",
        default=lambda self: self.env["crm.touchpoint.kind"].search(
            [("code", "in", RESULT_CODES)]
        ),
        help="What the people of the campaign shall do, as the timeline tells it: of "
        "the lead, or of the customer.",
    )
    result_days = fields.Integer(
        string="Counts For",
        default=RESULT_DAYS,
        required=True,
        help="Days after somebody entered in which success and invoices count.",
    )

    _result_days_positive = models.Constraint(
        "CHECK(result_days > 0)", "Something must count for a day at least."
    )

    def _get_measure_action(self, xmlid, name):
        self.ensure_one()
        action = self.env["ir.actions.actions"]._for_xml_id(f"crm_campaigns.{xmlid}")
        action["name"] = f"{self.name}: {name}"
        action["domain"] = [("campaign_id", "=", self.id)]
        action["context"] = {}
        # none of it has an address of its own: one campaign only
        action.pop("path", None)
        return action

    def action_view_funnel(self):
        return self._get_measure_action(
            "crm_campaign_step_report_action", self.env._("Funnel")
        )

    def action_view_links(self):
        return self._get_measure_action(
            "crm_campaign_link_report_action", self.env._("Links")
        )

    def action_view_results(self):
        return self._get_measure_action(
            "crm_campaign_result_report_action", self.env._("Results")
        )


class CrmCampaignParticipant(models.Model):
    _inherit = "crm.campaign.participant"

    @api.model
    def _get_person_sql(self, alias):
        """SQL of who a participant is: the same person at each enrolment."""
        return SQL(
            "COALESCE(%s, %s || ',' || %s)",
            *(SQL.identifier(alias, name) for name in ("email", "res_model", "res_id")),
        )

    @api.model
    def _get_reached_query(self, condition=None):
        """SQL of who reached what the campaign is for: ``campaign_id``,
        ``participant_id`` and the ``date`` it was first.

        :param condition: SQL on the participant ``p``
        """
        return SQL(
            """
            SELECT p.campaign_id, p.id AS participant_id, min(t.date) AS date
              FROM crm_campaign_participant p
              JOIN crm_campaign c ON c.id = p.campaign_id
              JOIN crm_campaign_result_rel r ON r.crm_campaign_id = p.campaign_id
         LEFT JOIN crm_lead l ON l.id = p.lead_id
         LEFT JOIN res_partner w ON w.id = COALESCE(p.partner_id, l.partner_id)
      CROSS JOIN LATERAL (
                SELECT kind_id, date, company_id, is_machine
                  FROM crm_touchpoint WHERE lead_id = p.lead_id
                 UNION ALL
                SELECT kind_id, date, company_id, is_machine
                  FROM crm_touchpoint
                 WHERE commercial_partner_id = w.commercial_partner_id
                   AND date > p.date_entered
              ) t
             WHERE t.kind_id = r.crm_touchpoint_kind_id AND t.is_machine IS NOT TRUE
               AND p.is_forgotten IS NOT TRUE AND %(condition)s
               AND (t.company_id = c.company_id OR t.company_id IS NULL)
               AND t.date > p.date_entered
               AND t.date < p.date_entered + c.result_days * interval '1 day'
          GROUP BY p.campaign_id, p.id
             UNION ALL
            SELECT p.campaign_id, p.id, p.date_reached
              FROM crm_campaign_participant p
             WHERE p.date_reached IS NOT NULL AND %(condition)s
            """,
            condition=condition or SQL("TRUE"),
        )

    @api.model
    def _get_sold_query(self):
        """SQL of posted invoices, and credit notes, of the people of campaigns:
        ``campaign_id``, ``participant_id``, ``date``, and ``revenue``, ``margin`` and
        ``paid`` in company currency.

        A credit note counts where its invoice does. Several people of one customer in a
        campaign share an invoice evenly: it counts once.
        """
        return SQL(
            """
            SELECT s.campaign_id, s.participant_id, s.date,
                   s.revenue / s.people AS revenue, s.margin / s.people AS margin,
                   s.paid / s.people AS paid
              FROM (
                SELECT p.campaign_id, p.id AS participant_id, a.revenue, a.margin,
                       COALESCE(o.date_until, a.date_until) AS date,
                       a.revenue * COALESCE(1 - m.amount_residual_signed
                                   / NULLIF(m.amount_total_signed, 0), 1) AS paid,
                       count(*) OVER (PARTITION BY p.campaign_id, a.id) AS people
                  FROM crm_campaign_participant p
                  JOIN crm_campaign c ON c.id = p.campaign_id
             LEFT JOIN crm_lead l ON l.id = p.lead_id
                  JOIN res_partner w ON w.id = COALESCE(p.partner_id, l.partner_id)
                  JOIN account_move m
                    ON m.commercial_partner_id = w.commercial_partner_id
                   AND m.company_id = c.company_id AND m.state = 'posted'
                  JOIN crm_attribution a ON a.move_id = m.id
             LEFT JOIN crm_attribution o ON o.id = a.origin_id
                 WHERE COALESCE(o.date_until, a.date_until) > p.date_entered
                   AND COALESCE(o.date_until, a.date_until)
                       < p.date_entered + c.result_days * interval '1 day'
              ) s
            """
        )
