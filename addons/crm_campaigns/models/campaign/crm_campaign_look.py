import logging
from datetime import timedelta

import psycopg2

from odoo import api, fields, models
from odoo.tools import SQL

from ..engagement.crm_touchpoint import SENT_KINDS

_logger = logging.getLogger(__name__)

# Participants looked at in one transaction.
LOOK_SIZE = 5_000
# What changes without an event (the passing of time, a computed field) is found by a
# look at everybody, so often: one statement a condition.
LOOK_MINUTES = 15


class CrmCampaignLook(models.Model):
    """Whom something has happened to, and whom the scheduler therefore looks at.

    Conditions that people wait for, goals and rules that end a journey are not asked
    within the transaction of whoever changes something: that only adds a row here. No
    row of the campaign is locked, no foreign key checked, so nobody waits for the
    scheduler. It takes the rows, asks each condition once for all of those people, and
    deletes them in the transaction of what follows: what a crash undoes is asked again.

    Campaigns that watch for nothing add no rows and cost nothing.

    Internal: a row lives until the scheduler comes by, seconds as a rule, and says no
    more than the journey of its participant does. So it has no views and no menu.
    """

    _name = "crm.campaign.look"
    _description = "Campaign Participant to Look At"
    _order = "id"
    _log_access = False

    # not a many2one: see above
    participant = fields.Integer(required=True, readonly=True)

    # ------------------------------------------------------------
    # Something happened
    # ------------------------------------------------------------

    @api.model
    def _ask(self, lead_ids=(), partner_ids=()):
        """Have the scheduler look at those of these leads and contacts that are on
        their way in a campaign that watches.
        """
        campaign_ids = self.env["crm.campaign"]._get_watching_ids()
        if not campaign_ids or not (lead_ids or partner_ids):
            return
        self.env["crm.campaign.participant"].flush_model()
        rows = self.env.execute_query(
            SQL(
                """
                INSERT INTO crm_campaign_look (participant)
                SELECT p.id
                  FROM unnest(%(leads)s::int4[]) lead (id)
                  JOIN crm_campaign_participant p ON p.lead_id = lead.id
                 WHERE p.state = 'running' AND p.campaign_id = ANY(%(campaigns)s)
                 UNION
                SELECT p.id
                  FROM unnest(%(partners)s::int4[]) partner (id)
                  JOIN crm_campaign_participant p ON p.partner_id = partner.id
                 WHERE p.state = 'running' AND p.campaign_id = ANY(%(campaigns)s)
             RETURNING id
                """,
                campaigns=list(campaign_ids),
                leads=list(lead_ids),
                partners=list(partner_ids),
            )
        )
        if rows:
            self.env["crm.campaign.task"]._trigger()

    @api.model
    def _ask_touched(self, touchpoint_ids):
        """The same for those whom these touchpoints are of; that we have sent them a
        mail is no news.
        """
        if not self.env["crm.campaign"]._get_watching_ids():
            return
        [(lead_ids, partner_ids)] = self.env.execute_query(
            SQL(
                """
                SELECT array_agg(DISTINCT t.lead_id)
                           FILTER (WHERE t.lead_id IS NOT NULL),
                       array_agg(DISTINCT t.partner_id)
                           FILTER (WHERE t.partner_id IS NOT NULL)
                  FROM crm_touchpoint t
                  JOIN crm_touchpoint_kind k ON k.id = t.kind_id
                 WHERE t.id = ANY(%s) AND k.code <> ALL(%s)
                """,
                list(touchpoint_ids),
                list(SENT_KINDS),
            )
        )
        self._ask(lead_ids or (), partner_ids or ())

    @api.model
    def _ask_of_tasks(self, task_ids):
        """The same for those whose task it is that something has become of: a message,
        an activity.
        """
        campaign_ids = self.env["crm.campaign"]._get_watching_ids() if task_ids else ()
        if not campaign_ids:
            return
        self.env["crm.campaign.task"].flush_model(["participant_id"])
        self.env["crm.campaign.participant"].flush_model(["campaign_id", "state"])
        rows = self.env.execute_query(
            SQL(
                """
                INSERT INTO crm_campaign_look (participant)
                SELECT DISTINCT p.id
                  FROM crm_campaign_task k
                  JOIN crm_campaign_participant p ON p.id = k.participant_id
                 WHERE k.id = ANY(%s) AND p.state = 'running'
                   AND p.campaign_id = ANY(%s)
             RETURNING id
                """,
                list(task_ids),
                list(campaign_ids),
            )
        )
        if rows:
            self.env["crm.campaign.task"]._trigger()

    # ------------------------------------------------------------
    # The scheduler
    # ------------------------------------------------------------

    @api.model
    def _look(self):
        """One bounded round: those whom something has happened to, then whole campaigns
        whose time has come.
        """
        IrCron = self.env["ir.cron"]
        campaigns = self.env["crm.campaign"].browse(
            self.env["crm.campaign"]._get_watching_ids()
        )
        rows = self.env.execute_query(
            SQL(
                """
                SELECT id, participant FROM crm_campaign_look
              ORDER BY id LIMIT %s
            FOR UPDATE SKIP LOCKED
                """,
                LOOK_SIZE,
            )
        )
        if rows:
            ids, participant_ids = zip(*rows, strict=True)
            for campaign in campaigns:
                campaign._look_at(SQL("p.id = ANY(%s)", list(set(participant_ids))))
            self.env.execute_query(
                SQL(
                    "DELETE FROM crm_campaign_look WHERE id = ANY(%s) RETURNING id",
                    list(ids),
                )
            )
            IrCron._commit_progress()
            if len(rows) == LOOK_SIZE:
                self.env["crm.campaign.task"]._trigger()
        self._look_at_all(campaigns)

    @api.model
    def _look_at_all(self, campaigns):
        """Look at everybody in those campaigns that were not looked at for a while, and
        come back for the next one. Campaigns that nobody is in are left alone, unless
        a split has still to find its winner.
        """
        deciding = self.env["crm.campaign.step"]._get_deciding()
        campaigns |= deciding.campaign_id
        if not campaigns:
            return
        now = fields.Datetime.now()
        before = now - timedelta(minutes=LOOK_MINUTES)
        campaigns.flush_recordset()
        self.env["crm.campaign.participant"].flush_model()
        rows = self.env.execute_query(
            SQL(
                """
                SELECT c.id, c.date_watched FROM crm_campaign c
                 WHERE c.id = ANY(%s)
                   AND (c.id = ANY(%s) OR EXISTS (
                        SELECT FROM crm_campaign_participant
                         WHERE campaign_id = c.id AND state = 'running'))
              ORDER BY c.id
                """,
                campaigns.ids,
                deciding.campaign_id.ids,
            )
        )
        dates = []
        for campaign_id, watched in rows:
            if not watched or watched <= before:
                campaign = campaigns.browse(campaign_id)
                campaign._look_at_everybody(
                    deciding.filtered(
                        lambda step, campaign=campaign: step.campaign_id == campaign
                    )
                )
                watched = now
                self.env["ir.cron"]._commit_progress()
            dates.append(watched)
        if dates:
            self.env["crm.campaign.task"]._trigger_once(
                min(dates) + timedelta(minutes=LOOK_MINUTES)
            )

    @api.autovacuum
    def _gc_looks(self):
        """Those of campaigns that were stopped before anybody looked."""
        if not self.env["crm.campaign"]._get_watching_ids():
            # the engine's own rows
            self.sudo().search([], limit=LOOK_SIZE).unlink()


class CrmCampaignStep(models.Model):
    _inherit = "crm.campaign.step"

    def _try_look(self, condition):
        """Look, see ``StepKind.look``; a step whose condition does not work any more
        stands still, and says why. Whoever waits there goes on waiting.
        """
        self.ensure_one()
        try:
            with self.env.cr.savepoint():
                self._get_kind().look(condition)
        except psycopg2.OperationalError:
            raise  # serialisation, lock timeout: tried again
        except Exception as error:
            self.env.invalidate_all()
            _logger.info("crm_campaigns: step %s cannot look", self.id, exc_info=True)
            self._halt(str(error) or error.__class__.__name__)
