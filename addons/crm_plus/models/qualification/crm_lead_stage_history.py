from odoo import api, fields, models


class CrmLead(models.Model):
    _inherit = "crm.lead"

    stage_history_ids = fields.One2many(
        "crm.stage.history", "lead_id", string="Stages", readonly=True, copy=False
    )

    @api.model_create_multi
    def create(self, vals_list):
        leads = super().create(vals_list)
        leads._sync_stage_history(are_new=True)
        return leads

    def write(self, vals):
        result = super().write(vals)
        if vals.keys() & {"stage_id", "team_id", "active", "probability", "is_junk"}:
            self._sync_stage_history()
        return result

    def _sync_stage_history(self, are_new=False):
        if self.ids:
            # sudo: the ledger is written by the system only
            self.env["crm.stage.history"].sudo()._sync(self.ids, are_new)

    def _merge_dependences(self, opportunities):
        super()._merge_dependences(opportunities)
        # sudo: the ledger is written by the system only
        self.env["crm.stage.history"].sudo()._move_leads(opportunities.ids, self.id)
