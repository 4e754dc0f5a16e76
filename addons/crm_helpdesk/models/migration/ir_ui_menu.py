from odoo import api, models


class IrUiMenu(models.Model):
    _inherit = "ir.ui.menu"

    @api.model
    def _load_menus_blacklist(self):
        """There is nothing to bring where the other application is not installed."""
        hidden = super()._load_menus_blacklist()
        if not self.env["crm.case.migration"]._is_available():
            menu_id = self.env["ir.model.data"]._xmlid_to_res_id(
                "crm_helpdesk.crm_case_migration_menu", raise_if_not_found=False
            )
            if menu_id:
                hidden = [*hidden, menu_id]
        return hidden
