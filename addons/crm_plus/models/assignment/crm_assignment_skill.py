from random import randint

from odoo import fields, models


class CrmAssignmentSkill(models.Model):
    """What somebody is good at: a product line, a language, a trade."""

    _name = "crm.assignment.skill"
    _description = "Assignment Skill"
    _order = "name"

    name = fields.Char(required=True, translate=True)
    color = fields.Integer(default=lambda self: randint(1, 11))
    active = fields.Boolean(default=True)
    member_ids = fields.Many2many(
        "crm.team.member",
        relation="crm_assignment_skill_member_rel",
        column1="skill_id",
        column2="member_id",
        string="Salespeople",
    )

    _name_uniq = models.Constraint("UNIQUE(name)", "This skill exists already.")
