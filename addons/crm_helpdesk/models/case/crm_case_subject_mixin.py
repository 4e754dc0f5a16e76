from odoo import fields, models


class CrmCaseSubjectMixin(models.AbstractModel):
    """Something that cases are about: how many there are, and a button for one more."""

    _name = "crm.case.subject.mixin"
    _description = "Subject of Cases"

    # the field of the case that names it
    _case_field = None

    case_count = fields.Integer(
        string="Number of Cases",
        compute="_compute_case_count",
        groups="crm_helpdesk.crm_helpdesk_group_user",
    )

    def _compute_case_count(self):
        counts = dict(
            self.env["crm.case"]._read_group(
                [(self._case_field, "in", self.ids)],
                [self._case_field],
                ["__count"],
            )
        )
        for record in self:
            record.case_count = counts.get(record._origin, 0)

    def _get_case_partner(self):
        """Hook: the customer whom a case about this record is of."""
        self.ensure_one()
        return self.partner_id

    def _get_case_context(self):
        """Hook: what a new case about this record is filled with."""
        self.ensure_one()
        return {
            f"default_{self._case_field}": self.id,
            "default_partner_id": self._get_case_partner().id,
        }

    def action_open_case(self):
        """A new case about this."""
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("New Case"),
            "res_model": "crm.case",
            "views": [(False, "form")],
            "context": self._get_case_context(),
        }

    def action_view_cases(self):
        """The cases about this; a new one where there is none."""
        self.ensure_one()
        if not self.case_count:
            return self.action_open_case()
        action = self.env["ir.actions.actions"]._for_xml_id(
            "crm_helpdesk.crm_case_action"
        )
        action["domain"] = [(self._case_field, "=", self.id)]
        action["context"] = self._get_case_context()
        action["views"] = [(False, "list"), (False, "kanban"), (False, "form")]
        return action
