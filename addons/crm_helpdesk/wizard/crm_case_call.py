from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain
from odoo.tools import plaintext2html

from ..models.case.crm_case_stage import DONE


class CrmCaseCall(models.TransientModel):
    """Somebody calls: who it is, what it is about, and whether that was it."""

    _name = "crm.case.call"
    _description = "Log a Call"

    phone = fields.Char(string="Number", help="Of the caller, as the phone shows it.")
    match_ids = fields.Many2many("res.partner", compute="_compute_match_ids")
    match_text = fields.Char(compute="_compute_match_ids")
    partner_id = fields.Many2one(
        "res.partner",
        string="Caller",
        compute="_compute_partner_id",
        # of the contacts that the agent sees
        compute_sudo=False,
        store=True,
        readonly=False,
        help="Found by the number: who has exactly this one.",
    )
    partner_name = fields.Char(string="Name")
    partner_email = fields.Char(string="E-mail")
    open_case_ids = fields.Many2many(
        "crm.case", compute="_compute_open_case_ids", string="Open Cases"
    )
    case_id = fields.Many2one(
        "crm.case",
        string="About the Case",
        domain="[('id', 'in', open_case_ids)]",
        help="An open case of the caller; a new one when empty.",
    )
    team_id = fields.Many2one(
        "crm.case.team",
        default=lambda self: self.env["crm.case.team"]._get_default_team(
            self.env.user, self.env.company
        ),
    )
    name = fields.Char(string="Subject")
    notes = fields.Text(help="What was said.")
    is_mine = fields.Boolean(string="I Take Care of It", default=True)
    is_solved = fields.Boolean(
        string="Solved in this Call",
        help="The case is opened and solved at once: it counts as solved at first "
        "contact.",
    )

    @api.depends("phone", "team_id")
    def _compute_match_ids(self):
        for call in self:
            matches = call._find_callers()
            call.match_ids = matches
            if not call.phone:
                call.match_text = False
            elif not matches:
                call.match_text = self.env._("Nobody we know has this number.")
            elif len(matches) > 1:
                call.match_text = self.env._(
                    "%s contacts have this number: please choose.", len(matches)
                )
            else:
                call.match_text = False

    @api.depends("phone")
    def _compute_partner_id(self):
        for call in self:
            matches = call._find_callers()
            # who of several it is, the caller says
            if len(matches) == 1:
                call.partner_id = matches
            elif call.partner_id not in matches and matches:
                call.partner_id = False
            else:
                call.partner_id = call.partner_id

    def _find_callers(self):
        """The contacts with exactly this number, whatever way it is written in."""
        self.ensure_one()
        Partner = self.env["res.partner"]
        if not self.phone:
            return Partner
        company = self.team_id.company_id or self.env.company
        number = company._phone_format(
            number=self.phone, country=company.country_id
        ) or "".join(letter for letter in self.phone if letter.isdigit())
        if not number:
            return Partner
        return Partner.search(
            Domain("phone_sanitized", "=", number)
            & Domain("company_id", "in", (False, company.id)),
            order="is_company, id",
            limit=20,
        )

    @api.depends("partner_id")
    def _compute_open_case_ids(self):
        for call in self:
            call.open_case_ids = (
                self.env["crm.case"].search(
                    Domain(
                        "commercial_partner_id",
                        "=",
                        call.partner_id.commercial_partner_id.id,
                    )
                    & Domain("stage_category", "not in", DONE),
                    limit=20,
                )
                if call.partner_id
                else False
            )

    def action_log(self):
        self.ensure_one()
        case = self.case_id
        if not case:
            case = self._open_case()
        case._log_call(self.notes)
        if self.case_id:
            # as if he had written: what waited for him goes on
            case._on_customer_message()
        if self.is_solved:
            case.action_close()
        return {
            "type": "ir.actions.act_window",
            "res_model": "crm.case",
            "res_id": case.id,
            "views": [(False, "form")],
        }

    def _open_case(self):
        if not (self.name and self.team_id):
            raise UserError(
                self.env._("Please say what it is about, and whose case it is.")
            )
        partner = self.partner_id or self._create_caller()
        return (
            self.env["crm.case"]
            .with_company(self.team_id.company_id)
            .create(
                {
                    "name": self.name,
                    "team_id": self.team_id.id,
                    "channel": "phone",
                    "partner_id": partner.id,
                    **(
                        {}
                        if partner
                        else {
                            "partner_name": self.partner_name,
                            "partner_email": self.partner_email,
                        }
                    ),
                    "description": plaintext2html(self.notes) if self.notes else False,
                    "user_id": self.env.uid if self.is_mine else False,
                }
            )
        )

    def _create_caller(self):
        """Who gave a name or an address becomes a contact, so that the next call finds
        it; without either it stays a case of nobody.
        """
        if not (self.partner_name or self.partner_email):
            return self.env["res.partner"]
        company = self.team_id.company_id
        if self.partner_email:
            return (
                self.env["crm.case"]
                ._find_or_create_contact(
                    self.partner_name, self.partner_email, company, self.phone
                )
                .sudo(False)
            )
        return (
            self.env["res.partner"]
            .sudo()  # agents who make no contacts log calls, too, as mail does
            .create({"name": self.partner_name, "phone": self.phone})
            .sudo(False)
        )
