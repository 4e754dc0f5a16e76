from odoo import fields, models

CHANNELS = [
    ("email", "E-mail"),
    ("phone", "Phone"),
    ("meeting", "Meeting"),
    ("web", "Web"),
    ("sms", "SMS"),
    ("chat", "Chat"),
    ("crm", "CRM"),
    ("sales", "Sales"),
    ("delivery", "Delivery"),
    ("accounting", "Accounting"),
    ("service", "Service"),
    ("marketing", "Marketing"),
]


class CrmTouchpointKind(models.Model):
    _name = "crm.touchpoint.kind"
    _description = "Touchpoint Kind"
    _order = "sequence, id"

    name = fields.Char(required=True, translate=True)
    code = fields.Char(
        required=True,
        help="Technical name by which sources, rules and campaigns find the kind.",
    )
    active = fields.Boolean(
        default=True, help="Touchpoints of an archived kind are not collected."
    )
    sequence = fields.Integer(default=10)
    channel = fields.Selection(CHANNELS, required=True, default="crm")
    direction = fields.Selection(
        [("in", "From the customer"), ("out", "To the customer"), ("none", "Neither")],
        required=True,
        default="none",
    )
    icon = fields.Char(default="fa-circle-o", help="Font Awesome class, e.g. fa-phone")
    is_marketing = fields.Boolean(
        string="Marketing",
        help="Counts as marketing contact, for contact pressure and attribution.",
    )

    _code_uniq = models.Constraint(
        "UNIQUE(code)", "There is already a touchpoint kind with this code."
    )
