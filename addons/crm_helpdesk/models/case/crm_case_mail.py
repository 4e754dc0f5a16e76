import logging
from datetime import timedelta

from odoo import api, fields, models
from odoo.fields import Domain
from odoo.tools import email_normalize, parse_contact_from_email

from ...tools.automatic_reply import is_automatic_reply
from ...tools.case_reference import subject_references

_logger = logging.getLogger(__name__)

# Marks what we send by ourselves, so that nobody's machine answers it (RFC 3834).
AUTOMATIC_HEADERS = {
    "Auto-Submitted": "auto-replied",
    "X-Auto-Response-Suppress": "All",
}
MAX_SUBJECT = 500


class CrmCase(models.Model):
    """Mail of cases: in, out, and what is answered by itself.

    A mail belongs to the case that it answers (References, as Odoo does); else to the
    case whose number is in its subject, if its sender has to do with that case; else it
    opens one. Machines' answers and reports open none: they are noted on the case they
    belong to, or on the team, and change nothing.
    """

    _inherit = "crm.case"

    date_acknowledged = fields.Datetime(
        string="Acknowledged", readonly=True, copy=False, groups="base.group_user"
    )

    _acknowledged_idx = models.Index(
        "(email_normalized, date_acknowledged) WHERE date_acknowledged IS NOT NULL"
    )

    # ------------------------------------------------------------
    # Routing
    # ------------------------------------------------------------

    @api.model
    def _reroute(self, message, message_dict, route):
        """Return where a mail that would open a case really belongs, or None.

        :param route: ``(model, thread id, values, user id, alias)``, as the gateway's
        """
        model, _thread_id, values, user_id, alias = route
        case = self._find_by_subject(message_dict)
        if case:
            return (model, case.id, values, user_id, alias)
        if not is_automatic_reply(message):
            return route
        message_dict["is_machine_mail"] = True
        team_id = (values or {}).get("team_id")
        _logger.info(
            "Mail %s of %s opens no case: it is an automatic answer or a report",
            message_dict.get("message_id"),
            message_dict.get("email_from"),
        )
        return ("crm.case.team", team_id, None, user_id, alias) if team_id else None

    @api.model
    def _find_by_subject(self, message_dict):
        """Return the case whose number the subject names, if the sender may add to it.

        Anybody can write a number into a subject: only the customer of the case, people
        of the same company, its followers and our own users are believed.
        """
        references = subject_references(message_dict.get("subject"))
        if not references:
            return self.browse()
        # sudo: the gateway looks for the case of whoever writes
        for case in self.sudo().search(
            [("number", "in", [*references, *map(str.upper, references)])], limit=5
        ):
            if case._is_known_sender(message_dict.get("email_from")):
                return case
        return self.browse()

    def _is_known_sender(self, email_from):
        self.ensure_one()
        email = email_normalize(email_from)
        if not email:
            return False
        if email == self.email_normalized:
            return True
        return bool(
            self.env["res.partner"]
            .sudo()
            .search_count(
                Domain("email_normalized", "=", email)
                & (
                    Domain("id", "in", self.message_partner_ids.ids)
                    | Domain("user_ids.share", "=", False)
                    | (
                        Domain(
                            "commercial_partner_id", "=", self.commercial_partner_id.id
                        )
                        if self.commercial_partner_id
                        else Domain.FALSE
                    )
                ),
                limit=1,
            )
        )

    def _detect_loop_sender_domain(self, email_from_normalized):
        return [("email_normalized", "=", email_from_normalized)]

    # ------------------------------------------------------------
    # In
    # ------------------------------------------------------------

    @api.model
    def message_new(self, msg_dict, custom_values=None):
        """A mail to a team's address opens a case for its author."""
        # the user of the gateway is nobody's assignee
        self = self.with_context(default_user_id=False)  # noqa: PLW0642
        Team = self.env["crm.case.team"]
        values = dict(custom_values or {})
        team = Team.browse(values.get("team_id")) or Team._get_default_team(
            self.env.user, self.env.company
        )
        is_machine = bool(msg_dict.get("is_machine_mail"))
        partner = self._find_or_create_customer(msg_dict, team.company_id, is_machine)
        # the contact may be new, or not the one of another company that Odoo took
        msg_dict["author_id"] = partner.id
        subject = (msg_dict.get("subject") or "").strip()[:MAX_SUBJECT]
        values = {
            "name": subject or self.env._("No subject"),
            "team_id": team.id,
            "channel": "email",
            "partner_id": partner.id,
            "is_machine": is_machine,
            "sale_order_id": self._find_order(subject, partner, team.company_id).id,
            **values,
        }
        case = super(CrmCase, self.with_company(team.company_id)).message_new(
            msg_dict, values
        )
        # once the mail itself is on the case
        return case.with_context(crm_helpdesk_acknowledge=not is_machine)

    def message_update(self, msg_dict, update_vals=None):
        if msg_dict.get("is_machine_mail"):
            # a note that notifies nobody: no other machine gets to answer it, and no
            # address is taken over
            msg_dict["is_internal"] = True
            msg_dict.pop("parent_id", None)
            msg_dict.pop("cc", None)
        return super().message_update(msg_dict, update_vals)

    @api.model
    def _find_or_create_customer(self, msg_dict, company, is_machine):
        """Return the contact with exactly this address that the company may use.

        Never by name: anybody may call himself anything. Unknown people become
        contacts, so that their next mail has a history; machines and our own addresses
        do not.
        """
        Partner = self.env["res.partner"].sudo()  # the gateway knows all contacts
        name, email = parse_contact_from_email(msg_dict.get("email_from"))
        if not email:
            return Partner
        usable = ("company_id", "in", (False, company.id))
        author = Partner.browse(msg_dict.get("author_id") or ()).filtered_domain(
            [usable, ("email_normalized", "=", email)]
        )
        if author:
            return author
        found = Partner.search([("email_normalized", "=", email), usable])
        if found:
            return found.sorted(
                lambda partner: (
                    not partner.user_ids,
                    partner.company_id != company,
                    partner.is_company,
                    partner.id,
                )
            )[0]
        if is_machine or self._is_own_address(email):
            return Partner
        return Partner.with_context(
            mail_create_nosubscribe=True, mail_create_nolog=True
        ).create({"name": name or email, "email": email, "company_id": False})

    @api.model
    def _is_own_address(self, email):
        # sudo: addresses of all companies are ours
        return bool(self.env["mail.alias.domain"].sudo()._find_aliases([email]))

    @api.model
    def _find_order(self, subject, partner, company):
        """Return the order that the subject names, if it is the customer's own."""
        # sudo: read for the gateway; only orders of the very customer come back
        Order = self.env["sale.order"].sudo()
        references = subject_references(subject)
        if not (partner and references):
            return Order
        return Order.search(
            [
                ("name", "in", references),
                ("company_id", "=", company.id),
                (
                    "partner_id.commercial_partner_id",
                    "=",
                    partner.commercial_partner_id.id,
                ),
            ],
            limit=1,
        )

    # ------------------------------------------------------------
    # On the case
    # ------------------------------------------------------------

    def message_post(self, **kwargs):
        """A public answer that names nobody goes to the customer of the case."""
        self.ensure_one()
        if self._is_unaddressed_answer(kwargs):
            if self.partner_id:
                kwargs["partner_ids"] = self.partner_id.ids
            else:
                kwargs["outgoing_email_to"] = self.partner_email
        return super().message_post(**kwargs)

    def _is_unaddressed_answer(self, values):
        if values.get("message_type") != "comment" or not (
            self.partner_id or self.email_normalized
        ):
            return False
        if values.get("partner_ids") or values.get("outgoing_email_to"):
            return False
        if values.get("subtype_xmlid") != "mail.mt_comment" and values.get(
            "subtype_id"
        ) != self.env["ir.model.data"]._xmlid_to_res_id("mail.mt_comment"):
            return False
        author_id = values.get("author_id") or self.env.user.partner_id.id
        return author_id != self.partner_id.id and self.env.user._is_internal()

    def _message_post_after_hook(self, message, msg_values):
        result = super()._message_post_after_hook(message, msg_values)
        if self._is_customer_message(message):
            self._on_customer_message()
        if self.env.context.get("crm_helpdesk_acknowledge"):
            self.with_context(crm_helpdesk_acknowledge=False)._acknowledge(message)
        return result

    def _is_customer_message(self, message):
        """Whether somebody outside, not a machine, has written on the case."""
        if message.message_type not in ("comment", "email") or message.is_machine_mail:
            return False
        if message.is_internal or not message.subtype_id or message.subtype_id.internal:
            return False
        author_sudo = message.author_id.sudo()  # users are not read by all
        if author_sudo == self.partner_id:
            return True
        return not any(not user.share for user in author_sudo.user_ids)

    def _on_customer_message(self):
        """Hook: the customer has written. What waits for him, or is done, is open
        again.
        """
        if self.stage_category in ("waiting_customer", *self._get_done_categories()):
            # sudo: customers have no right on stages; that it is his case was checked
            self.sudo()._set_category("open")

    @api.model
    def _get_done_categories(self):
        return ("solved", "closed")

    def _message_receive_bounce(self, email, partner):
        super()._message_receive_bounce(email, partner)
        for case in self:
            case._message_log(
                body=self.env._("A mail to %s came back undelivered.", email)
            )

    # ------------------------------------------------------------
    # Out
    # ------------------------------------------------------------

    def _get_sender_address(self):
        """Address of automatic mail on this case: the team's."""
        self.ensure_one()
        return self.sudo().team_id._get_sender_address()  # customers trigger mail, too

    def _notify_get_reply_to(self, default=None, author_id=False):
        """Answers come back to the team."""
        # sudo: aliases are for administrators, and written into every mail
        by_team = {
            team: team._notify_get_reply_to_formatted_email(team.alias_email, author_id)
            for team in self.sudo().team_id
            if team.alias_email
        }
        result = {
            case.id: by_team[case.sudo().team_id]
            for case in self
            if case.sudo().team_id in by_team
        }
        rest = self.filtered(lambda case: case.id not in result)
        if rest or not self:
            result.update(
                super(CrmCase, rest)._notify_get_reply_to(
                    default=default, author_id=author_id
                )
            )
        return result

    def _notify_by_email_get_headers(self, headers=None):
        headers = super()._notify_by_email_get_headers(headers=headers)
        if self.env.context.get("crm_helpdesk_automatic"):
            headers.update(AUTOMATIC_HEADERS)
        return headers

    def _message_track_post_template(self, changes):
        return super(
            CrmCase, self.with_context(crm_helpdesk_automatic=True)
        )._message_track_post_template(changes)

    def _notify_get_recipients_groups(self, message, model_description, msg_vals=False):
        """Only the customer of the case gets a link that opens it without login."""
        groups = super()._notify_get_recipients_groups(
            message, model_description, msg_vals=msg_vals
        )
        for name, _matches, options in groups:
            if name in ("portal", "follower", "customer"):
                options["has_button_access"] = False
        return groups

    def _acknowledge(self, message=None):
        """Confirm by mail that the case was opened; return the mail, empty when none is
        due.

        A mail that fails to be made must not lose the case that was opened: it is
        logged.
        """
        self.ensure_one()
        Mail = self.env["mail.mail"].sudo()
        case = self.sudo()  # customers open cases, too; only their own is written
        if not case._must_acknowledge():
            return Mail
        try:
            with self.env.cr.savepoint():
                mail = Mail.browse(
                    case.team_id.ack_template_id.send_mail(
                        case.id,
                        email_values={
                            "message_type": "auto_comment",
                            "author_id": self.env.ref("base.partner_root").id,
                            # keeps the message on the case when the mail has gone
                            "is_notification": True,
                            "references": message.message_id if message else False,
                            "headers": repr(AUTOMATIC_HEADERS),
                        },
                    )
                )
                case.date_acknowledged = self.env.cr.now()
        except Exception:
            _logger.exception("Case %s could not be acknowledged", case.number)
            return Mail
        self._trigger_mail_queue()
        return mail

    def _must_acknowledge(self):
        """Whether an acknowledgement is due: to a person, not told just now."""
        self.ensure_one()
        team = self.team_id
        if not (
            team.is_acknowledged and team.ack_template_id and self.email_normalized
        ):
            return False
        if self.is_machine or self.date_acknowledged:
            return False
        if self._is_own_address(self.email_normalized):
            return False
        return not team.ack_interval or not self.search_count(
            [
                ("email_normalized", "=", self.email_normalized),
                (
                    "date_acknowledged",
                    ">",
                    self.env.cr.now() - timedelta(minutes=team.ack_interval),
                ),
            ],
            limit=1,
        )

    @api.model
    def _trigger_mail_queue(self):
        """Odoo's mail queue runs every hour: now, please."""
        cron = self.env.ref(
            "mail.ir_cron_mail_scheduler_action", raise_if_not_found=False
        )
        if cron:
            cron.sudo()._trigger()  # sudo: whoever opened or closed the case
