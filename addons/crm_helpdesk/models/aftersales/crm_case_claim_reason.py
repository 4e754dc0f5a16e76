from odoo import fields, models

CAUSES = [
    ("product", "Product"),
    ("supplier", "Supplier"),
    ("carrier", "Carrier"),
    ("us", "Us"),
    ("customer", "Customer"),
]


class CrmCaseClaimReason(models.Model):
    """Why goods come back or are made good: few, so that they can be counted."""

    _name = "crm.case.claim.reason"
    _description = "After-Sales Reason"
    _order = "sequence, id"

    name = fields.Char(required=True, translate=True)
    sequence = fields.Integer(default=10)
    active = fields.Boolean(default=True)
    cause = fields.Selection(
        CAUSES,
        string="Caused By",
        required=True,
        default="product",
        help="Who or what is to be better next time.",
    )
    is_defect = fields.Boolean(
        string="Counts as Defect",
        default=True,
        help="Defects are counted in the defect report by product, lot and supplier.",
    )
