from markupsafe import Markup

from odoo import fields, models
from odoo.exceptions import UserError
from odoo.fields import Command

from .crm_case_merge import MOVED_MESSAGES


class CrmCase(models.Model):
    """Split: what was said about something else becomes a case of its own.

    The new case is opened when the customer said it, and its promises run from then; an
    answer of ours among the chosen messages has fulfilled them. Answers to moved mails
    find the new case.
    """

    _inherit = "crm.case"

    split_from_id = fields.Many2one(
        "crm.case",
        string="Split from",
        readonly=True,
        copy=False,
        index="btree_not_null",
        groups="base.group_user",
    )
    split_ids = fields.One2many(
        "crm.case", "split_from_id", string="Split off", groups="base.group_user"
    )

    def action_split(self):
        self.ensure_one()
        action = self.env["ir.actions.actions"]._for_xml_id(
            "crm_helpdesk.crm_case_split_action"
        )
        action["context"] = {"default_case_id": self.id}
        return action

    def _get_splittable_messages(self):
        self.ensure_one()
        return self.env["mail.message"].search(
            [
                ("model", "=", self._name),
                ("res_id", "=", self.id),
                ("message_type", "in", MOVED_MESSAGES),
            ],
            order="date, id",
        )

    def _split(self, messages, values):
        """Move ``messages`` to a new case of the same customer; return it.

        :param values: of the new case, as the user chose them
        """
        self.ensure_one()
        self.check_access("write")
        messages &= self._get_splittable_messages()
        if not messages:
            raise UserError(self.env._("Choose the messages that make the new case."))
        asked = messages.filtered(self._is_customer_message)
        answered = messages.filtered(self._sla_is_human_answer)
        # sudo: the user may write the case; the rest is noted by itself
        case_sudo = self.sudo()
        new_sudo = case_sudo.with_context(mail_create_nosubscribe=True).create(
            {
                "partner_id": case_sudo.partner_id.id,
                "partner_name": case_sudo.partner_name,
                "partner_email": case_sudo.partner_email,
                "team_id": case_sudo.team_id.id,
                "channel": case_sudo.channel,
                "sale_order_id": case_sudo.sale_order_id.id,
                "lead_id": case_sudo.lead_id.id,
                **values,
                "split_from_id": self.id,
                "date_opened": min((asked or messages).mapped("date")),
                "linked_ids": [Command.link(self.id)],
            }
        )
        if new_sudo.company_id != case_sudo.company_id:
            raise UserError(
                self.env._("The new case stays within the company: choose its team.")
            )
        messages_sudo = messages.sudo()
        messages_sudo.write({"res_id": new_sudo.id})
        messages_sudo.attachment_ids.filtered(
            lambda file: file.res_model == self._name and file.res_id == self.id
        ).write({"res_id": new_sudo.id})
        (case_sudo | new_sudo).invalidate_recordset(
            ["message_ids", "website_message_ids"]
        )
        if answered:
            new_sudo._sla_on_human_answer(min(answered.mapped("date")))
        new_sudo.message_subscribe(
            partner_ids=(messages_sudo.author_id & case_sudo.message_partner_ids).ids
        )
        case_sudo._message_log(
            body=Markup("<p>%s</p>")
            % self.env._(
                "%(count)s messages were split off into %(case)s.",
                count=len(messages),
                case=new_sudo._get_html_link(),
            )
        )
        new_sudo._message_log(
            body=Markup("<p>%s</p>")
            % self.env._(
                "Split off from %(case)s, with %(count)s messages.",
                case=self._get_html_link(),
                count=len(messages),
            )
        )
        return new_sudo.sudo(self.env.su)
