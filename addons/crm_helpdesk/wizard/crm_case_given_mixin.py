from odoo import api, fields, models


class CrmCaseGivenMixin(models.AbstractModel):
    """A dialog about a case that somebody names: one that he may use.

    What is computed from the case has to check it, too, or be read with his rights
    (``compute_sudo=False``, ``related_sudo=False``): ``onchange`` writes nothing.
    """

    _name = "crm.case.given.mixin"
    _description = "Dialog About a Case"
    # what is done to the case in the end
    _case_access = "write"

    case_id = fields.Many2one("crm.case")

    # not by a constraint: those are checked as root
    @api.model_create_multi
    def create(self, vals_list):
        dialogs = super().create(vals_list)
        dialogs.case_id.check_access(self._case_access)
        return dialogs

    def write(self, vals):
        result = super().write(vals)
        if "case_id" in vals:
            self.case_id.check_access(self._case_access)
        return result
