from markupsafe import Markup

from odoo import models
from odoo.exceptions import UserError
from odoo.tools import html2plaintext


class DiscussChannel(models.Model):
    """``/case`` in a live chat: what was said becomes a case.

    The channel is Odoo's, live chat an app that may be there or not: without it no
    channel is one, and the command is offered nowhere.
    """

    _inherit = "discuss.channel"

    def execute_command_case(self, **kwargs):
        """Open a case from the chat; ``/case Subject``, said by an agent."""
        self.ensure_one()
        if self.channel_type != "livechat" or not self.is_member:
            raise UserError(self.env._("Cases are opened from live chats."))
        self.env["crm.case"].check_access("create")
        subject = html2plaintext(kwargs.get("body") or "").strip()
        subject = subject.removeprefix("/case").strip()
        if not subject:
            text = self.env._(
                "Say what it is about: %(start)s/case the grinder leaks%(end)s",
                start=Markup("<pre>"),
                end=Markup("</pre>"),
            )
        else:
            case = self._open_case(subject)
            text = self.env._("Opened the case %s", case._get_html_link())
            # the visitor is told the number, too
            self.message_post(
                body=self.env._("We have opened the case %s for you.", case.number),
                message_type="comment",
                subtype_xmlid="mail.mt_comment",
            )
        self.env.user._bus_send_transient_message(self, text)
        return True

    def _open_case(self, subject):
        customer = self._get_case_customer()
        return self.env["crm.case"].create(
            {
                "name": subject[:200],
                "channel": "livechat",
                "partner_id": customer.id,
                "partner_name": customer.name or self._get_case_visitor_name(),
                "user_id": self.env.uid,
                "description": self._get_channel_history(),
            }
        )

    def _get_case_customer(self):
        """The one known person outside who takes part; nobody when it is unclear who
        the visitor is.
        """
        # sudo: agents of live chat see their visitors, not all contacts
        members_sudo = self.sudo().channel_member_ids
        if "livechat_member_type" in members_sudo._fields:
            # a chatbot is no colleague, and no customer either
            members_sudo = members_sudo.filtered(
                lambda member: member.livechat_member_type != "bot"
            )
        customers = members_sudo.partner_id.filtered(
            lambda partner: partner.partner_share and not partner.is_public
        )
        if members_sudo.guest_id or len(customers) != 1:
            return self.env["res.partner"]
        return customers.sudo(False)

    def _get_case_visitor_name(self):
        return self.sudo().channel_member_ids.guest_id[:1].name or False  # sudo: above
