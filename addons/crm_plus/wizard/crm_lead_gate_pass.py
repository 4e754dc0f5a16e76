from markupsafe import Markup

from odoo import api, fields, models
from odoo.exceptions import AccessError


class CrmLeadGatePass(models.TransientModel):
    """Move leads on although a gate holds them, for a reason that is kept."""

    _name = "crm.lead.gate.pass"
    _description = "Pass a Stage Gate"

    lead_ids = fields.Many2many("crm.lead", string="Leads", required=True)
    stage_id = fields.Many2one("crm.stage", string="Move To", required=True)
    reason = fields.Text(required=True)
    missing = fields.Html(string="Still Missing", compute="_compute_missing")

    @api.depends("lead_ids", "stage_id")
    def _compute_missing(self):
        for wizard in self:
            leads = wizard.lead_ids._origin
            missing = leads._get_gate_missing(
                {lead.id: (lead.stage_id, wizard.stage_id) for lead in leads}
            )
            wizard.missing = Markup().join(
                Markup("<p class='mb-1'><b>%s</b></p><ul>%s</ul>")
                % (
                    lead.name,
                    Markup().join(
                        Markup("<li>%s</li>") % text
                        for texts in missing[lead.id].values()
                        for text in texts
                    ),
                )
                for lead in leads
                if lead.id in missing
            )

    def action_pass(self):
        self.ensure_one()
        for lead in self.lead_ids:
            if not lead._may_pass_gates():
                raise AccessError(
                    self.env._(
                        "Only administrators of CRM Plus and the leader of the team "
                        "may let “%s” pass.",
                        lead.name,
                    )
                )
        self.lead_ids.check_access("write")
        self.lead_ids._pass_gates(self.stage_id, self.reason)
        return {"type": "ir.actions.client", "tag": "soft_reload"}
