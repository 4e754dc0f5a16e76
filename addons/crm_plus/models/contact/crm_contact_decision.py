from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL, format_datetime

from ...tools.contact_policy import DEFER, RELEASABLE
from .crm_contact_policy import CONTACT_CHANNELS

RETENTION_DAYS = 90
GC_BATCH_SIZE = 20_000
OUTCOMES = [("send", "Send"), ("defer", "Wait"), ("drop", "Drop")]
REASONS = [
    ("hold", "On hold"),
    ("cap", "Cap reached"),
    ("window", "Outside the hours to send"),
    ("consent", "No consent"),
    ("withdrawn", "Consent withdrawn"),
    ("pause", "The contact paused it"),
    ("wish", "Less often, as the contact wished"),
    ("late", "Waited too long"),
]


class CrmContactDecision(models.Model):
    """What the contact policy said, and why: the queue of what waits, and its log.

    Written by ``crm.contact.policy._decide`` only. Something that waits is one row that
    is renewed each time it is asked about, until it is sent or dropped.
    """

    _name = "crm.contact.decision"
    _description = "Contact Decision"
    _order = "date desc, id desc"
    _rec_name = "partner_id"
    # written by the system only, in batches of thousands
    _log_access = False

    # who
    partner_id = fields.Many2one(
        "res.partner",
        string="Contact",
        readonly=True,
        index="btree_not_null",
        ondelete="cascade",
    )
    lead_id = fields.Many2one(
        "crm.lead",
        string="Lead/Opportunity",
        readonly=True,
        index="btree_not_null",
        ondelete="cascade",
    )
    res_model = fields.Char(string="Model", required=True, readonly=True)
    res_id = fields.Many2oneReference(
        string="Record", model_field="res_model", required=True, readonly=True
    )
    company_id = fields.Many2one(
        "res.company", required=True, readonly=True, index=True, ondelete="cascade"
    )
    # what
    channel = fields.Selection(CONTACT_CHANNELS, required=True, readonly=True)
    purpose_id = fields.Many2one(
        "crm.consent.purpose", readonly=True, ondelete="cascade", index=True
    )
    is_marketing = fields.Boolean(readonly=True)
    priority = fields.Integer(readonly=True)
    origin_model = fields.Char(string="Asked By (Model)", readonly=True)
    origin_id = fields.Many2oneReference(
        string="Asked By", model_field="origin_model", readonly=True
    )
    origin_name = fields.Char(string="For", readonly=True)
    # the answer
    outcome = fields.Selection(OUTCOMES, required=True, readonly=True)
    date = fields.Datetime(
        string="Decided", required=True, readonly=True, help="When it was asked last."
    )
    date_first = fields.Datetime(string="Asked First", required=True, readonly=True)
    date_until = fields.Datetime(string="Asks Again", readonly=True)
    deferral_count = fields.Integer(string="Times Put Off", readonly=True)
    reason = fields.Selection(REASONS, readonly=True)
    hold_id = fields.Many2one(
        "crm.contact.hold", readonly=True, index="btree_not_null", ondelete="set null"
    )
    cap_id = fields.Many2one(
        "crm.contact.cap", readonly=True, index="btree_not_null", ondelete="set null"
    )
    words = fields.Char(string="Why", compute="_compute_words")
    explanation = fields.Text(compute="_compute_explanation")
    # sent before its time
    is_releasable = fields.Boolean(compute="_compute_is_releasable")
    release_note = fields.Char(
        string="Released Because",
        readonly=True,
        help="Why somebody had it sent before its time.",
    )
    released_user_id = fields.Many2one(
        "res.users",
        string="Released By",
        readonly=True,
        index="btree_not_null",
        ondelete="set null",
    )
    date_released = fields.Datetime(string="Released", readonly=True)

    # what waits is one row, however often it is asked about
    _waiting_uniq = models.UniqueIndex(
        "(origin_model, origin_id, res_model, res_id) WHERE outcome = 'defer'",
        "This waits already.",
    )
    _date_idx = models.Index("(date)")

    @api.depends("reason", "hold_id", "cap_id")
    @api.depends_context("lang")
    def _compute_words(self):
        reasons = dict(self._fields["reason"]._description_selection(self.env))
        for decision in self:
            words = [reasons.get(decision.reason, "")]
            if decision.hold_id:
                words.append(decision.hold_id.reason)
            elif decision.cap_id:
                words.append(decision.cap_id.display_name)
            decision.words = ": ".join(word for word in words if word)

    @api.depends("outcome", "reason", "date_released")
    def _compute_is_releasable(self):
        for decision in self:
            decision.is_releasable = (
                decision.outcome == DEFER
                and decision.reason in RELEASABLE
                and not decision.date_released
            )

    @api.depends("words", "date_until", "outcome", "release_note")
    @api.depends_context("lang", "tz")
    def _compute_explanation(self):
        for decision in self:
            decision.explanation = "\n".join(decision._get_explanation_lines())

    def _get_explanation_lines(self):
        self.ensure_one()

        def moment(date):
            return format_datetime(self.env, date, dt_format="short")

        outcomes = dict(self._fields["outcome"]._description_selection(self.env))
        lines = [
            self.env._(
                "%(outcome)s: %(words)s",
                outcome=outcomes[self.outcome],
                words=self.words,
            )
            if self.words
            else outcomes[self.outcome],
            self.env._("Asked for the first time %s.", moment(self.date_first)),
        ]
        if self.deferral_count:
            lines.append(
                self.env._(
                    "Put off %(count)s times, the last time %(date)s.",
                    count=self.deferral_count,
                    date=moment(self.date),
                )
            )
        if self.outcome == DEFER and self.date_until:
            lines.append(
                self.env._("It is asked about again %s.", moment(self.date_until))
            )
            # sudo: rules are no secret
            policy = self.env["crm.contact.policy"].sudo()._get_policy(self.company_id)
            if policy.wait_days:
                last = self.date_first + timedelta(days=policy.wait_days)
                lines.append(
                    self.env._("What cannot be sent until %s is dropped.", moment(last))
                )
        if self.date_released:
            lines.append(
                self.env._(
                    "Released by %(user)s %(date)s: %(note)s",
                    user=self.released_user_id.name,
                    date=moment(self.date_released),
                    note=self.release_note,
                )
            )
        return lines

    # ------------------------------------------------------------
    # People have it sent before its time
    # ------------------------------------------------------------

    def _release(self, note):
        """Ask about these again at once; our own rules keep them back no more."""
        if not self:
            return
        now = fields.Datetime.now()
        # sudo: the queue is the system's; the wizard checks who may
        self.sudo().write(
            {
                "date_released": now,
                "date_until": now,
                "released_user_id": self.env.uid,
                "release_note": note,
            }
        )
        # sudo: as above
        self.sudo()._on_released()

    def _on_released(self):
        """Hook: whoever wants to send these has to ask again now."""

    def action_release(self):
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Release Now"),
            "res_model": "crm.contact.release",
            "view_mode": "form",
            "target": "new",
            "context": {"default_decision_ids": self.ids},
        }

    def action_open_origin(self):
        """Open what it waits for, if the user may see it."""
        self.ensure_one()
        record = (
            self.env[self.origin_model].browse(self.origin_id).exists()
            if self.origin_model and self.origin_model in self.env
            else None
        )
        if not record:
            raise UserError(self.env._("What asked for it was deleted."))
        record.check_access("read")
        return record.get_formview_action()

    def action_open_record(self):
        """Open whom it is about, if the user may see it."""
        self.ensure_one()
        record = self.env[self.res_model].browse(self.res_id).exists()
        if not record:
            raise UserError(self.env._("The record was deleted."))
        record.check_access("read")
        return {
            "type": "ir.actions.act_window",
            "res_model": record._name,
            "res_id": record.id,
            "views": [(False, "form")],
        }

    # ------------------------------------------------------------
    # Written by the policy
    # ------------------------------------------------------------

    @api.model
    def _log(self, rows, values):
        """Renew what waits and add what is new, in one statement.

        :param rows: list of dicts of ``res_id``, ``partner_id``, ``lead_id``,
            ``outcome``, ``date_until``, ``reason``, ``hold_id``, ``cap_id``
        :param values: what they have in common
        """
        if not rows:
            return
        types = {
            "res_id": SQL("integer"),
            "partner_id": SQL("integer"),
            "lead_id": SQL("integer"),
            "outcome": SQL("varchar"),
            "date_until": SQL("timestamp"),
            "reason": SQL("varchar"),
            "hold_id": SQL("integer"),
            "cap_id": SQL("integer"),
        }
        self.flush_model()
        self.env.execute_query(
            SQL(
                """
                WITH answers AS (
                    SELECT * FROM unnest(%(columns)s) a (%(names)s)
                ), renewed AS (
                    UPDATE crm_contact_decision d
                       SET outcome = a.outcome, date = %(date)s,
                           date_until = a.date_until, reason = a.reason,
                           hold_id = a.hold_id, cap_id = a.cap_id,
                           priority = %(priority)s,
                           deferral_count = d.deferral_count
                               + (a.outcome = 'defer')::integer
                      FROM answers a
                     WHERE d.origin_model = %(origin_model)s
                       AND d.origin_id = %(origin_id)s
                       AND d.res_model = %(res_model)s AND d.res_id = a.res_id
                       AND d.outcome = 'defer'
                 RETURNING d.res_id
                )
                INSERT INTO crm_contact_decision (
                    %(names)s, res_model, company_id, channel, purpose_id, is_marketing,
                    priority, origin_model, origin_id, origin_name, date, date_first,
                    deferral_count
                )
                SELECT %(names)s, %(res_model)s, %(company_id)s, %(channel)s,
                       %(purpose_id)s, %(is_marketing)s, %(priority)s,
                       %(origin_model)s, %(origin_id)s, %(origin_name)s, %(date)s,
                       %(date)s, (outcome = 'defer')::integer
                  FROM answers
                 WHERE res_id NOT IN (SELECT res_id FROM renewed)
           ON CONFLICT DO NOTHING
             RETURNING id
                """,
                columns=SQL(", ").join(
                    SQL("%s::%s[]", [row[name] for row in rows], type_)
                    for name, type_ in types.items()
                ),
                names=SQL(", ").join(SQL.identifier(name) for name in types),
                **values,
            )
        )
        self.invalidate_model(flush=False)

    @api.autovacuum
    def _gc_decisions(self):
        """Drop decisions older than the retention setting (days; 0 keeps all); what
        waits stays.
        """
        # a number that the engine needs, whoever triggers it
        days = int(
            self.env["ir.config_parameter"]
            .sudo()
            .get_param("crm_plus.contact_decision_retention_days", RETENTION_DAYS)
        )
        if days <= 0:
            return None
        rows = self.env.execute_query(
            SQL(
                """
                DELETE FROM crm_contact_decision WHERE id IN (
                    SELECT id FROM crm_contact_decision
                     WHERE date < %s AND (outcome <> 'defer' OR date_until < %s)
                     LIMIT %s)
                RETURNING id
                """,
                fields.Datetime.now() - timedelta(days=days),
                fields.Datetime.now() - timedelta(days=days),
                GC_BATCH_SIZE,
            )
        )
        self.invalidate_model(flush=False)
        return len(rows), int(len(rows) == GC_BATCH_SIZE)
