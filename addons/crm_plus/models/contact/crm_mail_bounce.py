"""What came back from each address: bounces, delays and complaints."""

from datetime import timedelta

from markupsafe import Markup

from odoo import api, fields, models
from odoo.tools import email_normalize

from ...tools.bounce import BOUNCE, COMPLAINT, DELAY

KINDS = [
    (BOUNCE, "Bounce"),
    (DELAY, "Still Tried"),
    (COMPLAINT, "Complaint"),
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
        ],
        required=True,
        readonly=True,
        default="noted",
        help="Stopped: no mailing goes to the address any more. Counted: it will be "
        "stopped if that goes on for weeks.",
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
    message_id = fields.Char(string="Message-Id of the Report", readonly=True)
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
    def _get_recorded(self, message_id, emails):
        """The addresses of one report that were dealt with when it came first."""
        rows = self.sudo().search(
            [("message_id", "=", message_id), ("email_normalized", "in", emails)]
        )
        return set(rows.mapped("email_normalized"))

    @api.model
    def _record_report(self, report, msg_dict):
        """Note what a report says of each address, and stop those that must be.

        :param report: ``tools.bounce.Report``
        :param msg_dict: the report as parsed by the gateway
        :return: the new rows
        """
        found = {
            email: row
            for row in report.recipients
            if (email := email_normalize(row.address))
        }
        known = self._get_recorded(msg_dict["message_id"], list(found))
        found = {email: row for email, row in found.items() if email not in known}
        if not found:
            return self.browse()
        partners = self._get_partners(found)
        message = msg_dict.get("bounced_message") or self.env["mail.message"]
        now = fields.Datetime.now()
        # clocks of strangers: never later than now
        date = min(fields.Datetime.to_datetime(msg_dict.get("date")) or now, now)
        values = []
        for email, row in found.items():
            partner = partners.get(email, self.env["res.partner"])
            values.append(
                {
                    "email_normalized": email,
                    "date": date,
                    "kind": report.kind,
                    "is_hard": row.is_hard and report.kind == BOUNCE,
                    "reason": row.reason,
                    "status": row.status,
                    "reply_code": row.reply_code,
                    "diagnostic": row.diagnostic,
                    "partner_id": partner.id,
                    "company_id": self._get_company(message, partner).id,
                    "message_id": msg_dict["message_id"],
                    "mail_message_id": message[:1].id,
                    "res_model": message[:1].model,
                    "res_id": message[:1].res_id,
                }
            )
        # sudo: the gateway's user may not write here, nobody may
        bounces = self.sudo().create(values)
        bounces._take_consequences()
        return bounces

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
    def _get_company(self, message, partner):
        """Of the document that was sent, else of the contact, else of nobody."""
        message = message[:1].sudo()
        if message.model in self.env and message.res_id:
            record = self.env[message.model].sudo().browse(message.res_id).exists()
            if record and "company_id" in record._fields and record.company_id:
                return record.company_id
        return partner.company_id

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
                bounce.kind == COMPLAINT and bounce.diagnostic not in MACHINE_COMPLAINTS
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
        # sudo: the gateway's user may not write the blacklist
        Blacklist = self.env["mail.blacklist"].sudo()
        stopped = set(
            Blacklist.search([("email", "in", self.mapped("email_normalized"))]).mapped(
                "email"
            )
        )
        for bounce in self:
            if bounce.email_normalized not in stopped:
                Blacklist._add(
                    bounce.email_normalized,
                    message=Markup("<p>%s</p>") % bounce._get_stop_note(),
                )
        self.outcome = "stopped"

    def _get_stop_note(self):
        self.ensure_one()
        said = self.diagnostic or self.status or ""
        if self.kind == COMPLAINT:
            return self.env._("Stopped: the recipient complained about a mail.")
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
