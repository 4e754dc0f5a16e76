from odoo import fields, models
from odoo.fields import Domain


class ResUsers(models.Model):
    _inherit = "res.users"

    case_membership_ids = fields.One2many(
        "crm.case.team.member",
        "user_id",
        string="Case Teams",
        groups="crm_helpdesk.crm_helpdesk_group_manager",
    )

    def _get_open_case_counts(self):
        """``{user id: cases they have to work on}``: open ones, waiting ones not."""
        return {
            user.id: count
            for user, count in self.env["crm.case"]._read_group(
                Domain("user_id", "in", self.ids)
                & Domain("stage_category", "=", "open"),
                ["user_id"],
                ["__count"],
            )
        }
