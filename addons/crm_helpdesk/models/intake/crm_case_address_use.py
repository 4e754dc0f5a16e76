import re

from odoo import api, fields, models
from odoo.tools import consteq, email_split, formataddr, hmac
from odoo.tools.mail import email_split_and_format

# help+c42-0123456789abcdef@…: the case in the address that answers go to
TOKEN = re.compile(
    r"^[^@+\s]+\+c(?P<id>\d{1,9})-(?P<signature>[0-9a-f]{16})@", re.IGNORECASE
)
# Longer than this, Odoo's header of the reply address cannot be folded properly.
MAX_REPLY_ADDRESS = 67


class CrmCaseTeam(models.Model):
    _inherit = "crm.case.team"

    address_ids = fields.One2many(
        "crm.case.address", "team_id", string="More Addresses", copy=False
    )
    sender_name = fields.Selection(
        [
            ("agent", "Agent"),
            ("agent_team", "Agent and team"),
            ("team", "Team"),
            ("private", "Agent, from the own address"),
        ],
        string="Answers Come from",
        required=True,
        default="agent",
        help="Name of the sender that customers see. Answers leave from the address "
        "that the customer wrote to, unless agents write from their own.",
    )
    is_reply_signed = fields.Boolean(
        string="Case in the Reply Address",
        default=True,
        help="Answers to our mails find their case even when the mail program of the "
        "customer loses its references: the reply address names the case, with a "
        "signature (help+c42-…@…). Switch it off when your mail server does not take "
        "mail to addresses with a plus.",
    )


