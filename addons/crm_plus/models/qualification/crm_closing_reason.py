from odoo import fields, models


class CrmClosingReason(models.AbstractModel):
    """Why leads were closed as they were: a list that a company edits, beside Odoo's
    lost reasons.

    ``_lead_field`` is the field of the lead that holds the reason, ``_lead_action`` the
    action that shows such leads.
    """

    _name = "crm.closing.reason"
    _description = "Closing Reason"
    _order = "sequence, name, id"
    _lead_field = None
    _lead_action = None

    name = fields.Char(required=True, translate=True)
    active = fields.Boolean(default=True)
    sequence = fields.Integer(default=10)
    lead_count = fields.Integer(compute="_compute_lead_count")

    def _compute_lead_count(self):
        counts = dict(
            self.env["crm.lead"]
            .with_context(active_test=False)
            ._read_group(
                [(self._lead_field, "in", self.ids)], [self._lead_field], ["__count"]
            )
        )
        for reason in self:
            reason.lead_count = counts.get(reason, 0)

    def action_view_leads(self):
        self.ensure_one()
        action = self.env["ir.actions.actions"]._for_xml_id(self._lead_action)
        action["domain"] = [(self._lead_field, "=", self.id)]
        action["context"] = {"active_test": False, "create": False}
        return action
