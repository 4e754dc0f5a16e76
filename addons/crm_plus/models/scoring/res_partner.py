from odoo import fields, models


class ResPartner(models.Model):
    _name = "res.partner"
    _inherit = ["res.partner", "crm.score.mixin"]

    score_change_ids = fields.One2many(
        "crm.score.change",
        "partner_id",
        string="Score Crossings",
        readonly=True,
        copy=False,
        groups="crm_plus.crm_plus_group_user",
    )
    additional_score_ids = fields.One2many(
        "crm.score",
        "partner_id",
        string="Additional Scores",
        domain=[("is_main", "=", False)],
        readonly=True,
        copy=False,
        groups="crm_plus.crm_plus_group_user",
    )
