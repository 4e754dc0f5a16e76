from odoo import api, fields, models
from odoo.exceptions import RedirectWarning, UserError

WON_REASON_RULES = [
    ("no", "Do not ask"),
    ("optional", "Ask when a deal is won"),
    ("required", "Required to win a deal"),
]


class CrmLead(models.Model):
    """Why a deal was won or lost, asked for when it is closed."""

    _inherit = "crm.lead"

    won_reason_id = fields.Many2one(
        "crm.won.reason",
        copy=False,
        ondelete="restrict",
        index="btree_not_null",
        tracking=72,
    )
    closing_note = fields.Html(
        copy=False, help="What was noted when the deal was won or lost."
    )

    def write(self, vals):
        follows = vals.keys() & {"stage_id", "active", "probability"}
        before = {lead.id: lead.won_status for lead in self} if follows else {}
        result = super().write(vals)
        if follows:
            self._follow_closing(before)
        return result

    def _follow_closing(self, before):
        """Ask people for the reason of a deal that is won; forget it with a deal that
        is open again.

        :param before: ``{lead id: won_status}`` of before the change
        """
        changed = self.filtered(lambda lead: before[lead.id] != lead.won_status)
        changed.filtered(
            lambda lead: before[lead.id] == "won" and lead.won_reason_id
        ).write({"won_reason_id": False})
        missing = changed.filtered(
            lambda lead: lead.won_status == "won" and not lead.won_reason_id
        )
        if missing and not self.env.su and self._get_won_reason_rule() == "required":
            message = self.env._(
                "Why was it won? A reason is required for %s.",
                missing.mapped("name")[:10],
            )
            if self.env.context.get("import_file"):
                raise UserError(message)
            raise RedirectWarning(
                message,
                self.env.ref("crm_plus.crm_lead_won_action").id,
                self.env._("Give the Reason"),
                {"default_lead_ids": missing.ids},
            )

    @api.model
    def _get_won_reason_rule(self):
        # sudo: sellers may not read system parameters
        params = self.env["ir.config_parameter"].sudo()
        return params.get_param("crm_plus.won_reason", "no")

    @api.model
    def _is_lost_reason_required(self):
        # sudo: as above
        params = self.env["ir.config_parameter"].sudo()
        return params.get_param("crm_plus.lost_reason_required") == "True"

    def action_set_won_rainbowman(self):
        self.ensure_one()
        if self._get_won_reason_rule() != "no" and not self.won_reason_id:
            action = self.env["ir.actions.actions"]._for_xml_id(
                "crm_plus.crm_lead_won_action"
            )
            action["context"] = {"default_lead_ids": self.ids, "dialog_size": "medium"}
            return action
        return super().action_set_won_rainbowman()

    def action_set_lost(self, **additional_values):
        if (
            not self.env.su
            and self._is_lost_reason_required()
            and not additional_values.get("lost_reason_id")
            and any(not lead.lost_reason_id for lead in self)
        ):
            raise UserError(self.env._("Why was it lost? Choose a reason."))
        return super().action_set_lost(**additional_values)
