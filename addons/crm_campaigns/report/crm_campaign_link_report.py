from odoo import fields, models
from odoo.tools import SQL


class CrmCampaignLinkReport(models.Model):
    """Clicks on the links in the mails of campaigns: a row a link of a mail."""

    _name = "crm.campaign.link.report"
    _description = "Links of Campaigns"
    _inherit = ["crm.ratio.mixin"]
    _auto = False
    _order = "campaign_id, people desc, id"
    _rec_name = "url"
    _depends = {
        "crm.campaign": ["company_id"],
        "crm.campaign.step": ["campaign_id", "latest_id", "mailing_id"],
        "crm.campaign.task": ["participant_id", "step_id"],
        "link.tracker": ["label", "mass_mailing_id", "url"],
        "link.tracker.click": ["link_id", "machine_reason", "mailing_trace_id"],
        "mailing.trace": ["crm_campaign_task_id", "trace_status"],
    }
    _ratios = {"click_rate": ("people", "mails", 100)}

    campaign_id = fields.Many2one("crm.campaign", readonly=True)
    step_id = fields.Many2one("crm.campaign.step", string="Mail", readonly=True)
    company_id = fields.Many2one("res.company", readonly=True)
    link_id = fields.Many2one("link.tracker", string="Tracker", readonly=True)
    url = fields.Char(string="Link", readonly=True)
    label = fields.Char(string="Text", readonly=True)
    clicks = fields.Integer(readonly=True, help="Of people.")
    clicks_raw = fields.Integer(
        string="Clicks (Raw)", readonly=True, help="Of people and machines."
    )
    people = fields.Integer(
        readonly=True, help="Who clicked it, once each and for each mail."
    )
    people_raw = fields.Integer(string="People and Machines", readonly=True)
    mails = fields.Integer(
        readonly=True, help="Neither failed nor bounced, of the mail that it is in."
    )
    click_rate = fields.Float(
        string="Clicked (%)", readonly=True, digits=(16, 1), aggregator="avg"
    )

    @property
    def _table_query(self):
        return SQL(
            """
            SELECT f.*, %(ratios)s
              FROM (
                SELECT n.id, n.id AS link_id, s.campaign_id,
                       COALESCE(s.latest_id, s.id) AS step_id,
                       c.company_id, n.url, n.label,
                       COALESCE(x.clicks, 0) AS clicks,
                       COALESCE(x.clicks_raw, 0) AS clicks_raw,
                       COALESCE(x.people, 0) AS people,
                       COALESCE(x.people_raw, 0) AS people_raw,
                       COALESCE(m.mails, 0) AS mails
                  FROM link_tracker n
                  JOIN crm_campaign_step s ON s.mailing_id = n.mass_mailing_id
                  JOIN crm_campaign c
                    ON c.id = s.campaign_id AND c.draft_of_id IS NULL
             LEFT JOIN (
                    SELECT s.campaign_id, c.link_id, count(*) AS clicks_raw,
                           count(*) FILTER (WHERE c.machine_reason IS NULL) AS clicks,
                           count(DISTINCT k.participant_id) AS people_raw,
                           count(DISTINCT k.participant_id) FILTER (
                               WHERE c.machine_reason IS NULL) AS people
                      FROM crm_campaign_step s
                      JOIN link_tracker n ON n.mass_mailing_id = s.mailing_id
                      JOIN link_tracker_click c ON c.link_id = n.id
                      JOIN mailing_trace t ON t.id = c.mailing_trace_id
                      JOIN crm_campaign_task k ON k.id = t.crm_campaign_task_id
                  GROUP BY s.campaign_id, c.link_id
                  ) x ON x.campaign_id = s.campaign_id AND x.link_id = n.id
             LEFT JOIN (
                    SELECT s.campaign_id, s.id AS step_id, count(*) AS mails
                      FROM crm_campaign_step s
                      JOIN crm_campaign_task k ON k.step_id = s.id
                      JOIN mailing_trace t ON t.crm_campaign_task_id = k.id
                     WHERE t.trace_status NOT IN ('cancel', 'bounce', 'error')
                  GROUP BY s.campaign_id, s.id
                  ) m ON m.campaign_id = s.campaign_id AND m.step_id = s.id
              ) f
            """,
            ratios=self._get_ratio_columns("f"),
        )

    def action_view_people(self):
        """Who clicked it, without machines."""
        self.ensure_one()
        self.check_access("read")
        # sudo: who sees how many clicked may see who, in the rows they may read
        clicks_sudo = (
            self.env["link.tracker.click"]
            .sudo()
            .search([("link_id", "=", self.link_id.id), ("machine_reason", "=", False)])
        )
        tasks_sudo = clicks_sudo.mailing_trace_id.crm_campaign_task_id
        action = self.env["ir.actions.actions"]._for_xml_id(
            "crm_campaigns.crm_campaign_participant_action"
        )
        action["name"] = self.url
        action["domain"] = [("id", "in", tasks_sudo.participant_id.ids)]
        action["context"] = {}
        return action
