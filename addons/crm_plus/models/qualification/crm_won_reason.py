from odoo import fields, models


class CrmWonReason(models.Model):
    """Why a deal was won: beside Odoo's lost reasons."""

    _name = "crm.won.reason"
    _description = "Won Reason"
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
                [("won_reason_id", "in", self.ids)], ["won_reason_id"], ["__count"]
            )
        )
        for reason in self:
            reason.lead_count = counts.get(reason, 0)

    def action_view_leads(self):
        self.ensure_one()
        action = self.env["ir.actions.actions"]._for_xml_id(
            "crm.crm_lead_opportunities"
        )
        action["domain"] = [("won_reason_id", "=", self.id)]
        action["context"] = {"active_test": False}
        return action
