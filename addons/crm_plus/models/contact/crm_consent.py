from datetime import timedelta
from urllib.parse import urlencode

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL, email_normalize, hmac, urls

from ...tools.contact_consent import GIVEN, PENDING, WITHDRAWN
from ...tools.webhook_signature import same
from .crm_contact_policy import CONTACT_CHANNELS

STATES = [
    (PENDING, "To be confirmed"),
    (GIVEN, "Agreed"),
    (WITHDRAWN, "Withdrawn"),
]
BASES = [
    ("consent", "Consent"),
    ("customer", "Existing customer, similar goods"),
    ("interest", "Legitimate interest"),
    ("contract", "Contract"),
]
CONFIRM_DAYS = 7
CONFIRM_SCOPE = "crm_plus-consent-confirm"


class CrmConsent(models.Model):
    """The ledger of what people agreed to: one row a word of theirs, never changed.

    The last row of a person, purpose and channel is the current one. A row is known by
    the contact and by the address, so that the same person under another contact is
    heard, too.
    """

    _name = "crm.consent"
    _description = "Consent"
    _order = "date desc, id desc"
    _rec_name = "email"

    # who
    partner_id = fields.Many2one(
        "res.partner",
        string="Contact",
        readonly=True,
        index="btree_not_null",
        ondelete="set null",
    )
    email = fields.Char(
        string="Address",
        readonly=True,
        index="btree_not_null",
        help="At the time; whoever has it is taken for the same person.",
    )
    company_id = fields.Many2one(
        "res.company",
        required=True,
        readonly=True,
        index=True,
        ondelete="restrict",
        default=lambda self: self.env.company,
        help="Whom they agreed to hear from.",
    )
    # what
    purpose_id = fields.Many2one(
        "crm.consent.purpose",
        required=True,
        readonly=True,
        index=True,
        ondelete="restrict",
    )
    channel = fields.Selection(
        CONTACT_CHANNELS, readonly=True, help="Empty: all channels."
    )
    state = fields.Selection(STATES, required=True, readonly=True, default=GIVEN)
    is_current = fields.Boolean(
        string="Last Word",
        readonly=True,
        copy=False,
        help="The last word of the person on this purpose and channel.",
    )
    # on what grounds
    basis = fields.Selection(
        BASES, string="Lawful Basis", required=True, readonly=True, default="consent"
    )
    source = fields.Char(required=True, readonly=True, help="Where they said so.")
    text_version = fields.Char(
        string="Version of the Text", readonly=True, help="Of what they agreed to."
    )
    proof = fields.Text(readonly=True, help="How we can show it.")
    # when
    date = fields.Datetime(required=True, readonly=True, default=fields.Datetime.now)
    date_expiry = fields.Datetime(string="Expires", readonly=True)
    is_expired = fields.Boolean(compute="_compute_is_expired")
    request_id = fields.Many2one(
        "crm.consent",
        string="Confirms",
        readonly=True,
        index="btree_not_null",
        ondelete="restrict",
        help="The request that was confirmed.",
    )

    _confirmed_once = models.UniqueIndex(
        "(request_id) WHERE request_id IS NOT NULL", "This was confirmed already."
    )
    _current_idx = models.Index("(company_id, purpose_id) WHERE is_current")

    @api.depends("date_expiry")
    def _compute_is_expired(self):
        now = fields.Datetime.now()
        for consent in self:
            consent.is_expired = bool(
                consent.date_expiry and consent.date_expiry <= now
            )

    @api.depends("email", "partner_id", "purpose_id", "state")
    @api.depends_context("lang")
    def _compute_display_name(self):
        states = dict(self._fields["state"]._description_selection(self.env))
        for consent in self:
            who = consent.email or consent.partner_id.name or ""
            consent.display_name = ", ".join(
                part
                for part in (who, consent.purpose_id.name, states.get(consent.state))
                if part
            )

    # ------------------------------------------------------------
    # Rows are only ever added
    # ------------------------------------------------------------

    @api.model_create_multi
    def create(self, vals_list):
        for vals in vals_list:
            if vals.get("request_id") and not self.env.su:
                raise UserError(self.env._("Only the person can confirm."))
            vals["is_current"] = True
            email = vals.get("email")
            if not email and vals.get("partner_id"):
                # sudo: the address of whom the row is about
                partner = self.env["res.partner"].sudo().browse(vals["partner_id"])
                email = partner.email
            vals["email"] = email_normalize(email) or False
            if not vals.get("partner_id") and not vals["email"]:
                raise UserError(self.env._("Whose word is it?"))
        consents = super().create(vals_list)
        consents._mark_current()
        consents._on_said()
        return consents

    def write(self, vals):
        if vals:
            raise UserError(
                self.env._("What people said is history: add another row instead.")
            )
        return super().write(vals)

    def _on_said(self):
        """Hook: these words were just noted. Whether it is the person who says it here
        and now, and not somebody for them, is told by ``_is_own_word``.
        """

    @api.model
    def _is_own_word(self):
        # who is not the system sets any context
        return self.env.su and bool(self.env.context.get("crm_plus_own_word"))

    def _mark_current(self):
        """Of each person, purpose, channel and company the last row is current; and so
        is the last word, as long as what was asked after it is not confirmed.

        Whole persons are ranked: the rows of these contacts, and those known by these
        addresses alone. A part of a contact's rows has a last one, too.
        """
        self.flush_model()
        self.env.execute_query(
            SQL(
                """
                UPDATE crm_consent c
                   SET is_current = ranked.is_last
                  FROM (
                    SELECT o.id, row_number() OVER matter = 1
                           OR o.state <> %(pending)s AND row_number() OVER (
                               PARTITION BY o.company_id, o.purpose_id,
                                   COALESCE(o.channel, ''),
                                   COALESCE(o.partner_id::varchar, o.email),
                                   o.state = %(pending)s
                               ORDER BY o.date DESC, o.id DESC) = 1 AS is_last
                      FROM crm_consent o
                     WHERE o.partner_id = ANY(%(partners)s)
                        OR o.partner_id IS NULL AND o.email = ANY(%(emails)s)
                    WINDOW matter AS (
                               PARTITION BY o.company_id, o.purpose_id,
                                   COALESCE(o.channel, ''),
                                   COALESCE(o.partner_id::varchar, o.email)
                               ORDER BY o.date DESC, o.id DESC)
                  ) ranked
                 WHERE ranked.id = c.id
                   AND c.is_current IS DISTINCT FROM ranked.is_last
             RETURNING c.id
                """,
                pending=PENDING,
                partners=self.partner_id.ids,
                emails=list({email for email in self.mapped("email") if email}),
            )
        )
        self.invalidate_model(["is_current"], flush=False)

    @api.model
    def _move_partners(self, partner_id):
        """Contacts were merged: of two last words the later one is."""
        self.search([("partner_id", "=", partner_id)])._mark_current()

    # ------------------------------------------------------------
    # What people say
    # ------------------------------------------------------------

    @api.model
    def _record(self, partners, purpose, state=GIVEN, **values):
        """Note a word of these contacts; one row each.

        :param purpose: record or code
        :param values: of the rows: channel, basis, source, text_version, proof, date,
            date_expiry, company_id
        """
        purpose = self.env["crm.contact.policy"]._get_purpose(purpose)
        return self.create(
            [
                {
                    "partner_id": partner.id,
                    "purpose_id": purpose.id,
                    "state": state,
                    **values,
                }
                for partner in partners
            ]
        )

    def action_withdraw(self):
        """They told us: note it, with who did."""
        self.check_access("create")
        current = self.filtered(
            lambda consent: consent.is_current and consent.state != WITHDRAWN
        )
        current._follow(
            WITHDRAWN,
            source=self.env._("Told to %s", self.env.user.name),
        )
        return True

    def _follow(self, state, **values):
        """Add rows that say something else than these do, on the same matter."""
        return self.create(
            [
                {
                    "partner_id": consent.partner_id.id,
                    "email": consent.email,
                    "company_id": consent.company_id.id,
                    "purpose_id": consent.purpose_id.id,
                    "channel": consent.channel,
                    "basis": consent.basis,
                    "text_version": consent.text_version,
                    "state": state,
                    **values,
                }
                for consent in self
            ]
        )

    # ------------------------------------------------------------
    # Double opt-in
    # ------------------------------------------------------------

    @api.model
    def _get_confirm_days(self):
        # a number that the engine needs, whoever triggers it
        return int(
            self.env["ir.config_parameter"]
            .sudo()
            .get_param("crm_plus.consent_confirm_days", CONFIRM_DAYS)
        )

    def _get_confirm_token(self, expires):
        self.ensure_one()
        return hmac(
            self.env(su=True), CONFIRM_SCOPE, (self.id, self.email or "", expires)
        )

    def _get_confirm_url(self):
        """The link of the mail: it opens a page with a button, and does nothing by
        itself; good for some days.
        """
        self.ensure_one()
        expires = int(
            (self.date + timedelta(days=self._get_confirm_days())).timestamp()
        )
        token = self._get_confirm_token(expires)
        query = urlencode({"expires": expires, "token": token})
        return urls.urljoin(self.get_base_url(), f"/contact/confirm/{self.id}?{query}")

    def _check_confirm_token(self, expires, token):
        """ "ok", "expired" or "wrong"."""
        if not (self and same(token, self._get_confirm_token(expires))):
            return "wrong"
        if expires < fields.Datetime.now().timestamp():
            return "expired"
        return "ok"

    def _send_confirmation(self):
        """Ask by mail whether it was them."""
        template = self.env.ref("crm_plus.mail_template_consent_confirm")
        pending = self.filtered(lambda one: one.state == PENDING and one.email)
        for consent in pending:  # a mail each, each with its own link
            # sudo: templates of the system; whoever asks may create the request
            template.sudo().send_mail(consent.id)
        return pending

    def action_open_preference_page(self):
        """The page on which the person chooses, to copy its link into a mail."""
        self.ensure_one()
        Preference = self.env["crm.consent.preference"]
        return {
            "type": "ir.actions.act_url",
            "url": Preference._get_url(self.partner_id, self.company_id)
            if self.partner_id
            else Preference._get_address_url(self.email, self.company_id),
            "target": "new",
        }

    def action_send_confirmation(self):
        self.check_access("create")
        sent = self._send_confirmation()
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {
                "type": "success" if sent else "warning",
                "message": self.env._("%s asked to confirm", len(sent)),
            },
        }

    def _confirm(self, proof):
        """They pressed the button: agreed. Pressing it again changes nothing."""
        self.ensure_one()
        if self.state != PENDING:
            return self
        done = self.search([("request_id", "=", self.id)])
        return done or self.with_context(crm_plus_own_word=True)._follow(
            GIVEN,
            source=self.source,
            proof=proof,
            date_expiry=self.date_expiry,
            request_id=self.id,
        )
