from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Command
from odoo.tools import html2plaintext

# of a message, to know it again
PREVIEW_LENGTH = 120


class CrmCaseSplit(models.TransientModel):
    """Choose what was said about something else."""

    _name = "crm.case.split"
    _description = "Split a Case"
    _inherit = "crm.case.given.mixin"

    case_id = fields.Many2one(required=True, ondelete="cascade")
    company_id = fields.Many2one(related="case_id.company_id", related_sudo=False)
    name = fields.Char(string="Subject", required=True)
    team_id = fields.Many2one(
        "crm.case.team",
        required=True,
        compute="_compute_team_id",
        compute_sudo=False,
        store=True,
        readonly=False,
        precompute=True,
        domain="[('company_id', '=', company_id)]",
    )
    category_id = fields.Many2one(
        "crm.case.category",
        domain="[('company_id', 'in', (False, company_id))]",
    )
    line_ids = fields.One2many(
        "crm.case.split.line",
        "split_id",
        string="Messages",
        compute="_compute_line_ids",
        # of the cases that the agent sees
        compute_sudo=False,
        store=True,
        readonly=False,
    )

    @api.depends("case_id")
    def _compute_team_id(self):
        for wizard in self:
            wizard.team_id = wizard.case_id.team_id

    @api.depends("case_id")
    def _compute_line_ids(self):
        for wizard in self:
            wizard.case_id.check_access("read")
            wizard.line_ids = (
                [
                    Command.clear(),
                    *(
                        Command.create({"message_id": message.id})
                        for message in wizard.case_id._get_splittable_messages()
                    ),
                ]
                if wizard.case_id
                else [Command.clear()]
            )

    def action_split(self):
        self.ensure_one()
        messages = self.line_ids.filtered("is_chosen").message_id
        if not messages:
            raise UserError(self.env._("Tick the messages that make the new case."))
        case = self.case_id._split(
            messages,
            {
                "name": self.name,
                "team_id": self.team_id.id,
                "category_id": self.category_id.id,
            },
        )
        return {
            "type": "ir.actions.act_window",
            "res_model": "crm.case",
            "res_id": case.id,
            "views": [(False, "form")],
        }


class CrmCaseSplitLine(models.TransientModel):
    _name = "crm.case.split.line"
    _description = "Message of a Case to Split"
    _order = "id"

    split_id = fields.Many2one("crm.case.split", required=True, ondelete="cascade")
    message_id = fields.Many2one("mail.message", required=True, ondelete="cascade")
    is_chosen = fields.Boolean(string="New Case")
    date = fields.Datetime(related="message_id.date", related_sudo=False)
    author = fields.Char(compute="_compute_preview")
    preview = fields.Char(string="What Was Said", compute="_compute_preview")

    @api.depends("message_id")
    def _compute_preview(self):
        for line in self:
            message = line.message_id
            line.author = message.author_id.display_name or message.email_from
            text = " ".join(
                html2plaintext(message.body or "", include_references=False).split()
            )
            line.preview = text[:PREVIEW_LENGTH] or ", ".join(
                message.attachment_ids.mapped("name")
            )
