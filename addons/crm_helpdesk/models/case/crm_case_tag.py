from random import randint

from odoo import fields, models


class CrmCaseTag(models.Model):
    _name = "crm.case.tag"
    _description = "Case Tag"
    _order = "name"

    name = fields.Char(required=True, translate=True)
    color = fields.Integer(default=lambda self: randint(1, 11))

    _name_uniq = models.Constraint("UNIQUE(name)", "This tag exists already.")
