from odoo import fields, models


class CrmJunkReason(models.Model):
    """Why something that came in as a lead never was one."""

    _name = "crm.junk.reason"
    _description = "Junk Reason"
    _order = "sequence, name, id"

    name = fields.Char(required=True, translate=True)
    active = fields.Boolean(default=True)
    sequence = fields.Integer(default=10)
    lead_count = fields.Integer(compute="_compute_lead_count")

    def _compute_lead_count(self):
        counts = dict(
            self.env["crm.lead"]
            .with_context(active_test=False)
            ._read_group(
                [("junk_reason_id", "in", self.ids)], ["junk_reason_id"], ["__count"]
            )
        )
        for reason in self:
            reason.lead_count = counts.get(reason, 0)

    def action_view_leads(self):
        self.ensure_one()
        action = self.env["ir.actions.actions"]._for_xml_id(
            "crm_plus.crm_lead_junk_list"
        )
        action["domain"] = [("junk_reason_id", "=", self.id)]
        return action
