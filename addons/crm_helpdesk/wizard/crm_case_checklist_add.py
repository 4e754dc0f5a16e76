from odoo import fields, models


class CrmCaseChecklistAdd(models.TransientModel):
    """Add the points of checklists by hand."""

    _name = "crm.case.checklist.add"
    _description = "Add Checklists"

    case_ids = fields.Many2many(
        "crm.case", string="Cases", default=lambda self: self._default_case_ids()
    )
    checklist_ids = fields.Many2many(
        "crm.case.checklist",
        string="Checklists",
        required=True,
        help="Points that a case has already are not added twice.",
    )

    def _default_case_ids(self):
        if self.env.context.get("active_model") == "crm.case":
            return self.env.context.get("active_ids")
        return False

    def action_add(self):
        self.ensure_one()
        self.case_ids.check_access("write")
        self.case_ids._add_checklists(self.checklist_ids)
        return {"type": "ir.actions.act_window_close"}
