from odoo import fields, models


class CrmCaseMigrationCount(models.Model):
    _name = "crm.case.migration.count"
    _description = "What Is There to Bring"
    _log_access = False
    _order = "id"

    migration_id = fields.Many2one(
        "crm.case.migration", required=True, index=True, ondelete="cascade"
    )
    name = fields.Char(string="What", readonly=True)
    total = fields.Integer(string="There", readonly=True)
    done = fields.Integer(string="Brought", readonly=True)
    todo = fields.Integer(string="To Bring", readonly=True)
