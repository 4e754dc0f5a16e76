import secrets

from markupsafe import Markup

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import consteq
from odoo.tools.mail import is_html_empty, unfold_references

from ...tools.side_token import find_token, write_token


class CrmCaseSide(models.Model):
    """A conversation with somebody else about a case: a supplier, a carrier.

    A thread of its own, so that the customer never sees a word of it, nor do the others
    a word of the customer's. Answers come back to it by their references; where a mail
    program loses those, by the mark in the subject, which nobody guesses.
    """

    _name = "crm.case.side"
    _description = "Side Conversation"
    _inherit = ["mail.thread", "mail.activity.mixin"]
    _order = "id desc"
    _mail_post_access = "read"

    name = fields.Char(string="Subject", required=True, tracking=True)
    case_id = fields.Many2one(
        "crm.case", required=True, index=True, ondelete="cascade", readonly=True
    )
    company_id = fields.Many2one(
        related="case_id.company_id", store=True, precompute=True, index=True
    )
    team_id = fields.Many2one(related="case_id.team_id")
    partner_id = fields.Many2one(
        "res.partner",
        string="With",
        required=True,
        index=True,
        ondelete="restrict",
        tracking=True,
        help="A supplier, a carrier, anybody but the customer.",
    )
    user_id = fields.Many2one(
        "res.users",
        string="Begun by",
        default=lambda self: self.env.user,
        readonly=True,
        index="btree_not_null",
    )
    state = fields.Selection(
        [
            ("draft", "Not Sent"),
            ("waiting", "Waiting for an Answer"),
            ("answered", "Answered"),
            ("done", "Done"),
        ],
        required=True,
        default="draft",
        readonly=True,
        copy=False,
        tracking=True,
    )
    body = fields.Html(string="Message", help="What is sent first.")
    is_case_waiting = fields.Boolean(
        string="The Case Waits for This",
        default=True,
        help="The case moves to waiting for a third party: its time to solve stands"
        " still, and it comes back with the answer.",
    )
    date_answered = fields.Datetime(string="Last Answer", readonly=True, copy=False)
    token = fields.Char(
        default=lambda self: secrets.token_hex(8),
        required=True,
        readonly=True,
        copy=False,
        groups="base.group_system",
    )

    @api.constrains("partner_id", "case_id")
    def _check_partner(self):
        # sudo: whose case it is, whoever of the team writes
        for side in self.sudo():
            customer = side.case_id.commercial_partner_id
            if customer and side.partner_id.commercial_partner_id == customer:
                raise UserError(
                    self.env._(
                        "%s is the customer: write on the case itself.",
                        side.partner_id.display_name,
                    )
                )

    # ------------------------------------------------------------
    # Send and receive
    # ------------------------------------------------------------

    def action_send(self):
        """Send the first message, and have the case wait when that was chosen."""
        for side in self:
            if not side.partner_id.email:
                raise UserError(
                    self.env._(
                        "%s has no e-mail address.", side.partner_id.display_name
                    )
                )
            if side.state != "draft":
                raise UserError(self.env._("It was sent already: write below."))
            if is_html_empty(side.body):
                raise UserError(self.env._("Write what you want to know first."))
            # one by one: each to somebody else
            side.message_post(
                body=side.body or "",
                subject=side.name,
                message_type="comment",
                subtype_xmlid="mail.mt_comment",
                partner_ids=side.partner_id.ids,
            )
            side.case_id._message_log(
                body=Markup("%s %s")
                % (
                    self.env._("Asked %s:", side.partner_id.display_name),
                    side._get_html_link(),
                )
            )
        waiting = self.filtered("is_case_waiting").case_id.filtered(
            lambda case: not case.is_closed
        )
        waiting._set_category("waiting_third")
        return {"type": "ir.actions.act_window_close"}

    def action_done(self):
        self.state = "done"

    def action_view_case(self):
        self.ensure_one()
        return self.case_id._get_form_action()

    def message_post(self, **kwargs):
        """What is written here publicly goes to the other side, whom it is for."""
        self.ensure_one()
        # the full composer names its author
        author = (
            self.env["res.partner"].browse(kwargs.get("author_id"))
            or self.env.user.partner_id
        )
        is_ours = self.env.user._is_internal() and any(
            not user.share
            # sudo: users are not read by all
            for user in author.sudo().user_ids
        )
        is_public = kwargs.get("subtype_xmlid") == "mail.mt_comment" or kwargs.get(
            "subtype_id"
        ) == self.env["ir.model.data"]._xmlid_to_res_id("mail.mt_comment")
        is_ours = is_ours and is_public and kwargs.get("message_type") == "comment"
        if is_ours:
            kwargs["partner_ids"] = list(
                dict.fromkeys(
                    [*(kwargs.get("partner_ids") or ()), *self.partner_id.ids]
                )
            )
            # sudo: the token is for the gateway only
            kwargs["subject"] = write_token(
                kwargs.get("subject") or self.name, self.id, self.sudo().token
            )
        message = super().message_post(**kwargs)
        if is_ours:
            self.state = "waiting"
        return message

    def _message_post_after_hook(self, message, msg_values):
        result = super()._message_post_after_hook(message, msg_values)
        is_inside = any(
            not user.share
            # sudo: users are not read by all
            for user in message.author_id.sudo().user_ids
        )
        is_machine = "is_machine_mail" in message._fields and message.is_machine_mail
        if message.message_type == "email" and not is_inside and not is_machine:
            self._on_answer(message)
        return result

    def _on_answer(self, message):
        """The other side has written: the case comes back, its assignee is told."""
        self.ensure_one()
        # sudo: the gateway writes for somebody who has no rights here
        side = self.sudo()
        side.write({"state": "answered", "date_answered": message.date})
        case = side.case_id
        others = side.search_count(
            [
                ("case_id", "=", case.id),
                ("state", "=", "waiting"),
                ("is_case_waiting", "=", True),
            ],
            limit=1,
        )
        if case.stage_category == "waiting_third" and not others:
            case._set_category("open")
        text = self.env._(
            "%s has answered:", message.author_id.name or message.email_from
        )
        case._message_log(body=Markup("%s %s") % (text, side._get_html_link()))
        told = case.user_id or side.user_id
        if told:
            side.message_notify(
                partner_ids=told.partner_id.ids,
                subject=self.env._("Answer about %s", case.display_name),
                body=Markup("%s %s") % (text, side._get_html_link()),
            )

    @api.model
    def _find_answered(self, message_dict):
        """Return the conversation that a mail to a team's address answers, or none.

        Odoo takes an answer that goes to an address of another model for a new mail.
        """
        references = message_dict.get("references") or message_dict.get("in_reply_to")
        ids = unfold_references(references or "")[-32:]
        if ids:
            # sudo: the gateway; who has the id of a mail got it
            message = (
                self.env["mail.message"]
                .sudo()
                .search(
                    [("message_id", "in", ids), ("model", "=", self._name)],
                    order="id desc",
                    limit=1,
                )
            )
            # sudo: as above
            if side := self.sudo().browse(message.res_id).exists():
                return side
        return self._find_by_token(message_dict.get("subject"))

    @api.model
    def _find_by_token(self, subject):
        """Return the conversation whose mark the subject bears, or none."""
        found = find_token(subject)
        if not found:
            return self.browse()
        side_id, token = found
        # sudo: the gateway; the token proves that the sender was written to
        side = self.sudo().browse(side_id).exists()
        return side if side and consteq(side.token, token) else self.browse()


