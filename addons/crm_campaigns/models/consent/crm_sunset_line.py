from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL

from .crm_sunset_rule import LESS

OPEN_STATES = ("asked", "done")


class CrmSunsetLine(models.Model):
    """Somebody whom a sunset rule is about, and what became of it."""

    _name = "crm.sunset.line"
    _description = "Silent Contact"
    _order = "state, mail_count desc, id"
    _rec_name = "partner_id"

    rule_id = fields.Many2one(
        "crm.sunset.rule", required=True, readonly=True, index=True, ondelete="cascade"
    )
    company_id = fields.Many2one(
        "res.company", required=True, readonly=True, index=True, ondelete="cascade"
    )
    partner_id = fields.Many2one(
        "res.partner",
        string="Contact",
        required=True,
        readonly=True,
        index=True,
        ondelete="cascade",
    )
    email = fields.Char(related="partner_id.email")
    state = fields.Selection(
        [
            ("candidate", "Found"),
            ("asked", "Asked"),
            ("done", "In Peace"),
            ("returned", "Came Back"),
            ("reversed", "Taken Back"),
        ],
        required=True,
        readonly=True,
        default="candidate",
        help="Came back: showed up by themselves. Taken back: by one of us.",
    )
    # why
    mail_count = fields.Integer(string="Mails", readonly=True)
    date_silent = fields.Datetime(
        string="Silent Since", readonly=True, help="The last sign, or the first mail."
    )
    date_sign = fields.Datetime(string="Last Sign", readonly=True)
    reason = fields.Char(string="Why", compute="_compute_reason")
    # what became of it
    date_asked = fields.Datetime(string="Asked On", readonly=True)
    date_done = fields.Datetime(string="In Peace Since", readonly=True)
    date_back = fields.Datetime(string="Back Since", readonly=True)
    hold_id = fields.Many2one(
        "crm.contact.hold", readonly=True, index="btree_not_null", ondelete="set null"
    )
    frequency_before = fields.Char(readonly=True, export_string_translation=False)

    _open_uniq = models.UniqueIndex(
        "(rule_id, partner_id) WHERE state IN ('candidate', 'asked', 'done')",
        "The rule is about this contact already.",
    )
    _partner_idx = models.Index("(partner_id) WHERE state IN ('asked', 'done')")

    @api.depends("date_sign", "mail_count")
    @api.depends_context("lang", "tz")
    def _compute_reason(self):
        for line in self:
            line.reason = line._get_reason()

    def _get_reason(self):
        self.ensure_one()
        if self.date_sign:
            return self.env._(
                "%(count)s mails since the last sign on %(date)s",
                count=self.mail_count,
                date=fields.Date.to_string(self.date_sign),
            )
        return self.env._("%s mails, and never a sign", self.mail_count)

    # ------------------------------------------------------------
    # What happens to them: whole batches
    # ------------------------------------------------------------

    def _ask(self):
        """Let them enter the campaign that asks; who is in it already was asked."""
        now = fields.Datetime.now()
        for rule, lines in self.grouped("rule_id").items():
            # sudo: participants are written by the system only
            rule.campaign_id.sudo()._enrol_by_hand(lines.partner_id.ids)
            lines.write({"state": "asked", "date_asked": now})
        if self:
            self.env["crm.campaign.task"]._trigger()

    def _leave_in_peace(self):
        now = fields.Datetime.now()
        for rule, lines in self.grouped("rule_id").items():
            if rule.action == LESS:
                lines._write_less()
            else:
                lines._hold()
            lines.write({"state": "done", "date_done": now})

    def _hold(self):
        # sudo: as the scheduler; a hold of a person's kind, which any seller releases
        holds = (
            self.env["crm.contact.hold"]
            .sudo()
            .create(
                [
                    {
                        "partner_id": line.partner_id.id,
                        "company_id": line.company_id.id,
                        "note": self.env._(
                            "%(rule)s: %(reason)s",
                            rule=line.rule_id.name,
                            reason=line.reason,
                        ),
                        "scope": "marketing",
                        "res_model": line._name,
                        "res_id": line.id,
                        "user_id": False,
                    }
                    for line in self
                ]
            )
        )
        for line, hold in zip(self, holds, strict=True):
            line.hold_id = hold

    def _write_less(self):
        """Who has asked for even less keeps that."""
        Preference = self.env["crm.consent.preference"].sudo()  # sudo: as above
        known = {
            (one.partner_id, one.company_id): one
            for one in Preference.search([("partner_id", "in", self.partner_id.ids)])
        }
        changing = Preference.browse()
        for line in self:
            preference = known.get((line.partner_id, line.company_id))
            line.frequency_before = (preference.frequency if preference else "") or ""
            if preference:
                changing += preference
        changing.write({"frequency": "month"})
        Preference.create(
            [
                {
                    "partner_id": line.partner_id.id,
                    "company_id": line.company_id.id,
                    "frequency": "month",
                }
                for line in self
                if (line.partner_id, line.company_id) not in known
            ]
        )

    def _come_back(self, state):
        """Undo what was done to them."""
        done = self.filtered(lambda line: line.state == "done")
        holds = done.hold_id.filtered(lambda hold: not hold.date_released)
        # sudo: the rule raised them
        holds.sudo().write(
            {
                "date_released": fields.Datetime.now(),
                "released_user_id": self.env.uid if state == "reversed" else False,
            }
        )
        less = done.filtered(lambda line: line.rule_id.action == LESS)
        if less:
            preferences = (
                self.env["crm.consent.preference"]
                .sudo()  # sudo: likewise
                .search(
                    [
                        ("partner_id", "in", less.partner_id.ids),
                        ("frequency", "=", "month"),
                    ]
                )
            )
            before = {
                (line.partner_id, line.company_id): line.frequency_before
                for line in less
            }
            for preference in preferences:
                key = preference.partner_id, preference.company_id
                if key in before:
                    preference.frequency = before[key] or False
        self.write({"state": state, "date_back": fields.Datetime.now()})

    # ------------------------------------------------------------
    # Back again
    # ------------------------------------------------------------

    def action_reverse(self):
        """One of us wants them back: nothing finds them again for as long as the rule
        waits.
        """
        self.rule_id.check_access("write")
        self.check_access("read")
        lines = self.filtered(lambda line: line.state in OPEN_STATES)
        if not lines:
            raise UserError(self.env._("Nobody of them is left in peace or was asked."))
        # sudo: lines are written by the system only; rights were checked
        lines.sudo()._come_back("reversed")
        return True

    def action_leave_out(self):
        """Of the preview: not this one."""
        self.rule_id.check_access("write")
        self.check_access("read")
        # sudo: likewise
        self.sudo().filtered(lambda line: line.state == "candidate").write(
            {"state": "reversed", "date_back": fields.Datetime.now()}
        )
        return True

    @api.model
    def _on_signs(self, touchpoint_ids):
        """Whoever shows up comes back at once."""
        self.flush_model()
        rows = self.env.execute_query(
            SQL(
                """
                SELECT DISTINCT l.id
                  FROM crm_sunset_line l
                  JOIN res_partner p ON p.id = l.partner_id
                  JOIN crm_touchpoint t
                    ON t.commercial_partner_id = p.commercial_partner_id
                  JOIN crm_touchpoint_kind k ON k.id = t.kind_id
                 WHERE l.state IN ('asked', 'done') AND t.id = ANY(%(ids)s)
                   AND t.is_machine IS NOT TRUE AND k.code = ANY(%(signs)s)
                   AND (t.partner_id = l.partner_id OR k.code = 'order_confirmed')
                   AND t.date > l.date_silent
                   AND t.date >= COALESCE(l.date_asked, l.date_done)
                """,
                ids=list(touchpoint_ids),
                signs=list(self.env["crm.sunset.rule"]._get_sign_codes()),
            )
        )
        if rows:
            self.browse([line_id for (line_id,) in rows])._come_back("returned")

    @api.model
    def _move_partners(self, source_ids, partner_id):
        """Of contacts that are merged, one line of each rule goes on."""
        self.flush_model()
        self.env.execute_query(
            SQL(
                """
                UPDATE crm_sunset_line l
                   SET state = 'reversed', date_back = %(now)s
                  FROM (
                    SELECT id, row_number() OVER (
                               PARTITION BY rule_id
                               ORDER BY partner_id = %(kept)s DESC, id) AS place
                      FROM crm_sunset_line
                     WHERE state IN ('candidate', 'asked', 'done')
                       AND (partner_id = ANY(%(sources)s) OR partner_id = %(kept)s)
                  ) n
                 WHERE n.id = l.id AND n.place > 1
             RETURNING l.id
                """,
                now=fields.Datetime.now(),
                sources=list(source_ids),
                kept=partner_id,
            )
        )
        self.invalidate_model(flush=False)
