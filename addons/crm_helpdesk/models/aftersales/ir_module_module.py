from odoo import models

# apps that requests have documents of, and which
DOCUMENTS = {"repair": "repair.order", "loyalty": "loyalty.card"}


class IrModuleModule(models.Model):
    _inherit = "ir.module.module"

    def module_uninstall(self):
        """Requests do not wait for documents of an app that goes: what was under way is
        called off and can be requested otherwise, what was done stays known.
        """
        models_ = [DOCUMENTS[name] for name in self.mapped("name") if name in DOCUMENTS]
        if models_:
            # sudo: whoever removes apps need not see requests
            claims_sudo = self.env["crm.case.claim"].sudo()
            claims_sudo.search([("document_model", "in", models_)])._forget_documents()
        return super().module_uninstall()
