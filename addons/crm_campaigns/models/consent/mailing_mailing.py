from odoo import api, fields, models
from odoo.fields import Domain
from odoo.tools import email_normalize

from odoo.addons.crm_plus.tools.contact_policy import DEFER, DROP, SEND

FAILURE = "crm_contact_policy"


class MailingMailing(models.Model):
    """Mailings ask the contact policy whom they may write to, and when.

    Who may not be written to gets a trace that says why. Who is to be written to later
    gets none yet: the mailing goes on sending until nobody waits any more. Companies
    that apply no policy and enforce no consent notice nothing, but for those who
    withdrew.
    """

    _inherit = "mailing.mailing"

    contact_purpose_id = fields.Many2one(
        "crm.consent.purpose",
        string="Purpose",
        domain="[('nature', '!=', 'transaction')]",
        ondelete="set null",
        index="btree_not_null",
        help="What it is for, by which people chose what they get. Empty: the topic of "
        "its mailing lists, else marketing in general.",
    )
    contact_priority = fields.Integer(
        string="Priority",
        default=50,
        help="0 to 100. When people get so much that not all can be sent, the higher "
        "one is.",
    )
    contact_waiting_count = fields.Integer(
        string="Waits", compute="_compute_contact_waiting_count"
    )

    _contact_priority = models.Constraint(
        "CHECK(contact_priority BETWEEN 0 AND 100)", "Priorities go from 0 to 100."
    )

    def _compute_contact_waiting_count(self):
        # sudo: how many they are
        counts = dict(
            self.env["crm.contact.decision"]
            .sudo()
            ._read_group(
                Domain("origin_model", "=", self._name)
                & Domain("origin_id", "in", self.ids)
                & Domain("outcome", "=", DEFER),
                ["origin_id"],
                ["__count"],
            )
        )
        for mailing in self:
            mailing.contact_waiting_count = counts.get(mailing._origin.id, 0)

    # ------------------------------------------------------------
    # Asking
    # ------------------------------------------------------------

    def _contact_company(self):
        """On whose behalf it is sent: that of the campaign whose step it is, else of
        the responsible.
        """
        self.ensure_one()
        # sudo: whoever gets a mail may know whose it is
        step_sudo = self.sudo().crm_campaign_step_id
        company_sudo = step_sudo.company_id or self.sudo().user_id.company_id
        return company_sudo.sudo(self.env.su) or self.env.company

    def _get_contact_purpose(self):
        """What it is for: as it says, else as the campaign does whose step it is, or
        the one topic of its mailing lists.
        """
        self.ensure_one()
        # sudo: whoever sends a mail may know what it is for
        step_sudo = self.sudo().crm_campaign_step_id
        if step_sudo and not self.contact_purpose_id:
            return step_sudo.campaign_id.contact_purpose_id.sudo(False)
        if self.contact_purpose_id or not self.mailing_on_mailing_list:
            return self.contact_purpose_id
        lists = self.contact_list_ids
        topics = lists.consent_purpose_id
        is_one = len(topics) == 1 and all(one.consent_purpose_id for one in lists)
        return topics if is_one else topics.browse()

    def _get_contact_priority(self):
        self.ensure_one()
        # sudo: see above
        campaign_sudo = self.sudo().crm_campaign_step_id.campaign_id
        return (campaign_sudo or self).contact_priority

    def _get_preference_url(self, email):
        """Where whoever got it chooses what to get."""
        self.ensure_one()
        return self.env["crm.consent.preference"]._get_address_url(
            email, self._contact_company()
        )

    def _say_unsubscribed(self, email):
        """Somebody has unsubscribed by a link of this mailing. Their lists, or the
        blocklist, have told the ledger what they could; here is what they could not:
        of what the mailing was for, and of lists on no topic, when they were the last.
        """
        self.ensure_one()
        email = email_normalize(email)
        if not email or not self.mailing_on_mailing_list:
            return
        purpose = self._get_contact_purpose()
        if not purpose:
            is_on_any = self.env["mailing.subscription"].search_count(
                [
                    ("contact_id.email_normalized", "=", email),
                    ("opt_out", "=", False),
                    ("list_id.active", "=", True),
                ],
                limit=1,
            )
            if is_on_any or self.contact_list_ids.consent_purpose_id:
                return
            purpose = self.env["crm.contact.policy"]._get_purpose("marketing")
        source, proof, _company = self.env["mailing.subscription"]._get_said()
        self.env["crm.consent"].with_context(
            # whoever leaves a list is not blocked by that
            crm_campaigns_mirrored=purpose.code == "marketing"
        )._say_of_addresses(
            {(email, purpose): proof},
            "withdrawn",
            source or self.env._("Unsubscribed"),
            self._contact_company(),
        )

    def _decide_contacts(self, res_ids, **values):
        """What the contact policy says about recipients: ``{id: Decision}``.

        :param values: of ``crm.contact.policy._decide``; by default they are those of
            the mailing
        """
        self.ensure_one()
        values = {
            "channel": "sms" if self.mailing_type == "sms" else "email",
            "purpose": self._get_contact_purpose() or "marketing",
            "priority": self._get_contact_priority(),
            "company": self._contact_company(),
            "origin": self,
            **values,
        }
        return self.env["crm.contact.policy"]._decide(
            self.env[self.mailing_model_real].browse(res_ids), **values
        )

    def _trace_dropped(self, decisions):
        """A trace for each who is not written to, that says why."""
        self.ensure_one()
        words = self.env["crm.contact.policy"]._get_reason_words(decisions)
        records = self.env[self.mailing_model_real].browse(decisions)
        emails = {}
        if "email_normalized" in records._fields:
            # sudo: as in any trace
            emails = {
                record.id: record.email_normalized for record in records.sudo().exists()
            }
        self.env["mailing.trace"].sudo().create(  # sudo: traces are the system's
            [
                {
                    "mass_mailing_id": self.id,
                    "model": self.mailing_model_real,
                    "res_id": res_id,
                    "email": emails.get(res_id),
                    "trace_type": "sms" if self.mailing_type == "sms" else "mail",
                    "trace_status": "cancel",
                    "failure_type": FAILURE,
                    "failure_reason": words.get(res_id),
                }
                for res_id in decisions
            ]
        )

    # ------------------------------------------------------------
    # Sending
    # ------------------------------------------------------------

    def _action_send_mail(self, res_ids=None):
        """Send to those who may be written to now.

        A mail of a campaign step asks nothing: its campaign has.
        """
        if self.env.context.get("crm_campaigns_engine"):
            return super()._action_send_mail(res_ids)
        for mailing in self:
            asked_ids = res_ids or mailing._get_remaining_recipients()
            send_ids = mailing._ask_and_trace(asked_ids)
            if send_ids or not asked_ids:
                super(MailingMailing, mailing)._action_send_mail(send_ids)
            else:
                mailing.write({"state": "done", "sent_date": fields.Datetime.now()})
        return True

    def _ask_and_trace(self, asked_ids):
        """Ask about these recipients and say why some get nothing; return the others,
        who are to be written to now.
        """
        if not asked_ids:
            return []
        decisions = self._decide_contacts(asked_ids)
        # of an A/B test the sample was drawn: nobody is drawn in the place of another
        is_sample = self.ab_testing_enabled and not self.ab_testing_is_winner_mailing
        dropped = {
            key: one
            for key, one in decisions.items()
            if one.outcome == DROP or (is_sample and one.outcome == DEFER)
        }
        if is_sample:
            self.env["crm.contact.policy"]._forget_waiting(self)
        if dropped:
            self._trace_dropped(dropped)
        return [
            key
            for key in asked_ids
            # of what is gone meanwhile Odoo makes its own
            if key not in decisions or decisions[key].outcome == SEND
        ]

    def write(self, vals):
        """Odoo takes a mailing for done after each round: as long as somebody waits, it
        goes on.
        """
        result = super().write(vals)
        if vals.get("state") == "done":
            going_on = self._trigger_for_waiting()
            if going_on:
                super(MailingMailing, going_on).write(
                    {"state": "sending", "kpi_mail_required": False}
                )
        elif vals.get("state") == "draft":
            for mailing in self:
                self.env["crm.contact.policy"]._forget_waiting(mailing)
        return result

    def _trigger_for_waiting(self):
        """Have the queue look again when the next one's time comes; return the mailings
        somebody waits for.
        """
        now = fields.Datetime.now()
        # sudo: the queue is the system's
        Decision = self.env["crm.contact.decision"].sudo()
        waiting = Domain("origin_model", "=", self._name)
        waiting &= Domain("origin_id", "in", self.ids) & Domain("outcome", "=", DEFER)
        # whose time had come and who was not asked about is no recipient any more
        Decision.search(waiting & Domain("date_until", "<=", now)).unlink()
        moments = dict(Decision._read_group(waiting, ["origin_id"], ["date_until:min"]))
        if moments:
            self.env.ref("mass_mailing.ir_cron_mass_mailing_queue")._trigger(
                sorted(set(moments.values()))
            )
        self.invalidate_recordset(["contact_waiting_count"])
        return self.filtered(lambda mailing: mailing.id in moments)

    @api.ondelete(at_uninstall=False)
    def _unlink_forget_waiting(self):
        for mailing in self:
            self.env["crm.contact.policy"]._forget_waiting(mailing)

    def _get_remaining_recipients(self):
        """Who waits is not asked about before it is time."""
        res_ids = super()._get_remaining_recipients()
        if not res_ids:
            return res_ids
        # sudo: the queue is the system's
        later = (
            self.env["crm.contact.decision"]
            .sudo()
            .search_fetch(
                Domain("origin_model", "=", self._name)
                & Domain("origin_id", "=", self.id)
                & Domain("outcome", "=", DEFER)
                & Domain("res_model", "=", self.mailing_model_real)
                & Domain("date_until", ">", fields.Datetime.now()),
                ["res_id"],
            )
        )
        later_ids = set(later.mapped("res_id"))
        return [res_id for res_id in res_ids if res_id not in later_ids]

    def action_view_contact_queue(self):
        self.ensure_one()
        action = self.env["ir.actions.actions"]._for_xml_id(
            "crm_plus.crm_contact_decision_action"
        )
        action["domain"] = [
            ("origin_model", "=", self._name),
            ("origin_id", "=", self.id),
        ]
        return action
