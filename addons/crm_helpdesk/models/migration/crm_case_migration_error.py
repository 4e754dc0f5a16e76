from odoo import fields, models


class CrmCaseMigrationError(models.Model):
    _name = "crm.case.migration.error"
    _description = "What Could Not Be Brought"
    _log_access = False
    _order = "id"

    migration_id = fields.Many2one(
        "crm.case.migration", required=True, index=True, ondelete="cascade"
    )
    origin_id = fields.Integer(
        string="Ticket ID", required=True, readonly=True, aggregator=None
    )
    name = fields.Char(string="Ticket", readonly=True)
    message = fields.Text(string="Why", readonly=True)

    _origin_uniq = models.Constraint(
        "UNIQUE(migration_id, origin_id)", "A ticket fails once in a run."
    )
