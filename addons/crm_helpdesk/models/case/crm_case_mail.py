import logging
from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import MissingError
from odoo.fields import Domain
from odoo.tools import email_normalize, parse_contact_from_email

from odoo.addons.crm_plus.tools.collision import COLLISIONS

from ...tools.automatic_reply import is_automatic_reply
from ...tools.case_reference import subject_references

_logger = logging.getLogger(__name__)

# Marks what we send by ourselves, so that nobody's machine answers it (RFC 3834).
AUTOMATIC_HEADERS = {
    "Auto-Submitted": "auto-replied",
    "X-Auto-Response-Suppress": "All",
}
MAX_SUBJECT = 500
ACK_BATCH_SIZE = 100  # rendered together: a second or two


class CrmCase(models.Model):
    """Mail of cases: in, out, and what is answered by itself.

    A mail belongs to the case that it answers (References, as Odoo does); else to the
    case whose number is in its subject, if its sender has to do with that case; else it
    opens one. Machines' answers and reports open none: they are noted on the case they
    belong to, or on the team, and change nothing.
    """

    _inherit = "crm.case"

    is_ack_due = fields.Boolean(readonly=True, copy=False, groups="base.group_user")
    date_acknowledged = fields.Datetime(
        string="Acknowledged", readonly=True, copy=False, groups="base.group_user"
    )

    _acknowledged_idx = models.Index(
        "(email_normalized, date_acknowledged) WHERE date_acknowledged IS NOT NULL"
    )

    _ack_due_idx = models.Index("(id) WHERE is_ack_due")

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
        # only whether the address is known, whoever the gateway runs as
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
            "is_ack_due": self._is_acknowledgeable(team, is_machine),
            "sale_order_id": self._find_order(subject, partner, team.company_id).id,
            **values,
        }
        case = super(CrmCase, self.with_company(team.company_id)).message_new(
            msg_dict, values
        )
        if case.is_ack_due:
            self._trigger_acknowledgements()
        return case

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
        if msg_dict.get("author_id"):
            # Odoo looked for the address in all companies, and took one that has it
            usable = ("company_id", "in", (False, company.id))
            author = Partner.browse(msg_dict["author_id"]).filtered_domain(
                [usable, ("email_normalized", "=", email)]
            )
            found = author or Partner.search([("email_normalized", "=", email), usable])
            if found:
                return found._sort_senders(company)[0]
        if is_machine or self._is_own_address(email):
            return Partner
        return self._create_contact(name, email, company)

    @api.model
    def _create_contact(self, name, email, company):
        """Return a new contact, in sudo, for an address that nobody has."""
        return (
            self.env["res.partner"]
            # sudo: the gateway, and who answers, make contacts of who writes
            .sudo()
            .with_context(mail_create_nosubscribe=True, mail_create_nolog=True)
            .create(self._prepare_customer_values(name, email, company))
        )

    @api.model
    def _prepare_customer_values(self, name, email, company):
        """Hook: values of the contact that an unknown sender becomes."""
        return {"name": name or email, "email": email, "company_id": False}

    @api.model
    def _is_own_address(self, email):
        """Whether the address is an alias, or one that Odoo itself writes from."""
        domains, emails = self.env["mail.alias.domain"]._get_own_names()
        if email in emails:
            return True
        if email.partition("@")[2] not in domains:
            return False
        # only whether the address is an alias of ours
        return bool(
            self.env["mail.alias"]
            .sudo()
            .search_count([("alias_full_name", "=", email)], limit=1)
        )

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
        if kwargs.get("subject"):
            # no mail can be sent whose subject has a line feed
            kwargs["subject"] = " ".join(kwargs["subject"].split())
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
        # the address of the team, whoever writes from the case
        result = {
            case.id: by_team[case.sudo().team_id]
            for case in self
            # sudo: as above
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
        """Mail of stages. One that cannot be written is no reason to lose what moved
        the case there, be it the customer's answer."""
        automatic = self.with_context(crm_helpdesk_automatic=True)
        post = super(CrmCase, automatic)._message_track_post_template
        if not (self and changes and self._has_track_template(changes)):
            return post(changes)
        try:
            with self.env.cr.savepoint():
                return post(changes)
        except COLLISIONS:
            raise
        except Exception:
            _logger.exception("Mail of the stage of case %s failed", self.ids)
        for case in self.exists():
            case._log_failed_stage_mail()
        return True

    def _has_track_template(self, changes):
        try:
            templates = self._track_template(changes)
        except MissingError:
            return False  # deleted since it was changed: Odoo knows what to do
        return any(template for template, _values in templates.values())

    def _log_failed_stage_mail(self):
        # sudo: whoever moved the case, customers too; a note for our people
        case_sudo = self.sudo()
        case_sudo._message_log(
            body=self.env._(
                "The customer was not written to: the mail “%(template)s” of the stage"
                " “%(stage)s” cannot be made. Write to the customer yourself, and have"
                " an administrator correct the template: its preview shows what is"
                " wrong.",
                template=case_sudo.stage_id.template_id.display_name or "",
                stage=case_sudo.stage_id.display_name,
            ),
            author_id=self.env.ref("base.partner_root").id,
        )

    def _notify_get_recipients_groups(self, message, model_description, msg_vals=False):
        """Only the customer of the case gets a link that opens it without login."""
        groups = super()._notify_get_recipients_groups(
            message, model_description, msg_vals=msg_vals
        )
        for name, _matches, options in groups:
            if name in ("portal", "follower", "customer"):
                options["has_button_access"] = False
        return groups

    @api.model
    def _is_acknowledgeable(self, team, is_machine):
        return bool(team.is_acknowledged and team.ack_template_id and not is_machine)

    @api.model
    def _trigger_acknowledgements(self):
        self._trigger_cron("crm_helpdesk.ir_cron_acknowledge_cases")

    @api.model
    def _cron_acknowledge(self, batch_size=ACK_BATCH_SIZE):
        """Confirm to people that their cases were opened. Not done by the gateway: what
        fails here must not lose the mail that opened the case, nor make it wait."""
        domain = [("is_ack_due", "=", True)]
        cases = self.search(domain, limit=batch_size, order="id").try_lock_for_update()
        if cases.filtered("is_ack_due")._acknowledge():
            self._trigger_cron("mail.ir_cron_mail_scheduler_action")
        self.env["ir.cron"]._commit_progress(
            len(cases), remaining=self.search_count(domain)
        )

    def _acknowledge(self):
        """Queue acknowledgements of these cases, where one is due; return the mails.

        A template that fails for one case is no reason to let the others wait: all are
        made together, each alone only if that fails.
        """
        mails = self.env["mail.mail"]
        due = self._filter_acknowledgeable()
        self.is_ack_due = False
        batches = list(due.grouped(lambda case: case.team_id.ack_template_id).items())
        while batches:
            template, cases = batches.pop(0)
            try:
                with self.env.cr.savepoint():
                    mails += cases._queue_acknowledgement(template)
            except Exception:
                _logger.exception(
                    "Cases %s could not be acknowledged", cases.mapped("number")
                )
                if len(cases) > 1:
                    batches += [(template, case) for case in cases]
        return mails

    def _queue_acknowledgement(self, template):
        """Make the mails of these cases; an answer to each finds its case."""
        self.date_acknowledged = self.env.cr.now()
        mails = template.send_mail_batch(
            self.ids,
            email_values={
                "message_type": "auto_comment",
                "author_id": self.env.ref("base.partner_root").id,
                # keeps the message on the case when the mail has gone
                "is_notification": True,
                "headers": repr(AUTOMATIC_HEADERS),
            },
        )
        opening = dict(
            self.env["mail.message"]._read_group(
                [
                    ("model", "=", self._name),
                    ("res_id", "in", self.ids),
                    ("message_type", "=", "email"),
                ],
                ["res_id"],
                ["id:recordset"],
            )
        )
        cases = {case.id: case for case in self}
        for mail in mails:
            mail.reply_to = cases[mail.res_id]._get_reply_address()
            # the customer's mail program shows it below his own mail
            mail.references = (
                opening.get(mail.res_id, self.env["mail.message"])
                .sorted("id")[:1]
                .message_id
            )
        return mails

    def _filter_acknowledgeable(self):
        """The cases whose senders are people, outside, and were not told just now."""
        now = self.env.cr.now()
        emails = set(self.mapped("email_normalized"))
        longest = max(self.team_id.mapped("ack_interval"), default=0)
        last = dict(
            self._read_group(
                [
                    ("email_normalized", "in", list(emails)),
                    ("date_acknowledged", ">", now - timedelta(minutes=longest)),
                ],
                ["email_normalized"],
                ["date_acknowledged:max"],
            )
        )
        due = self.browse()
        for case in self.sorted("id"):
            email = case.email_normalized
            if (
                not email
                or case.date_acknowledged
                or not self._is_acknowledgeable(case.team_id, case.is_machine)
                or self._is_own_address(email)
            ):
                continue
            interval = timedelta(minutes=case.team_id.ack_interval)
            if email in last and interval and last[email] > now - interval:
                continue
            last[email] = now
            due += case
        return due

    @api.model
    def _trigger_cron(self, xmlid):
        """Have a scheduled action run when this is committed, if it is still there."""
        cron_id = self.env["ir.model.data"]._xmlid_to_res_id(
            xmlid, raise_if_not_found=False
        )
        if cron_id:
            # sudo: whoever opened or closed the case
            self.env["ir.cron"].sudo().browse(cron_id)._trigger()
