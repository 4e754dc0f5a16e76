"""What came back from each address: bounces, delays and complaints."""

from datetime import timedelta

from markupsafe import Markup

from odoo import api, fields, models
from odoo.tools import email_normalize

from ...tools.bounce.report import BOUNCE, COMPLAINT, DELAY
from ...tools.mail_event import UNSUBSCRIBE

KINDS = [
    (BOUNCE, "Bounce"),
    (DELAY, "Still Tried"),
    (COMPLAINT, "Complaint"),
    (UNSUBSCRIBE, "Unsubscribed"),
]
REASONS = [
    ("authfailure", "Sender not authenticated (SPF, DKIM, DMARC)"),
    ("badreputation", "Bad reputation of our server"),
    ("blocked", "Our server is blocked"),
    ("contenterror", "Content not accepted"),
    ("exceedlimit", "Over a limit of the recipient"),
    ("expired", "Not delivered in time"),
    ("feedback", "Complaint"),
    ("filtered", "Filtered by the recipient"),
    ("hasmoved", "Address has moved"),
    ("hostunknown", "Domain unknown"),
    ("mailboxfull", "Mailbox full"),
    ("mailererror", "Program of the recipient failed"),
    ("mesgtoobig", "Message too big"),
    ("networkerror", "Network error"),
    ("norelaying", "Relaying denied"),
    ("notaccept", "Domain takes no mail"),
    ("notcompliantrfc", "Message breaks a standard"),
    ("onhold", "Not clear"),
    ("policyviolation", "Against a policy of the recipient"),
    ("rejected", "Sender rejected"),
    ("requireptr", "Our server has no reverse DNS"),
    ("securityerror", "Security"),
    ("spamdetected", "Taken for spam"),
    ("speeding", "Too many mails in a short time"),
    ("suspend", "Account disabled"),
    ("syntaxerror", "Protocol error"),
    ("systemerror", "Error of the server"),
    ("systemfull", "Server full"),
    ("toomanyconn", "Too many connections"),
    ("undefined", "No reason given"),
    ("userunknown", "Address unknown"),
    ("virusdetected", "Virus detected"),
]
# Complaints of a machine about our authentication are none of a person's (RFC 6591).
MACHINE_COMPLAINTS = ("auth-failure", "virus")

# Odoo's own rule for mailings: so many within so long, the first and last a week apart.
SOFT_LIMIT = 5
SOFT_PERIOD = timedelta(weeks=13)
SOFT_SPREAD = timedelta(weeks=1)

GC_BATCH_SIZE = 10_000
RETENTION_MONTHS = 24


