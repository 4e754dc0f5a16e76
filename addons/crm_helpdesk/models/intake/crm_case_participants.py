import logging

from odoo import api, fields, models
from odoo.tools import email_normalize
from odoo.tools.mail import email_split_tuples

from odoo.addons.crm_plus.tools.machine_mail import MACHINE_SENDER

from .crm_case_participant import ANSWERED

_logger = logging.getLogger(__name__)

# Nobody has more people in copy of a case; a mail with more is a circular.
MAX_COPIED = 30


class CrmCase(models.Model):
    """Who else takes part: found in mails, given rights by agents."""

    _inherit = "crm.case"

    participant_ids = fields.One2many(
        "crm.case.participant",
        "case_id",
        string="Participants",
        groups="base.group_user",
    )

    # ------------------------------------------------------------
    # Found in mails
    # ------------------------------------------------------------

    @api.model
    def message_new(self, msg_dict, custom_values=None):
        case = super().message_new(msg_dict, custom_values)
        if not case.is_machine:
            case._note_participants(msg_dict, is_new=True)
        return case

    def message_update(self, msg_dict, update_vals=None):
        result = super().message_update(msg_dict, update_vals)
        if not msg_dict.get("is_machine_mail"):
            self._note_participants(msg_dict, msg_dict.get("email_from"))
        return result

    def _note_participants(self, msg_dict, email_from=None, is_new=False):
        """Keep who was addressed beside us, and who answers without being known.

        It gives them nothing: see ``crm.case.participant``.
        """
        self.ensure_one()
        wanted = {}
        addressed = [msg_dict.get("cc_filtered"), msg_dict.get("to_filtered")]
        if email_from and not self._is_customers(msg_dict, email_from):
            addressed.append(email_from)
        for name, address in email_split_tuples(",".join(filter(None, addressed))):
            email = email_normalize(address)
            if email and not MACHINE_SENDER.match(email):
                wanted.setdefault(email, name)
        # whom the gateway has as the author of the first mail is the customer
        wanted.pop(self.email_normalized, None)
        if not wanted:
            return
        wanted = dict(list(wanted.items())[:MAX_COPIED])
        try:
            vals_list = self._prepare_found(wanted, is_new=is_new)
        except Exception:
            # who was in copy is worth a note, not the mail
            _logger.exception("Nobody was noted in copy of case %s", self.number)
            return
        if vals_list:
            # sudo: the gateway's notes
            self.env["crm.case.participant"].sudo().create(vals_list)

    def _prepare_found(self, wanted, is_new=False):
        """Return values of participants for the addresses of those who are none yet.

        :param wanted: ``{address: name}``
        :param is_new: whether the case has none, having just been opened
        """
        # sudo: the gateway knows who takes part
        known_sudo = self.env["crm.case.participant"].sudo()
        if not is_new:
            known_sudo = known_sudo.search([("case_id", "=", self.id)])
        new = wanted.keys() - set(known_sudo.mapped("email"))
        new -= self._get_own_emails(wanted)
        contacts = self._find_contacts(new)
        taken = known_sudo.partner_id + self.partner_id
        no_one = self.env["res.partner"]
        vals_list = []
        for email, name in wanted.items():
            contact = contacts.get(email, no_one)
            if email not in new or contact & taken:
                continue
            is_ours = contact and not contact.partner_share
            vals_list.append(
                {
                    "case_id": self.id,
                    "email": email,
                    "name": name or email,
                    "partner_id": contact.id,
                    "role": "internal" if is_ours else "copied",
                }
            )
        return vals_list

    def _is_customers(self, msg_dict, email_from):
        """Whether the mail is of the customer, or of one of ours."""
        email = email_normalize(email_from)
        if not email or email == self.email_normalized:
            return True
        author = self.env["res.partner"].sudo().browse(msg_dict.get("author_id"))
        return bool(author) and (author == self.partner_id or not author.partner_share)

    @api.model
    def _get_own_emails(self, emails):
        """Those of the addresses that are our own: nobody takes part with them."""
        _domains, own = self.env["mail.alias.domain"]._get_own_names()
        return (own | self.env["crm.case.address"]._get_public_emails()) & set(emails)

    def _find_contacts(self, emails):
        """Return ``{address: contact}`` of those that exactly one may be meant by: of
        several with the address, the one that mail finds, too."""
        if not emails:
            return {}
        company = self.company_id
        # sudo: the gateway knows all contacts
        partners = (
            self.env["res.partner"]
            .sudo()
            .search(
                [
                    ("email_normalized", "in", list(emails)),
                    ("company_id", "in", (False, company.id)),
                ]
            )
        )
        return {
            email: found._sort_senders(company)[0]
            for email, found in partners.grouped("email_normalized").items()
        }

    # ------------------------------------------------------------
    # What they may
    # ------------------------------------------------------------

    def _is_known_sender(self, email_from):
        """Participants are believed when they name the case in a subject."""
        if super()._is_known_sender(email_from):
            return True
        email = email_normalize(email_from)
        # sudo: only whether the address takes part
        return bool(email) and bool(
            self.env["crm.case.participant"]
            .sudo()
            .search_count([("case_id", "=", self.id), ("email", "=", email)], limit=1)
        )

    def message_post(self, **kwargs):
        """An answer that names nobody goes to all who are to get answers; so does what
        one of us answers by mail."""
        if self._is_unaddressed_answer(kwargs) or (
            kwargs.get("message_type") == "email" and self._is_answer(kwargs)
        ):
            partners = self.partner_id + self._get_answered_partners()
            if partners:
                named = kwargs.get("partner_ids") or []
                kwargs["partner_ids"] = list(dict.fromkeys([*named, *partners.ids]))
            if not self.partner_id and self.partner_email:
                kwargs["outgoing_email_to"] = self.partner_email
        return super().message_post(**kwargs)

    def _get_answered_partners(self):
        """The contacts, beside the customer, who get each answer."""
        # sudo: who answers a case may do so by mail to who takes part in it
        people_sudo = self.sudo().participant_ids
        return people_sudo.filtered(lambda p: p.role in ANSWERED).partner_id.sudo(False)

    def _message_add_suggested_recipients(self, force_primary_email=False):
        """Who was in copy is proposed to who answers."""
        suggested = super()._message_add_suggested_recipients(
            force_primary_email=force_primary_email
        )
        for case in self:
            for person in case.participant_ids:
                if person.role == "internal":
                    continue
                if person.partner_id:
                    suggested[case.id]["partners"] |= person.partner_id
                elif person.email:
                    suggested[case.id]["email_to_lst"].append(person.email)
        return suggested
