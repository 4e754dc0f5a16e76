from odoo import fields, models


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
