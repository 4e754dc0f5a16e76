from odoo import api, fields, models


class CrmLead(models.Model):
    _inherit = "crm.lead"

    touchpoint_count = fields.Integer(compute="_compute_touchpoint_count")

    _touchpoint_watermark_idx = models.Index("(write_date)")
    _touchpoint_created_idx = models.Index("(create_date)")

    def _compute_touchpoint_count(self):
        counts = dict(
            self.env["crm.touchpoint"]._read_group(
                [("lead_id", "in", self.ids)], ["lead_id"], ["__count"]
            )
        )
        for lead in self:
            lead.touchpoint_count = counts.get(lead._origin, 0)

    @api.model_create_multi
    def create(self, vals_list):
        leads = super().create(vals_list)
        self.env["crm.touchpoint"]._queue_harvest("lead_created", leads.ids)
        return leads

    def write(self, vals):
        result = super().write(vals)
        Touchpoint = self.env["crm.touchpoint"]
        if vals.keys() & {"stage_id", "active", "probability", "won_status"}:
            Touchpoint._queue_harvest("lead_won", self.ids)
            Touchpoint._queue_harvest("lead_lost", self.ids)
        if vals.get("partner_id"):
            # sudo: the ledger is written by the system only
            Touchpoint.sudo()._follow_leads(self.ids)
        return result

    def _merge_dependences(self, opportunities):
        super()._merge_dependences(opportunities)
        # sudo: the ledger is written by the system only
        self.env["crm.touchpoint"].sudo()._move_leads(opportunities.ids, self.id)

    def action_view_touchpoints(self):
        self.ensure_one()
        action = self.env["ir.actions.actions"]._for_xml_id(
            "crm_plus.crm_touchpoint_action"
        )
        action["domain"] = [("lead_id", "=", self.id)]
        action["context"] = {"search_default_interactions": 1}
        return action
