from odoo import fields, models
from odoo.fields import Domain


class CrmLead(models.Model):
    """Opportunities that were heard of in a case."""

    _name = "crm.lead"
    _inherit = ["crm.lead", "crm.case.subject.mixin"]

    _case_field = "lead_id"

    case_ids = fields.One2many(
        "crm.case",
        "lead_id",
        string="Cases",
        groups="crm_helpdesk.crm_helpdesk_group_user",
    )

    def _merge_dependences(self, opportunities):
        super()._merge_dependences(opportunities)
        # a case names no opportunity of another company
        domain = Domain("lead_id", "in", opportunities.ids)
        if self.company_id:
            domain &= Domain("company_id", "=", self.company_id.id)
        # sudo: sellers need not see the cases that their opportunities came from
        Case = self.env["crm.case"].sudo().with_context(active_test=False)
        Case.search(domain).lead_id = self


class CrmCase(models.Model):
    _inherit = "crm.case"

    is_passed_on = fields.Boolean(
        string="Passed on to Sales",
        compute="_compute_is_passed_on",
        groups="base.group_user",
    )

    def _compute_is_passed_on(self):
        # sudo: whether there is one; agents need not see opportunities
        for case, case_sudo in zip(self, self.sudo(), strict=True):
            case.is_passed_on = bool(case_sudo.lead_id)

    def action_pass_on(self):
        self.ensure_one()
        action = self.env["ir.actions.actions"]._for_xml_id(
            "crm_helpdesk.crm_case_opportunity_action"
        )
        action["context"] = {"default_case_id": self.id}
        return action

    def action_view_lead(self):
        self.ensure_one()
        return self.lead_id.get_formview_action()