class CrmCase(models.Model):
    _inherit = "crm.case"

    side_ids = fields.One2many(
        "crm.case.side",
        "case_id",
        string="Side Conversations",
        groups="base.group_user",
    )
    side_count = fields.Integer(
        compute="_compute_side_count",
        export_string_translation=False,
        groups="crm_helpdesk.crm_helpdesk_group_user",
    )
    side_waiting_count = fields.Integer(
        compute="_compute_side_count",
        export_string_translation=False,
        groups="crm_helpdesk.crm_helpdesk_group_user",
    )

    @api.depends("side_ids.state")
    def _compute_side_count(self):
        counts, waiting = {}, {}
        for case, state, count in self.env["crm.case.side"]._read_group(
            [("case_id", "in", self.ids)], ["case_id", "state"], ["__count"]
        ):
            counts[case.id] = counts.get(case.id, 0) + count
            if state == "waiting":
                waiting[case.id] = count
        for case in self:
            case.side_count = counts.get(case._origin.id, 0)
            case.side_waiting_count = waiting.get(case._origin.id, 0)

    def action_ask_aside(self):
        """Begin a conversation with somebody else about this case."""
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Ask a Supplier or Carrier"),
            "res_model": "crm.case.side",
            "views": [
                (self.env.ref("crm_helpdesk.crm_case_side_view_form_ask").id, "form")
            ],
            "target": "new",
            "context": {
                "default_case_id": self.id,
                "default_name": self.name,
            },
        }

    def action_view_sides(self):
        self.ensure_one()
        action = {
            "type": "ir.actions.act_window",
            "name": self.env._("Side Conversations"),
            "res_model": "crm.case.side",
            "views": [(False, "list"), (False, "form")],
            "domain": [("case_id", "=", self.id)],
            "context": {"default_case_id": self.id, "create": False},
        }
        if self.side_count == 1:
            action |= {"views": [(False, "form")], "res_id": self.side_ids.id}
        return action


class MailThread(models.AbstractModel):
    _inherit = "mail.thread"

    @api.model
    def message_route(
        self, message, message_dict, model=None, thread_id=None, custom_values=None
    ):
        """An answer that lost its references, or went to a team's address, belongs to
        the side conversation whose mark its subject bears.
        """
        routes = super().message_route(
            message,
            message_dict,
            model=model,
            thread_id=thread_id,
            custom_values=custom_values,
        )
        to_team = [
            route for route in routes or [] if route[0] in ("crm.case", "crm.case.team")
        ]
        side = to_team and self.env["crm.case.side"]._find_answered(message_dict)
        if not side:
            return routes
        return [
            (side._name, side.id, None, route[3], None) if route in to_team else route
            for route in routes
        ]