class CrmCase(models.Model):
    """By which address the case came in, and from which one it is answered."""

    _inherit = "crm.case"

    address_id = fields.Many2one(
        "crm.case.address",
        string="Written to",
        domain="[('team_id', '=', team_id)]",
        check_company=True,
        copy=False,
        index="btree_not_null",
        groups="base.group_user",
        help="The address of the team that the customer wrote to; its first one when "
        "empty. Answers leave from it.",
    )

    def _get_used_address(self):
        """The address it came in by, in sudo, while it belongs to the team."""
        self.ensure_one()
        # sudo: answered by whoever may; customers trigger mail, too
        case_sudo = self.sudo()
        address_sudo = case_sudo.address_id
        # a case that moved on is answered by its new team
        return address_sudo.filtered(lambda a: a.team_id == case_sudo.team_id)

    def _get_sender_address(self):
        address_sudo = self._get_used_address()
        return (
            address_sudo and address_sudo._get_sender_address()
        ) or super()._get_sender_address()

    def _get_answer_sender(self, author):
        """Return what an answer of ``author`` is sent from, or None for his own."""
        self.ensure_one()
        # sudo: whoever answers, the team and its address are written into the mail
        team_sudo = self.sudo().team_id
        address_sudo = self._get_used_address()
        email = (
            address_sudo.public_email or address_sudo.alias_email
            if address_sudo
            else team_sudo.alias_email
        )
        if not email or team_sudo.sender_name == "private":
            return None
        team_name = address_sudo._get_sender_name() if address_sudo else team_sudo.name
        name = {
            "agent": author.name,
            "agent_team": f"{author.name} ({team_name})",
            "team": team_name,
        }[team_sudo.sender_name]
        return formataddr((name, email))

    def message_post(self, **kwargs):
        """Answers to customers leave from the address that they wrote to."""
        if self._is_answer(kwargs):
            author = (
                self.env["res.partner"].browse(kwargs.get("author_id"))
                or self.env.user.partner_id
            )
            if sender := self._get_answer_sender(author):
                kwargs.update(author_id=author.id, email_from=sender)
        return super().message_post(**kwargs)

    def _is_answer(self, values):
        """Whether a message of these values is what one of us writes to customers."""
        if values.get("message_type") not in ("comment", "email"):
            return False
        if values.get("is_internal") or not self._is_public_subtype(values):
            return False
        author = self.env["res.partner"].browse(
            values.get("author_id") or self.env.user.partner_id.id
        )
        # sudo: users are not read by all; only whether one of ours writes
        return author != self.partner_id and any(
            not user.share for user in author.sudo().user_ids
        )

    @api.model
    def _is_public_subtype(self, values):
        return values.get("subtype_xmlid") == "mail.mt_comment" or values.get(
            "subtype_id"
        ) == self.env["ir.model.data"]._xmlid_to_res_id("mail.mt_comment")

    @api.model
    def _is_own_address(self, email):
        return email in self.env[
            "crm.case.address"
        ]._get_public_emails() or super()._is_own_address(email)

    # ------------------------------------------------------------
    # Reply address
    # ------------------------------------------------------------

    def _notify_get_reply_to(self, default=None, author_id=False):
        """Answers come back to the team, and name their case."""
        result = super()._notify_get_reply_to(default=default, author_id=author_id)
        for case in self:
            if email := case._get_reply_email():
                result[case.id] = case._notify_get_reply_to_formatted_email(
                    email, author_id
                )
        return result

    def _get_reply_email(self):
        """Where answers on this case go, signed if the team wants it so."""
        self.ensure_one()
        # sudo: aliases are for administrators, and written into every mail
        team_sudo = self.sudo().team_id
        email = (
            self._get_used_address().alias_email
            or team_sudo.alias_email
            or team_sudo.company_id.catchall_email
        )
        if not email or not team_sudo.is_reply_signed or not self.id:
            return email
        local, _at, domain = email.partition("@")
        signed = f"{local}+{self._get_reply_token()}@{domain}"
        return signed if len(signed) <= MAX_REPLY_ADDRESS else email

    def _get_reply_address(self):
        """Reply address of automatic mail, with a name."""
        self.ensure_one()
        email = self._get_reply_email()
        if not email:
            return self._get_sender_address()
        address_sudo = self._get_used_address()
        name = (
            address_sudo._get_sender_name()
            if address_sudo
            # sudo: only the name of the team, which signs the mail
            else self.sudo().team_id.name
        )
        formatted = formataddr((name, email))
        return formatted if len(formatted) <= MAX_REPLY_ADDRESS else email

    def _get_reply_token(self):
        self.ensure_one()
        return f"c{self.id}-{self._sign_reply(self.id)}"

    @api.model
    def _sign_reply(self, case_id):
        # sudo: the secret of the database signs it
        signature = hmac(self.env(su=True), "crm_helpdesk-reply", case_id)
        return signature[:16]

    @api.model
    def _take_reply_token(self, message_dict):
        """Return the case that a mail was answered to, and take the signed address out
        of the mail: the token is nobody's recipient, and nobody's to read.

        An address whose signature is not ours becomes the plain one; that of a case
        that was deleted, too: there is nobody else to take the mail.
        """
        found = self.browse()
        if "+c" not in (message_dict.get("recipients") or "").lower():
            return found
        plain = {}
        for email in email_split(message_dict["recipients"]):
            if not (match := TOKEN.match(email)):
                continue
            case_id, signature = int(match["id"]), match["signature"].lower()
            case = self.browse()
            if consteq(signature, self._sign_reply(case_id)):
                # sudo: the gateway looks for the case of whoever has the address
                case = self.sudo().browse(case_id).exists()
            if case:
                plain[email.lower()] = None
                found = found or case
            else:
                local, _at, domain = email.partition("@")
                plain[email.lower()] = f"{local.partition('+')[0]}@{domain}"
        if plain:
            self._replace_recipients(message_dict, plain)
        return found

    @api.model
    def _replace_recipients(self, message_dict, plain):
        for name in ("to", "cc", "recipients", "to_filtered", "cc_filtered"):
            if not message_dict.get(name):
                continue
            kept = []
            for formatted in email_split_and_format(message_dict[name]):
                email = next(iter(email_split(formatted)), "").lower()
                if email not in plain:
                    kept.append(formatted)
                elif plain[email] and name in ("to", "cc", "recipients"):
                    kept.append(plain[email])
            message_dict[name] = ",".join(kept)
