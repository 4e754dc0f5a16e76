from odoo import api, fields, models
from odoo.tools import ormcache


class CrmCaseStage(models.Model):
    """What must be known of a case before it enters a stage."""

    _inherit = "crm.case.stage"

    required_field_ids = fields.One2many(
        "crm.case.stage.field",
        "stage_id",
        string="Required Fields",
        copy=True,
        help="Whoever of us moves a case here has to fill these in first.",
    )

    @api.model
    @ormcache()
    def _get_asking_stages(self):
        """Ids of the stages that ask for fields."""
        # sudo: asked whoever moves a case
        lines = self.env["crm.case.stage.field"].sudo().search([])
        return frozenset(lines.stage_id.ids)
