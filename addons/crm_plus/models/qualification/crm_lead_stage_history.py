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
        moves = vals.keys() & {"stage_id", "team_id", "active", "is_junk"}
        # A probability alone says whether an archived lead is lost, and nothing else.
        # Odoo writes it lead by lead when lost ones are restored.
        before = (
            {lead.id: lead.won_status for lead in self}
            if "probability" in vals and not moves
            else {}
        )
        result = super().write(vals)
        if moves:
            self._sync_stage_history()
        elif before:
            self.filtered(
                lambda lead: lead.won_status != before[lead.id]
            )._sync_stage_history()
        return result

    def _sync_stage_history(self, are_new=False):
        if self.ids:
            # sudo: the ledger is written by the system only
            self.env["crm.stage.history"].sudo()._sync(self.ids, are_new)

    def _merge_dependences(self, opportunities):
        super()._merge_dependences(opportunities)
        # sudo: the ledger is written by the system only
        self.env["crm.stage.history"].sudo()._move_leads(opportunities.ids, self.id)
