from odoo import fields, models

NATURES = [
    ("marketing", "Marketing"),
    ("relation", "Reminders and statements"),
    ("transaction", "What was asked for"),
]


class CrmConsentPurpose(models.Model):
    """What we write to people for."""

    _name = "crm.consent.purpose"
    _description = "Purpose of Contact"
    _order = "sequence, id"

    name = fields.Char(required=True, translate=True)
    code = fields.Char(
        required=True,
        help="Technical name by which campaigns and mailings name the purpose.",
    )
    active = fields.Boolean(default=True)
    sequence = fields.Integer(default=10)
    nature = fields.Selection(
        NATURES,
        required=True,
        default="marketing",
        help="Marketing obeys all: caps, hours, holds and consent. Reminders and "
        "statements obey hours and the holds that hold back all. What was asked for "
        "(an order confirmation) is sent at once, always.",
    )
    description = fields.Char(
        translate=True, help="What people read where they choose what they get."
    )

    _code_uniq = models.Constraint(
        "UNIQUE(code)", "There is already a purpose with this code."
    )
