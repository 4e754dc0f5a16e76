import logging
from datetime import timedelta

import psycopg2
from dateutil.relativedelta import relativedelta

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError
from odoo.tools import SQL, ormcache

_logger = logging.getLogger(__name__)

# A few seconds of work, so that a run ends soon when the server stops.
BATCH_SIZE = 500
HOLD, LESS = "hold", "less"


class CrmSunsetRule(models.Model):
    """Whom mails do not reach, though they arrive: who has shown no sign for long, in
    spite of so many mails, is asked once more if one wants, and then left in peace.

    Silent is who has not opened, clicked, answered, written or ordered as a person; the
    orders of a company are those of its people. Nothing happens before a manager
    switches the rule on; until then it is a preview. Whoever shows up comes back by
    themselves.
    """

    _name = "crm.sunset.rule"
    _description = "Sunset Rule"
    _order = "company_id, name, id"
    _check_company_auto = True

    name = fields.Char(required=True)
    active = fields.Boolean(default=True)
    company_id = fields.Many2one(
        "res.company",
        required=True,
        index=True,
        ondelete="cascade",
        default=lambda self: self.env.company,
    )
    is_on = fields.Boolean(
        string="Switched On",
        copy=False,
        help="As long as it is off it shows whom it would be about, and does nothing.",
    )
    # whom
    months = fields.Integer(string="Silent for (Months)", required=True, default=12)
    min_mails = fields.Integer(
        string="In Spite of (Mails)",
        required=True,
        default=10,
        help="So many marketing mails or more since the last sign of the person.",
    )
    # what
    campaign_id = fields.Many2one(
        "crm.campaign",
        string="Last Question",
        check_company=True,
        index="btree_not_null",
        ondelete="restrict",
        help="A running campaign for contacts, entered by hand, that asks whether they "
        "still want our mails. Empty: nobody is asked.",
    )
    grace_days = fields.Integer(
        string="Wait for an Answer (Days)", required=True, default=14
    )
    action = fields.Selection(
        [
            (HOLD, "No marketing any more (a hold)"),
            (LESS, "At most once a month"),
        ],
        string="Then",
        required=True,
        default=HOLD,
    )
    # how it goes
    line_ids = fields.One2many("crm.sunset.line", "rule_id", string="People")
    candidate_count = fields.Integer(string="Found", compute="_compute_counts")
    asked_count = fields.Integer(string="Asked", compute="_compute_counts")
    done_count = fields.Integer(string="In Peace", compute="_compute_counts")
    returned_count = fields.Integer(string="Came Back", compute="_compute_counts")
    date_looked = fields.Datetime(string="Looked On", readonly=True, copy=False)
    error = fields.Text(
        readonly=True, copy=False, help="What kept it from working at the last run."
    )
    problem = fields.Char(compute="_compute_problem")

    _numbers = models.Constraint(
        "CHECK(months > 0 AND min_mails > 0 AND grace_days >= 0)",
        "Months and mails start at 1, days at 0.",
    )

    def _compute_counts(self):
        counts = {
            (rule.id, state): count
            for rule, state, count in self.env["crm.sunset.line"]._read_group(
                [("rule_id", "in", self.ids)], ["rule_id", "state"], ["__count"]
            )
        }
        for rule in self:
            for state in ("candidate", "asked", "done", "returned"):
                rule[f"{state}_count"] = counts.get((rule._origin.id, state), 0)

    @api.model
    @ormcache()
    def _any_rule(self):
        """Asked at whatever people do: it costs nothing where nobody is sunset."""
        # sudo: of any company, whoever does it
        Rule = self.sudo().with_context(active_test=False)
        return bool(Rule.search_count([], limit=1))

    @api.model_create_multi
    def create(self, vals_list):
        self.env.registry.clear_cache()
        return super().create(vals_list)

    def unlink(self):
        self.env.registry.clear_cache()
        return super().unlink()

    @api.depends(
        "campaign_id.state",
        "campaign_id.date_begin",
        "campaign_id.date_end",
        "error",
        "is_on",
    )
    def _compute_problem(self):
        for rule in self:
            rule.problem = False
            if not rule.is_on:
                continue
            if reason := rule._get_stuck_reason():
                rule.problem = self.env._(
                    "%s Nobody is asked, and nobody is left in peace.", reason
                )
            elif rule.error:
                rule.problem = self.env._(
                    "The last run met an error, the next one tries again: %s",
                    rule.error,
                )

    def _get_stuck_reason(self):
        """Why the last question asks nobody now, as a sentence; empty if it does."""
        # sudo: whether people may enter the campaign is no secret
        campaign_sudo = self.campaign_id.sudo()
        return campaign_sudo._get_closed_reason() if campaign_sudo else ""

    @api.constrains("campaign_id")
    def _check_campaign_id(self):
        for rule in self:
            if rule.campaign_id and rule.campaign_id._get_model() != "res.partner":
                raise ValidationError(
                    self.env._("The last question needs a campaign for contacts.")
                )

    # ------------------------------------------------------------
    # Screens
    # ------------------------------------------------------------

    def action_preview(self):
        """Look who it would be about now; nothing happens to them."""
        self.ensure_one()
        self.check_access("write")
        self._look()
        return self.action_view_lines()

    def action_view_lines(self):
        self.ensure_one()
        action = self.env["ir.actions.actions"]._for_xml_id(
            "crm_campaigns.crm_sunset_line_action"
        )
        action["domain"] = [("rule_id", "=", self.id)]
        action["context"] = {"create": False}
        return action

    # ------------------------------------------------------------
    # Who
    # ------------------------------------------------------------

    @api.model
    def _get_sign_codes(self):
        """Hook: kinds of touchpoints that are a sign of the person."""
        # sudo: kinds are no secret
        kinds = (
            self.env["crm.touchpoint.kind"]
            .sudo()
            .with_context(active_test=False)
            .search([("direction", "=", "in")])
        )
        no_signs = {"campaign_unsubscribed", "invoice_paid"}
        return set(kinds.mapped("code")) - no_signs | {"call_done", "meeting_done"}

    def _get_silent_query(self):
        """SQL of ``partner_id, mails, since``: who is silent, for how many mails, and
        since when. Who is on hold, blocked, withdrew, or was found before is not of
        interest.
        """
        self.ensure_one()
        now = fields.Datetime.now()
        return SQL(
            """
            WITH sent AS MATERIALIZED (
                SELECT t.partner_id, min(t.date) AS first, array_agg(t.date) AS dates
                  FROM crm_touchpoint t
                  JOIN crm_touchpoint_kind k ON k.id = t.kind_id
                 WHERE k.code = 'campaign_sent' AND t.partner_id IS NOT NULL
                   AND (t.company_id IS NULL OR t.company_id = %(company)s)
              GROUP BY t.partner_id HAVING count(*) >= %(mails)s
            ), signs AS MATERIALIZED (
                SELECT s.partner_id, max(t.date) AS last
                  FROM sent s
                  JOIN res_partner p ON p.id = s.partner_id
                  JOIN crm_touchpoint t
                    ON t.commercial_partner_id = p.commercial_partner_id
                  JOIN crm_touchpoint_kind k ON k.id = t.kind_id
                 WHERE k.code = ANY(%(signs)s) AND t.is_machine IS NOT TRUE
                   AND (t.partner_id = s.partner_id OR k.code = 'order_confirmed')
              GROUP BY s.partner_id
            )
            SELECT s.partner_id, c.mails, GREATEST(g.last, s.first) AS since,
                   g.last AS date_sign
              FROM sent s
              JOIN res_partner p ON p.id = s.partner_id AND p.active
         LEFT JOIN signs g ON g.partner_id = s.partner_id
        CROSS JOIN LATERAL (
                SELECT count(*) AS mails FROM unnest(s.dates) d
                 WHERE d >= GREATEST(g.last, s.first)) c
             WHERE GREATEST(g.last, s.first) <= %(limit)s AND c.mails >= %(mails)s
               AND (p.company_id IS NULL OR p.company_id = %(company)s)
               AND p.email_normalized IS NOT NULL
               AND NOT EXISTS (
                   SELECT FROM mail_blacklist b
                    WHERE b.email = p.email_normalized AND b.active)
               AND NOT EXISTS (
                   SELECT FROM crm_contact_hold h
                    WHERE h.partner_id IN (p.id, p.commercial_partner_id)
                      AND h.date_released IS NULL
                      AND (h.company_id IS NULL OR h.company_id = %(company)s)
                      AND (h.date_until IS NULL OR h.date_until > %(now)s))
               AND NOT EXISTS (
                   SELECT FROM crm_consent w
                     JOIN crm_consent_purpose u ON u.id = w.purpose_id
                    WHERE w.is_current AND w.state = 'withdrawn'
                      AND w.company_id = %(company)s AND u.code = 'marketing'
                      AND w.partner_id = p.id)
               AND NOT EXISTS (
                   SELECT FROM crm_sunset_line l
                     JOIN crm_sunset_rule r ON r.id = l.rule_id
                    WHERE l.partner_id = p.id AND r.company_id = %(company)s
                      AND (l.state IN ('asked', 'done') OR l.date_back > %(limit)s))
            """,
            company=self.company_id.id,
            mails=self.min_mails,
            signs=list(self._get_sign_codes()),
            now=now,
            limit=now - relativedelta(months=self.months),
        )

    def _look(self):
        """Bring the list of those it would be about up to date, in two statements."""
        self.ensure_one()
        for name in (
            "crm.touchpoint",
            "crm.contact.hold",
            "crm.consent",
            "crm.sunset.line",
            "mail.blacklist",
            "res.partner",
        ):
            self.env[name].flush_model()
        self.flush_model()
        now = self.env.cr.now()
        [[found, gone]] = self.env.execute_query(
            SQL(
                """
                WITH silent AS MATERIALIZED (%(silent)s
                ), gone AS (
                    DELETE FROM crm_sunset_line l
                     WHERE l.rule_id = %(rule)s AND l.state = 'candidate'
                       AND NOT EXISTS (SELECT FROM silent s
                                        WHERE s.partner_id = l.partner_id)
                 RETURNING l.id
                ), found AS (
                    INSERT INTO crm_sunset_line AS l (
                        rule_id, company_id, partner_id, state, mail_count, date_silent,
                        date_sign, create_uid, create_date, write_uid, write_date)
                    SELECT %(rule)s, %(company)s, s.partner_id, 'candidate', s.mails,
                           s.since, s.date_sign, %(uid)s, %(now)s, %(uid)s, %(now)s
                      FROM silent s
               ON CONFLICT (rule_id, partner_id)
                     WHERE state IN ('candidate', 'asked', 'done')
                 DO UPDATE SET mail_count = EXCLUDED.mail_count,
                               date_silent = EXCLUDED.date_silent,
                               date_sign = EXCLUDED.date_sign
                     WHERE l.state = 'candidate'
                 RETURNING l.id
                )
                SELECT (SELECT count(*) FROM found), (SELECT count(*) FROM gone)
                """,
                silent=self._get_silent_query(),
                rule=self.id,
                company=self.company_id.id,
                uid=self.env.uid,
                now=now,
            )
        )
        self.env["crm.sunset.line"].invalidate_model(flush=False)
        self.invalidate_recordset(["line_ids"])
        self.sudo().date_looked = now  # sudo: when it was is the system's
        return found, gone

    # ------------------------------------------------------------
    # The scheduler
    # ------------------------------------------------------------

    @api.model
    def _cron_sunset(self, batch_size=BATCH_SIZE):
        """One batch of each rule: look once a day, ask, and leave in peace. What is
        wrong with one of them keeps none of the others from it.
        """
        remaining = done = 0
        for rule in self.search([("is_on", "=", True)]):
            if rule._get_stuck_reason():
                continue
            count, is_more = rule._try_batch(batch_size)
            done += count
            remaining += int(is_more)
        self.env["ir.cron"]._commit_progress(done, remaining=remaining if done else 0)

    def _try_batch(self, batch_size):
        """``_run_batch``, or nothing at all: then the form says why."""
        self.ensure_one()
        # a flushing savepoint would run what waits for the commit
        self.env.flush_all()
        try:
            with self.env.cr.savepoint(flush=False):
                result = self._run_batch(batch_size)
                self.env.flush_all()
        except psycopg2.OperationalError:
            raise  # serialisation, lock timeout: tried again
        except Exception as error:
            self.env.clear()
            _logger.info("crm_campaigns: %s does nothing", self, exc_info=True)
            self.error = str(error) or error.__class__.__name__
            return 0, False
        if self.error:
            self.error = False
        return result

    def _run_batch(self, batch_size):
        """:return: how many it was about, and whether there are more"""
        Line = self.env["crm.sunset.line"]
        today = fields.Datetime.now() - timedelta(hours=20)
        if not self.date_looked or self.date_looked < today:
            self._look()
        asked = Line.search(self._get_asked_domain(), limit=batch_size, order="id")
        found = Line.search(
            [("rule_id", "=", self.id), ("state", "=", "candidate")],
            limit=batch_size,
            order="id",
        )
        is_more = batch_size in (len(asked), len(found))
        asked = asked.try_lock_for_update()
        found = found.try_lock_for_update()
        if self.campaign_id:
            found._ask()
        else:
            asked += found
        asked._leave_in_peace()
        return len(asked | found), is_more

    def _get_asked_domain(self):
        """Who was asked and has not answered."""
        return [
            ("rule_id", "=", self.id),
            ("state", "=", "asked"),
            (
                "date_asked",
                "<=",
                fields.Datetime.now() - timedelta(days=self.grace_days),
            ),
        ]

    @api.ondelete(at_uninstall=False)
    def _unlink_except_in_use(self):
        if self.env["crm.sunset.line"].search_count(
            [("rule_id", "in", self.ids), ("state", "in", ("asked", "done"))], limit=1
        ):
            raise UserError(
                self.env._(
                    "Somebody is left in peace by this rule. Let them come back first, "
                    "or archive it."
                )
            )
