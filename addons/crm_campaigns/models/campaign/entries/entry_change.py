from datetime import timedelta

from odoo import api, fields, models
from odoo.tools import SQL
from odoo.tools.translate import LazyTranslate

from ....tools.entry_kind import FORECAST_DAYS, LATE, EntryKind, shift_candidates

_lt = LazyTranslate(__name__)


class ChangeEntry(EntryKind):
    """A record changes in a way that a ledger of crm_plus keeps: at once, when it does.
    What that could not is found when the scheduler looks.
    """

    look_minutes = 60

    def get_forecast(self):
        since = fields.Datetime.now() - timedelta(days=FORECAST_DAYS)
        changed = self._get_changed_candidates(SQL("TRUE"), since)
        return shift_candidates(changed, FORECAST_DAYS), self.env._(
            "Those to whom it happened in the last %s days, as if it happened again.",
            FORECAST_DAYS,
        )

    def get_candidates(self, since):
        return self._get_changed_candidates(
            SQL("TRUE"), max(since - LATE, self.campaign.date_started)
        )

    def get_touched_candidates(self, res_ids):
        """Those of these records that have changed so since the start."""
        return self._get_changed_candidates(
            SQL("h.res_id = ANY(%s)", list(res_ids)), self.campaign.date_started
        )

    def _get_ledger(self):
        """Hook: SQL of ``res_id``, ``event`` and ``date`` of all such changes."""
        raise NotImplementedError

    def _get_changed_candidates(self, condition, since):
        return self._narrow(
            SQL(
                "SELECT h.res_id, h.event, h.date FROM (%s) h"
                " WHERE %s AND h.date >= %s",
                self._get_ledger(),
                condition,
                since,
            )
        )


class StageEntry(ChangeEntry):
    """A lead or opportunity comes to a stage; each visit of a stage is an event."""

    code = "stage"
    label = _lt("Reaches a stage")
    icon = "fa-flag-o"
    fields = ("entry_stage_ids", "entry_domain")

    def get_model(self):
        return "crm.lead"

    def get_problems(self):
        if not self.campaign.entry_stage_ids:
            return [self.env._("Choose the stage that lets people enter.")]
        return []

    def get_text(self):
        return ", ".join(self.campaign.entry_stage_ids.mapped("name"))

    def _get_ledger(self):
        self.env["crm.stage.history"].flush_model()
        return SQL(
            """
            SELECT lead_id AS res_id, 'stage ' || id AS event, date_start AS date
              FROM crm_stage_history WHERE stage_id = ANY(%s)
            """,
            self.campaign.entry_stage_ids.ids,
        )


class ScoreEntry(ChangeEntry):
    """The score of a lead or contact rises above a threshold, or falls below it; each
    crossing is an event.
    """

    code = "score"
    label = _lt("Crosses a score")
    icon = "fa-line-chart"
    fields = ("entry_threshold_id", "entry_direction", "entry_domain")

    def _get_threshold_sudo(self):
        # sudo: whoever sees the campaign may know who enters
        return self.campaign.sudo().entry_threshold_id

    def get_model(self):
        return self._get_threshold_sudo().target_model or super().get_model()

    def get_problems(self):
        if not self.campaign.entry_threshold_id:
            return [self.env._("Choose the score that lets people enter.")]
        return []

    def get_text(self):
        name = self._get_threshold_sudo().name
        if not name:
            return ""
        if self.campaign.entry_direction == "fall":
            return self.env._("Falls below “%s”", name)
        return self.env._("Rises above “%s”", name)

    def _get_ledger(self):
        self.env["crm.score.change"].flush_model()
        who = "lead_id" if self.get_model() == "crm.lead" else "partner_id"
        return SQL(
            """
            SELECT %(who)s AS res_id, 'score ' || id AS event, date
              FROM crm_score_change
             WHERE threshold_id = %(threshold)s AND direction = %(direction)s
               AND %(who)s IS NOT NULL
            """,
            who=SQL.identifier(who),
            threshold=self.campaign.entry_threshold_id.id,
            direction=self.campaign.entry_direction,
        )


class CrmCampaign(models.Model):
    _inherit = "crm.campaign"

    entry_stage_ids = fields.Many2many(
        "crm.stage",
        relation="crm_campaign_entry_stage_rel",
        string="Stages",
        help="Whoever comes to one of these stages enters; who is there already does "
        "not.",
    )
    entry_threshold_id = fields.Many2one(
        "crm.score.threshold",
        string="Score",
        domain="[('target_model', 'in', ('crm.lead', 'res.partner')),"
        " ('company_id', 'in', (False, company_id))]",
        index="btree_not_null",
        ondelete="restrict",
        help="A threshold of a scoring model. Who is above or below it already does "
        "not enter.",
    )
    entry_direction = fields.Selection(
        [("rise", "Rises above it"), ("fall", "Falls below it")],
        string="Which Way",
        default="rise",
        required=True,
    )

    @api.model
    def _get_entries(self):
        return [*super()._get_entries(), StageEntry, ScoreEntry]

    @api.model
    def _get_audience_fields(self):
        # it says of which records the campaign is
        return super()._get_audience_fields() | {"entry_threshold_id"}

    @api.model
    def _enter_changed(self, code, res_model, res_ids):
        """These records may have changed as campaigns with that entry ask for: a
        statement a campaign, of which there are few; none where none was started.
        """
        if not res_ids or not self._any_started():
            return
        # sudo: journeys begin by what happens, whoever makes it happen
        campaigns = self.sudo().search(
            [("state", "=", "running"), ("entry", "=", code)]
        )
        for campaign in campaigns.filtered(lambda c: c._get_model() == res_model):
            campaign._try_enrol(lambda kind: kind.get_touched_candidates(res_ids))


class CrmStageHistory(models.Model):
    _inherit = "crm.stage.history"

    @api.model
    def _sync(self, lead_ids=None, are_new=False):
        """When the transaction is about to commit: leads are moved in the midst of
        other changes."""
        result = super()._sync(lead_ids, are_new)
        if lead_ids and self.env["crm.campaign"]._any_started():
            precommit = self.env.cr.precommit
            key = "crm_campaigns.moved_leads"
            if key not in precommit.data:
                precommit.data[key] = set()
                precommit.add(self.browse()._enter_moved)
            precommit.data[key].update(lead_ids)
        return result

    @api.model
    def _enter_moved(self):
        lead_ids = self.env.cr.precommit.data.pop("crm_campaigns.moved_leads", ())
        self.env["crm.campaign"]._enter_changed("stage", "crm.lead", list(lead_ids))
