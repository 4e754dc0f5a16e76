from odoo import fields


class CoveredMany2one(fields.Many2one):
    """A many2one whose record lives as long as that of another column, whose foreign
    key is enough.

    The database looks each foreign key up row by row: of a table that is written by the
    hundred thousand, one that says nothing new is a fifth of the time.
    """

    def update_db_foreign_key(self, model, column):
        pass