class CrmMailBounce(models.Model):
    _name = "crm.mail.bounce"
    _description = "Bounce"
    _order = "date desc, id desc"
    _rec_name = "email_normalized"

    email_normalized = fields.Char(
        string="E-mail", required=True, readonly=True, index=True
    )
    date = fields.Datetime(
        required=True, readonly=True, default=fields.Datetime.now, index=True
    )
    kind = fields.Selection(KINDS, required=True, readonly=True)
    is_hard = fields.Boolean(
        string="Hard",
        readonly=True,
        help="It is no use to write to this address again: it does not exist, has "
        "moved, or its domain takes no mail.",
    )
    reason = fields.Selection(REASONS, readonly=True)
    status = fields.Char(
        readonly=True, help="Enhanced status code (RFC 3463), such as 5.1.1"
    )
    reply_code = fields.Char(readonly=True, help="SMTP reply code, such as 550")
    diagnostic = fields.Text(readonly=True, help="What the other server said")
    outcome = fields.Selection(
        [
            ("noted", "Noted"),
            ("counted", "Counted"),
            ("stopped", "Address Stopped"),
            ("unverified", "Not Verified"),
        ],
        required=True,
        readonly=True,
        default="noted",
        help="Stopped: no mailing goes to the address any more. Counted: it will be "
        "stopped if that goes on for weeks. Not verified: the report names no mail "
        "that we sent to this address, so that anybody could have written it; it "
        "counts for nothing.",
    )
    partner_id = fields.Many2one(
        "res.partner",
        string="Contact",
        readonly=True,
        index="btree_not_null",
        ondelete="set null",
    )
    company_id = fields.Many2one(
        "res.company", readonly=True, index="btree_not_null", ondelete="cascade"
    )
    message_id = fields.Char(
        string="Report",
        readonly=True,
        help="The Message-Id of the report, or the event of the mail service.",
    )
    service_id = fields.Many2one(
        "crm.mail.service",
        string="Told by",
        readonly=True,
        index="btree_not_null",
        ondelete="set null",
        groups="crm_plus.crm_plus_group_manager",
        help="Empty: a report that came by mail.",
    )
    mail_message_id = fields.Many2one(
        "mail.message",
        string="Message That Came Back",
        readonly=True,
        index="btree_not_null",
        ondelete="set null",
    )
    res_model = fields.Char(readonly=True)
    res_id = fields.Many2oneReference(model_field="res_model", readonly=True)

    _unique_report = models.UniqueIndex("(message_id, email_normalized)")

    @api.model
    def _get_recorded(self, message_id, emails, message, kind):
        """The addresses of one report that were dealt with when it came first, or when
        the mail service told the same of the mail."""
        # sudo: the history is the system's
        rows = self.sudo().search(
            [
                ("email_normalized", "in", emails),
                "|",
                ("message_id", "=", message_id),
                "&",
                "&",
                ("service_id", "!=", False),
                ("kind", "=", kind),
                ("mail_message_id", "in", message.ids),
            ]
        )
        return set(rows.mapped("email_normalized"))

    @api.model
    def _record_report(self, report, msg_dict, written_to):
        """Note what a report says of each address, and stop those that must be.

        :param report: ``tools.bounce.report.Report``
        :param msg_dict: the report as parsed by the gateway
        :param written_to: the addresses that are proven to have had the mail
        :return: the new rows
        """
        message = msg_dict.get("bounced_message") or self.env["mail.message"]
        return self._record_rows(
            [
                {
                    "email": email,
                    "kind": report.kind,
                    "recipient": row,
                    "date": fields.Datetime.to_datetime(msg_dict.get("date")),
                    "report_id": msg_dict["message_id"],
                    "message": message[:1],
                    "is_unverified": email not in written_to,
                }
                for row in report.recipients
                if (email := email_normalize(row.address))
            ]
        )

    @api.model
    def _record_rows(self, rows):
        """Note what came back, by mail or from a mail service, and stop addresses.

        A row says ``email``, ``kind``, ``recipient`` (of ``tools.bounce.report``) and
        ``report_id``, which is unique for the address; ``date``; which mail it was as
        ``message`` or as ``message_ids``; and the ``service`` that told it, which
        Odoo's gateway did not: then Odoo's own counters are moved, too. One that
        ``is_unverified`` is kept, and changes nothing.

        :return: the new rows; what was known before is left out
        """
        found = {(row["report_id"], row["email"]): row for row in rows}
        found = self._without_known(found)
        if not found:
            return self.browse()
        partners = self._get_partners({email for _report, email in found})
        companies = self._get_document_companies(
            [row["message"] for row in found.values() if row["message"]]
        )
        now = fields.Datetime.now()
        values = []
        for (report_id, email), row in found.items():
            partner = partners.get(email, self.env["res.partner"])
            recipient, message = row["recipient"], row["message"]
            service = row.get("service") or self.env["crm.mail.service"]
            values.append(
                {
                    "email_normalized": email,
                    # clocks of strangers: never later than now
                    "date": min(row["date"] or now, now),
                    "kind": row["kind"],
                    "is_hard": recipient.is_hard and row["kind"] == BOUNCE,
                    "reason": row["kind"] != UNSUBSCRIBE and recipient.reason,
                    "status": recipient.status,
                    "reply_code": recipient.reply_code,
                    "diagnostic": recipient.diagnostic,
                    "partner_id": partner.id,
                    "company_id": companies.get(message.id)
                    or partner.company_id.id
                    or service.company_id.id,
                    "message_id": report_id,
                    "mail_message_id": message.id,
                    "res_model": message.model,
                    "res_id": message.res_id,
                    "service_id": service.id,
                    "outcome": "unverified" if row.get("is_unverified") else "noted",
                }
            )
        # sudo: the gateway's user may not write here, nobody may
        bounces = self.sudo().create(values)
        bounces.filtered(
            lambda bounce: bounce.outcome != "unverified"
        )._take_consequences()
        told = bounces.filtered(lambda row: row.service_id and row.kind == BOUNCE)
        if told:
            message_ids = {
                bounce: found[bounce.message_id, bounce.email_normalized]["message_ids"]
                for bounce in told
            }
            told._tell_odoo(message_ids)
        return bounces

    @api.model
    def _without_known(self, found):
        """Rows that are new, each with its message; one of a mail that came back is
        known, too, when the gateway had it and a service tells it, or the other way.
        """
        # sudo: an address is known, whoever may see what came back from it
        sudo = self.sudo()
        emails = list({email for _report, email in found})
        known = {
            (row.message_id, row.email_normalized)
            for row in sudo.search_fetch(
                [
                    ("message_id", "in", [report for report, _email in found]),
                    ("email_normalized", "in", emails),
                ],
                ["message_id", "email_normalized"],
            )
        }
        found = {key: row for key, row in found.items() if key not in known}
        # sudo: whose mail it was does not matter
        Message = self.env["mail.message"].sudo()
        ids = {one for row in found.values() for one in row.get("message_ids", ())}
        messages = {
            message.message_id: message
            for message in Message.search([("message_id", "in", list(ids))])
        }
        for row in found.values():
            row["message"] = row.get("message", Message).sudo() or next(
                (
                    messages[one]
                    for one in row.get("message_ids", ())
                    if one in messages
                ),
                Message,
            )
        told = {
            (
                row.mail_message_id.id,
                row.email_normalized,
                row.kind,
                bool(row.service_id),
            )
            for row in sudo.search_fetch(
                [
                    (
                        "mail_message_id",
                        "in",
                        [row["message"].id for row in found.values() if row["message"]],
                    ),
                    ("email_normalized", "in", emails),
                    ("outcome", "!=", "unverified"),
                ],
                ["mail_message_id", "email_normalized", "kind", "service_id"],
            )
        }
        return {
            (report, email): row
            for (report, email), row in found.items()
            if (row["message"].id, email, row["kind"], not row.get("service"))
            not in told
        }

    @api.model
    def _get_partners(self, emails):
        # sudo: whose address it is does not depend on who fetches the mail
        partners = (
            self.env["res.partner"]
            .sudo()
            .search([("email_normalized", "in", list(emails))], order="id desc")
        )
        # the eldest of those that share an address
        return {partner.email_normalized: partner for partner in partners}

    @api.model
    def _get_document_companies(self, messages):
        """Companies of the documents that were sent, by message."""
        messages = self.env["mail.message"].union(*messages)
        companies = {}
        for model, rows in messages.grouped("model").items():
            if model not in self.env or "company_id" not in self.env[model]._fields:
                continue
            # sudo: of which company it is does not depend on who fetches the mail
            records = self.env[model].sudo().browse(rows.mapped("res_id")).exists()
            found = {record.id: record.company_id.id for record in records}
            companies.update({row.id: found.get(row.res_id) for row in rows})
        return companies

    # ---- consequences -------------------------------------------------------
    def _take_consequences(self):
        """Stop what is gone and who complains at once, others when it goes on."""
        stop_hard = (
            self.env["ir.config_parameter"]
            .sudo()
            .get_param("crm_plus.bounce_hard_action", "stop")
            == "stop"
        )
        bounces = self.filtered(lambda bounce: bounce.kind == BOUNCE)
        hard = bounces.filtered("is_hard") if stop_hard else self.browse()
        lasting = self.filtered(
            lambda bounce: (
                bounce.kind == UNSUBSCRIBE
                or (
                    bounce.kind == COMPLAINT
                    and bounce.diagnostic not in MACHINE_COMPLAINTS
                )
            )
        )
        (bounces - hard).outcome = "counted"
        tired = (bounces - hard)._filter_going_on()
        (hard | lasting | tired)._stop()

    def _filter_going_on(self):
        """Those whose address bounces as often as Odoo's rule for mailings allows."""
        if not self:
            return self
        emails = self.mapped("email_normalized")
        since = fields.Datetime.now() - SOFT_PERIOD
        rows = self._read_group(
            [
                ("email_normalized", "in", emails),
                ("kind", "=", BOUNCE),
                ("outcome", "!=", "unverified"),
                ("date", ">", since),
            ],
            ["email_normalized"],
            ["__count", "date:min", "date:max"],
        )
        going_on = {
            email
            for email, count, first, last in rows
            if count >= SOFT_LIMIT and last > first + SOFT_SPREAD
        }
        return self.filtered(lambda bounce: bounce.email_normalized in going_on)

    def _stop(self):
        """Put the addresses on Odoo's blacklist, with the reason in its chatter."""
        if not self:
            return
        # sudo: the gateway's user may not write the blacklist
        Blacklist = self.env["mail.blacklist"].sudo()
        notes = {}
        for bounce in self:
            notes.setdefault(bounce.email_normalized, bounce)
        known = Blacklist.with_context(active_test=False).search(
            [("email", "in", list(notes))]
        )
        # as its own method for one address does, which asks for each
        gone = known.filtered(lambda entry: not entry.active)
        gone.action_unarchive()
        new = Blacklist.create(
            [{"email": email} for email in notes.keys() - set(known.mapped("email"))]
        )
        (gone | new)._message_log_batch(
            {
                entry.id: Markup("<p>%s</p>") % notes[entry.email]._get_stop_note()
                for entry in gone | new
            }
        )
        self.outcome = "stopped"

    def _tell_odoo(self, message_ids):
        """Move Odoo's own counters of bounces, as its gateway does for each report.

        :param message_ids: the Message-Ids of the mail that came back, by bounce
        """
        by_email = self.grouped("email_normalized")
        emails = list(by_email)
        partners = self._get_partners(emails)
        # sudo: counters are the system's
        models = self.env["ir.model"].sudo()
        models = models.search(
            [("is_mail_blacklist", "=", True), ("model", "!=", "mail.thread.blacklist")]
        )
        for model in models.mapped("model"):
            if model not in self.env:
                continue
            # sudo: counters are the system's
            Model = self.env[model].sudo()
            for record in Model.search([("email_normalized", "in", emails)]):
                email = record.email_normalized
                for _bounce in by_email[email]:
                    # in memory: the counters are written together
                    record._message_receive_bounce(email, partners.get(email))
        self._tell_notifications()
        if "mailing.trace" not in self.env:
            return
        traces = {}
        for bounce in self:
            if message_ids[bounce]:
                traces.setdefault(bounce.diagnostic, []).extend(message_ids[bounce])
        for said, ids in traces.items():
            # sudo: traces are the system's
            self.env["mailing.trace"].sudo().set_bounced(
                [("message_id", "in", ids)], bounce_message=said
            )

    def _tell_notifications(self):
        """The envelope in the chatter turns red."""
        told = self.filtered("mail_message_id")
        if not told:
            return
        said = {
            (bounce.mail_message_id, bounce.email_normalized): bounce.diagnostic
            for bounce in told
        }
        # sudo: of whoever wrote the message
        notifications = (
            self.env["mail.notification"]
            .sudo()
            .search([("mail_message_id", "in", told.mail_message_id.ids)])
        )
        for notification in notifications:
            email = (
                notification.res_partner_id.email_normalized
                or notification.mail_email_address
            )
            key = (notification.mail_message_id, email)
            if key in said:
                notification.write(
                    {
                        "failure_reason": said[key],
                        "failure_type": "mail_bounce",
                        "notification_status": "bounce",
                    }
                )

    def _get_stop_note(self):
        self.ensure_one()
        said = self.diagnostic or self.status or ""
        if self.kind == COMPLAINT:
            return self.env._("Stopped: the recipient complained about a mail.")
        if self.kind == UNSUBSCRIBE:
            return self.env._(
                "Stopped: the recipient unsubscribed at the mail service."
            )
        reason = dict(self._fields["reason"]._description_selection(self.env)).get(
            self.reason, ""
        )
        if self.is_hard:
            return self.env._(
                "Stopped after a hard bounce: %(reason)s. %(said)s",
                reason=reason,
                said=said[:300],
            )
        return self.env._(
            "Stopped: mails came back at least %(count)s times within three months, "
            "at last: %(reason)s. %(said)s",
            count=SOFT_LIMIT,
            reason=reason,
            said=said[:300],
        )

    # ---- screens --------------------------------------------------------------
    def action_open_document(self):
        """The document whose mail came back."""
        self.ensure_one()
        if not self.res_model or self.res_model not in self.env or not self.res_id:
            return False
        return {
            "type": "ir.actions.act_window",
            "res_model": self.res_model,
            "res_id": self.res_id,
            "views": [(False, "form")],
        }

    @api.autovacuum
    def _gc_bounces(self):
        """Drop bounces older than the retention setting (months; 0 keeps all)."""
        months = int(
            self.env["ir.config_parameter"]
            # sudo: a number that the engine needs, whoever triggers it
            .sudo()
            .get_param("crm_plus.bounce_retention_months", RETENTION_MONTHS)
        )
        if months <= 0:
            return None
        limit = fields.Datetime.now() - timedelta(days=30.44 * months)
        # nobody may delete a bounce but this
        old = self.sudo().search(
            [("date", "<", limit)], limit=GC_BATCH_SIZE, order="id"
        )
        count = len(old)
        old.unlink()
        return count, int(count == GC_BATCH_SIZE)
