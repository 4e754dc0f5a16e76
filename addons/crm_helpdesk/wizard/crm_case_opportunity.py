from markupsafe import Markup

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools.mail import is_html_empty


class CrmCaseOpportunity(models.TransientModel):
    """What a customer might buy, heard of in a case, goes to sales.

    Agents need no right in sales: they pass it on, and sales sees where it comes from.
    """

    _name = "crm.case.opportunity"
    _description = "Pass on to Sales"
    _inherit = "crm.case.given.mixin"

    case_id = fields.Many2one(required=True, ondelete="cascade")
    name = fields.Char(
        string="Opportunity",
        required=True,
        compute="_compute_from_case",
        compute_sudo=False,
        store=True,
        readonly=False,
        precompute=True,
    )
    user_id = fields.Many2one(
        "res.users",
        string="Salesperson",
        domain="[('share', '=', False)]",
        compute="_compute_from_case",
        compute_sudo=False,
        store=True,
        readonly=False,
        precompute=True,
        help="Empty: whoever gets it by the rules of sales.",
    )
    note = fields.Html(string="What the Customer Wants")

    @api.depends("case_id")
    def _compute_from_case(self):
        for wizard in self:
            case = wizard.case_id
            case.check_access("read")
            wizard.name = wizard.name or case.name
            # sudo: who sells to the customer is shown to who passes it on
            partner_sudo = case.partner_id.sudo()
            user = partner_sudo.user_id or partner_sudo.commercial_partner_id.user_id
            wizard.user_id = wizard.user_id or user.filtered(
                lambda user, case=case: (
                    user.active and case.company_id in user.company_ids
                )
            ).sudo(False)

    def action_create(self):
        self.ensure_one()
        self.case_id.check_access("write")
        # sudo: agents need no right in sales; the case is theirs
        case_sudo = self.case_id.sudo()
        if case_sudo.lead_id:
            raise UserError(
                self.env._(
                    "“%s” was passed on to sales already.", case_sudo.lead_id.name
                )
            )
        if not (case_sudo.partner_id or case_sudo.email_normalized):
            raise UserError(
                self.env._("Say on the case who the customer is, then pass it on.")
            )
        if self.user_id and case_sudo.company_id not in self.user_id.sudo().company_ids:
            raise UserError(
                self.env._(
                    "%(user)s does not work for %(company)s.",
                    user=self.user_id.name,
                    company=case_sudo.company_id.name,
                )
            )
        lead_sudo = (
            case_sudo.env["crm.lead"]
            .with_company(case_sudo.company_id)
            .with_context(mail_create_nosubscribe=True)
            .create(self._prepare_lead(case_sudo))
        )
        case_sudo.lead_id = lead_sudo
        lead_sudo._message_log(
            body=self.env._(
                "Heard of in the case %(case)s by %(user)s.",
                case=case_sudo._get_html_link(),
                user=self.env.user.name,
            )
        )
        case_sudo._message_log(
            body=Markup("<p>%s</p>")
            % self.env._("Passed on to sales: %s", lead_sudo._get_html_link())
        )
        lead = lead_sudo.sudo(False)
        if lead.has_access("read"):
            return lead.get_formview_action()
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {
                "type": "success",
                "message": self.env._("Passed on to sales."),
                "next": {"type": "ir.actions.act_window_close"},
            },
        }

    def _prepare_lead(self, case_sudo):
        """Hook: what the opportunity is created with."""
        return {
            "name": self.name,
            "type": "opportunity",
            "partner_id": case_sudo.partner_id.id,
            "company_id": case_sudo.company_id.id,
            "user_id": self.user_id.id,
            **({} if is_html_empty(self.note) else {"description": self.note}),
            **(
                {}
                if case_sudo.partner_id
                else {
                    "contact_name": case_sudo.partner_name,
                    "email_from": case_sudo.partner_email,
                }
            ),
        }
