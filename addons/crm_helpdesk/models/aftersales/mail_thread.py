from odoo import models


class MailThread(models.AbstractModel):
    """Repair orders tell when they change: that app need not be installed, so that it
    cannot be extended itself.
    """

    _inherit = "mail.thread"

    def write(self, vals):
        result = super().write(vals)
        if self._name == "repair.order" and "state" in vals:
            # sudo: who repairs need not see requests
            self.env["crm.case.claim"].sudo()._follow_documents(self)
        return result

    def unlink(self):
        if self._name != "repair.order":
            return super().unlink()
        # sudo: see above
        claims = self.env["crm.case.claim"].sudo()._find_of_documents(self)
        result = super().unlink()
        claims._forget_documents()
        return result
