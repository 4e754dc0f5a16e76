from odoo import api, models
from odoo.tools import SQL

from .crm_score_model import TOUCHPOINT_LIMIT


class CrmTouchpoint(models.Model):
    _inherit = "crm.touchpoint"

    # What a contact did outside of any lead counts for its leads: without this, each
    # lead would read all that its contact did in others.
    _no_lead_idx = models.Index("(partner_id) WHERE lead_id IS NULL")

    @api.model
    def _get_sources(self):
        return [*super()._get_sources(), self._source_lead_mql()]

    @api.model
    def _source_lead_mql(self):
        source = self._lead_source(
            "lead_mql",
            date=SQL("l.date_mql"),
            where=SQL("l.date_mql IS NOT NULL"),
            # the start of the transaction that qualified the lead
            changed=(SQL("l.date_mql"),),
        )
        source.depends["crm.lead"].append("date_mql")
        return source

    @api.model
    def _get_derived_kinds(self):
        return super()._get_derived_kinds() | {"lead_mql"}

    @api.model
    def _follow_leads(self, lead_ids):
        super()._follow_leads(lead_ids)
        Model = self.env["crm.score.model"]
        if Model._get_watched_fields("res.partner"):
            # the ledger of these customers has got longer
            customers = self.env["crm.lead"].browse(lead_ids).partner_id
            customers |= customers.commercial_partner_id
            Model._queue_recompute("res.partner", customers.ids)

    @api.model
    def _on_harvested(self, touchpoint_ids):
        super()._on_harvested(touchpoint_ids)
        Model = self.env["crm.score.model"]
        if not Model._get_engaging_kind_ids():
            return
        if len(touchpoint_ids) > TOUCHPOINT_LIMIT:
            # sudo: runs are written by the system only
            Run = self.env["crm.score.run"].sudo()
            Run._start(Run._get_targets(), is_full=False)
            return
        for target_model, ids in Model._get_touched(touchpoint_ids).items():
            if Model._get_watched_fields(target_model):
                Model._queue_recompute(target_model, ids)
