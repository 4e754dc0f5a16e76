from odoo import fields, models
from odoo.tools import SQL
from odoo.tools.sql import column_exists, table_exists


class CrmCaseResolution(models.Model):
    """How a case ended: advice, repair, refund, no fault found …"""

    _name = "crm.case.resolution"
    _description = "Case Resolution"
    _order = "sequence, id"

    name = fields.Char(required=True, translate=True)
    active = fields.Boolean(default=True)
    sequence = fields.Integer(default=10)
    team_ids = fields.Many2many(
        "crm.case.team", string="Teams", help="Leave empty for all teams."
    )
    is_cancelled = fields.Boolean(
        string="Called Off",
        help="Nothing had to be solved: such cases are neither among those solved at"
        " first contact nor among those that were not.",
    )
    description = fields.Text(translate=True, help="When to choose it.")

    _name_uniq = models.Constraint("UNIQUE(name)", "This resolution exists already.")

    def _auto_init(self):
        """Databases from before the field: ours that mean it are marked, once."""
        cr = self.env.cr
        is_old = table_exists(cr, self._table) and not column_exists(
            cr, self._table, "is_cancelled"
        )
        result = super()._auto_init()
        if is_old:
            cr.execute(
                SQL(
                    """
                    UPDATE crm_case_resolution SET is_cancelled = TRUE
                     WHERE id IN (
                        SELECT res_id FROM ir_model_data
                         WHERE module = 'crm_helpdesk'
                           AND name IN ('crm_case_resolution_withdrawn',
                                        'crm_case_resolution_duplicate'))
                    """
                )
            )
        return result
