from odoo import fields, models


class CrmScoreGroup(models.Model):
    """Groups are copied with a draft, brought back with it, and written to files."""

    _name = "crm.score.group"
    _inherit = ["crm.score.group", "crm.score.part", "crm.score.file.part"]

    draft_origin_id = fields.Many2one(
        "crm.score.group",
        readonly=True,
        copy=False,
        index="btree_not_null",
        ondelete="set null",
        export_string_translation=False,
    )


class CrmScoreThreshold(models.Model):
    """So are thresholds."""

    _name = "crm.score.threshold"
    _inherit = ["crm.score.threshold", "crm.score.part", "crm.score.file.part"]

    draft_origin_id = fields.Many2one(
        "crm.score.threshold",
        readonly=True,
        copy=False,
        index="btree_not_null",
        ondelete="set null",
        export_string_translation=False,
    )
