from odoo import fields, models


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
