from odoo import fields, models

KINDS = [
    ("question", "Question"),
    ("incident", "Incident"),
    ("problem", "Problem"),
    ("request", "Request"),
    ("complaint", "Complaint"),
]


class CrmCaseType(models.Model):
    """What sort of case it is. Names are free; the kind is what rules look at."""

    _name = "crm.case.type"
    _description = "Case Type"
    _order = "sequence, id"

    name = fields.Char(required=True, translate=True)
    active = fields.Boolean(default=True)
    sequence = fields.Integer(default=10)
    kind = fields.Selection(
        KINDS,
        required=True,
        default="question",
        help="Problem: the common cause of several incidents, which are solved with "
        "it. Incident: something that worked does not.",
    )
    description = fields.Text(translate=True, help="When to choose it.")

    _name_uniq = models.Constraint("UNIQUE(name)", "This type exists already.")
