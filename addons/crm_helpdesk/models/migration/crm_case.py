from odoo import models

MIGRATION_KEY = "crm_helpdesk_migration"


class CrmCase(models.Model):
    _inherit = "crm.case"

    def _start_clocks(self):
        """Cases brought from elsewhere: nothing was promised to them so far. Their
        promises begin when all is there, see ``crm.case.migration``."""
        if not self.env.context.get(MIGRATION_KEY):
            super()._start_clocks()
