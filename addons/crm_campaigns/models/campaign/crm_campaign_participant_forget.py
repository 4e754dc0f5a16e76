from odoo import api, fields, models
from odoo.tools import SQL


class CrmCampaignParticipant(models.Model):
    """Records that are deleted: their journeys end, what tells who it was goes, and
    what the campaign did and achieved is counted on.
    """

    _inherit = "crm.campaign.participant"

    is_forgotten = fields.Boolean(
        string="Forgotten",
        readonly=True,
        help="The record was deleted: the name and the address went with it. The "
        "figures of the campaign count it on.",
    )
    date_reached = fields.Datetime(
        string="Success On",
        readonly=True,
        help="Of forgotten ones: when they reached what the campaign is for. Of all "
        "others the timeline tells.",
    )

    @api.depends("is_forgotten")
    def _compute_who(self):
        forgotten = self.filtered("is_forgotten")
        super(CrmCampaignParticipant, self - forgotten)._compute_who()
        for participant in forgotten:
            participant.who = self.env._("Forgotten (%s)", participant.id)

    @api.model
    def _forget(self, model, res_ids):
        """These records are about to be deleted."""
        if not res_ids or not self.env["crm.campaign"]._any_started():
            return
        # sudo: whoever deletes a record does not see journeys
        Participant = self.sudo()
        Participant.flush_model()
        self.env["crm.campaign"].flush_model(["state"])
        rows = self.env.execute_query(
            SQL(
                """
                SELECT p.id
                  FROM crm_campaign c
                  -- one index: campaign, model, record
                  JOIN crm_campaign_participant p
                    ON p.campaign_id = c.id AND p.res_model = %s AND p.res_id = ANY(%s)
                 WHERE c.state <> 'draft'
                """,
                model,
                list(res_ids),
            )
        )
        ids = [row[0] for row in rows]
        if not ids:
            return
        Participant._exit({"deleted": ids})
        self._keep_reached(ids)
        # who waits for the scheduler is found by it, and ends as deleted
        self.env.execute_query(
            SQL(
                """
                UPDATE crm_campaign_participant
                   SET is_forgotten = TRUE, email = NULL, person = NULL,
                       lead_id = NULL, partner_id = NULL, write_date = %s
                 WHERE id = ANY(%s)
             RETURNING id
                """,
                fields.Datetime.now(),
                ids,
            )
        )
        self.invalidate_model(flush=False)
        self._forget_traces(ids)

    @api.model
    def _keep_reached(self, ids):
        """The success of these people, as the timeline tells it, which loses them."""
        self.env["crm.touchpoint"].flush_model()
        self.env["crm.campaign"].flush_model()
        self.env.execute_query(
            SQL(
                """
                UPDATE crm_campaign_participant p
                   SET date_reached = r.date
                  FROM (%s) r
                 WHERE r.participant_id = p.id AND p.id = ANY(%s)
             RETURNING p.id
                """,
                self._get_reached_query(SQL("p.id = ANY(%s)", ids)),
                ids,
            )
        )

    @api.model
    def _forget_traces(self, ids):
        """Hook: what else tells who they were. Addresses in the traces of their mails;
        that they were sent, opened and clicked stays.
        """
        # sudo: traces are the system's
        self.env["mailing.trace"].sudo().search(
            [("crm_campaign_task_id.participant_id", "in", ids)]
        ).write({"email": False})
