from odoo import api, fields, models
from odoo.tools import SQL


class CrmCampaign(models.Model):
    """Who enters a campaign, and who leaves it with the segment. Set-based: one
    statement makes the participants, one their first tasks.
    """

    _inherit = "crm.campaign"

    @api.model
    def _get_people_query(self, model):
        """Hook: SQL of who stands behind the records of a model: ``id``, ``active``,
        ``email`` (normalised), ``lead_id``, ``partner_id``, and of leads
        ``won_status``.
        """
        if model == "crm.lead":
            return SQL(
                "SELECT id, active, NULLIF(email_normalized, '') AS email,"
                " id AS lead_id, partner_id, won_status FROM crm_lead"
            )
        return SQL(
            "SELECT id, active, NULLIF(email_normalized, '') AS email,"
            " NULL::int4 AS lead_id, id AS partner_id FROM res_partner"
        )

    @api.model
    def _flush_people(self, model):
        """Write what ``_get_people_query`` reads."""
        names = {
            "crm.lead": ["active", "email_normalized", "partner_id", "won_status"],
            "res.partner": ["active", "email_normalized"],
        }
        self.env[model].flush_model(names.get(model))

    def _enrol(self, member_ids=None):
        """Enrol members of the segment who may enter: all, or some that have joined.

        :return: ids of the new participants
        """
        new_ids = []
        for campaign in self.filtered(lambda c: c.state == "running"):
            new_ids += campaign._enrol_candidates(
                campaign._get_member_candidates(member_ids)
            )
        return new_ids

    def _get_member_candidates(self, member_ids):
        self.env["crm.segment.member"].flush_model()
        return SQL(
            """
            SELECT m.id AS member_id, m.res_id, m.date_joined AS date
              FROM crm_segment_member m
             WHERE m.segment_id = %(segment)s AND m.date_left IS NULL
               AND m.res_model = %(model)s AND %(window)s
            """,
            segment=self.segment_id.id,
            model=self._get_model(),
            window=(
                SQL("TRUE")
                if member_ids is None
                else SQL("m.id = ANY(%s)", list(member_ids))
            ),
        )

    def _get_before_condition(self):
        """Hook: SQL of the enrolments ``p`` of a record or address that keep candidate
        ``n`` out."""
        if self.reentry == "after_exit":
            # only by a stay that began after the end
            return SQL(
                "(p.state = 'running' OR p.member_id = n.member_id"
                " OR p.date_left > n.date)"
            )
        return SQL("TRUE")

    def _enrol_candidates(self, candidates):
        """Make participants of those candidates who may enter, and plan their first
        steps.

        A record, and an e-mail address, is once at a time in a campaign: unique indexes
        see to it, also between two transactions.

        :param candidates: SQL of ``res_id``, ``member_id`` and ``date`` of the event
        :return: ids of the new participants
        """
        self.ensure_one()
        model = self._get_model()
        self.env["crm.campaign.participant"].flush_model()
        self._flush_people(model)
        rows = self.env.execute_query(
            SQL(
                """
                INSERT INTO crm_campaign_participant (
                    campaign_id, company_id, member_id, number, res_model, res_id,
                    lead_id, partner_id, email, state, date_entered,
                    create_date, write_date
                )
                SELECT %(campaign)s, %(company)s, e.member_id,
                       1 + COALESCE((
                           SELECT max(p.number) FROM crm_campaign_participant p
                            WHERE p.campaign_id = %(campaign)s
                              AND p.res_model = %(model)s AND p.res_id = e.res_id), 0),
                       %(model)s, e.res_id, e.lead_id, e.partner_id, e.email,
                       'running', %(now)s, %(now)s, %(now)s
                  FROM (
                    SELECT DISTINCT ON (COALESCE(n.email, n.res_id::text)) n.*
                      FROM (
                        SELECT c.member_id, c.date, r.id AS res_id, r.lead_id,
                               r.partner_id, r.email
                          FROM (%(candidates)s) c
                          JOIN (%(people)s) r ON r.id = c.res_id
                      ) n
                     WHERE NOT EXISTS (
                           SELECT FROM crm_campaign_participant p
                            WHERE p.campaign_id = %(campaign)s
                              AND p.res_model = %(model)s AND p.res_id = n.res_id
                              AND %(before)s)
                       AND NOT EXISTS (
                           SELECT FROM crm_campaign_participant p
                            WHERE p.campaign_id = %(campaign)s
                              AND p.email = n.email
                              AND %(before)s)
                  ORDER BY COALESCE(n.email, n.res_id::text), n.date, n.res_id
                  ) e
              ORDER BY e.res_id
           ON CONFLICT DO NOTHING
             RETURNING id
                """,
                campaign=self.id,
                company=self.company_id.id,
                model=model,
                candidates=candidates,
                people=self._get_people_query(model),
                before=self._get_before_condition(),
                now=fields.Datetime.now(),
            )
        )
        new_ids = [row[0] for row in rows]
        if new_ids:
            self.env["crm.campaign.participant"].invalidate_model(flush=False)
            self.env["crm.campaign.task"]._plan_roots(new_ids)
        return new_ids

    @api.model
    def _enrol_changed(self):
        """Look at whole segments again that were refreshed since: a safety net, since
        whoever joins is enrolled in the transaction of the refresh."""
        campaigns = self.search([("state", "=", "running")]).filtered(
            lambda c: c.segment_id.date_refreshed != c.date_segment
        )
        for campaign in campaigns:
            refreshed = campaign.segment_id.date_refreshed
            campaign._enrol()
            if campaign.exit_on_leave:
                campaign._exit_left()
            campaign.date_segment = refreshed
        return campaigns

    def _exit_left(self, member_ids=None):
        """End the journey of those who have left the segment, where it says so."""
        campaigns = self.filtered(
            lambda c: c.exit_on_leave and c.state in ("running", "stopped")
        )
        if not campaigns:
            return
        self.env["crm.segment.member"].flush_model(["date_left"])
        self.env["crm.campaign.participant"].flush_model()
        rows = self.env.execute_query(
            SQL(
                """
                SELECT p.id
                  FROM crm_campaign_participant p
                  JOIN crm_campaign c ON c.id = p.campaign_id
                  JOIN crm_segment_member m
                    ON m.segment_id = c.segment_id AND m.res_id = p.res_id
                 WHERE p.campaign_id = ANY(%(campaigns)s)
                   AND p.state = 'running'
                   AND m.date_left IS NOT NULL
                   AND %(window)s
                   AND NOT EXISTS (
                       SELECT FROM crm_segment_member o
                        WHERE o.segment_id = c.segment_id AND o.res_id = p.res_id
                          AND o.date_left IS NULL)
              GROUP BY p.id
                """,
                campaigns=campaigns.ids,
                window=(
                    SQL("TRUE")
                    if member_ids is None
                    else SQL("m.id = ANY(%s)", list(member_ids))
                ),
            )
        )
        self.env["crm.campaign.participant"]._exit({"left": [row[0] for row in rows]})
