from odoo import fields, models


class CrmTeam(models.Model):
    _inherit = "crm.team"

    frame_id = fields.Many2one(
        "crm.frame",
        string="Qualification Frame",
        check_company=True,
        index="btree_not_null",
        help="New leads of this team are qualified by this frame.",
    )

    def write(self, vals):
        result = super().write(vals)
        if vals.get("frame_id"):
            # sudo: leads that the user may not see belong to the team all the same
            self.env["crm.lead"].sudo().search(
                [
                    ("team_id", "in", self.ids),
                    ("frame_id", "=", False),
                    ("won_status", "=", "pending"),
                ]
            ).write({"frame_id": vals["frame_id"]})
        return result
