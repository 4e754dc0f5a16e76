from odoo import api, fields, models
from odoo.exceptions import UserError


class CrmTeam(models.Model):
    _inherit = "crm.team"

    handover_silence = fields.Selection(
        [
            ("back", "Back to who handed it over"),
            ("leader", "To the team leader"),
        ],
        string="Hand-over Without Answer",
        required=True,
        default="back",
        help="What happens to a lead when its hand-over to this team is not answered "
        "in time. A team without leader sends it back.",
    )

    @api.ondelete(at_uninstall=False)
    def _unlink_except_handed_over(self):
        # sudo: hand-overs of others count
        waiting = (
            self.env["crm.handover"]
            .sudo()
            .search([("to_team_id", "in", self.ids), ("state", "=", "open")], limit=1)
        )
        if waiting:
            raise UserError(
                self.env._(
                    "Leads are being handed over to %s. Have these hand-overs answered "
                    "or withdrawn before, or archive the team.",
                    waiting.to_team_id.name,
                )
            )
