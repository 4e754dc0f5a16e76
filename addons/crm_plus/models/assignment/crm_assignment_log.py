from datetime import timedelta

from odoo import api, fields, models

from .crm_assignment_rule import STRATEGIES

TRIGGERS = [
    ("queue", "New or waiting"),
    ("manual", "By hand"),
    ("score", "Score"),
    ("silence", "Silent assignee"),
    ("other", "Other"),
]
END_REASONS = [
    ("silence", "Silent"),
    ("returned", "Given back"),
    ("manual", "Reassigned by hand"),
    ("closed", "Closed"),
    ("routed", "Left to the team"),
]
# months after which an assignment that is over is forgotten
RETENTION_MONTHS = 24
GC_SIZE = 10_000


class CrmAssignmentLog(models.Model):
    """One assignment: who got what, why, and who else was considered.

    Written by the engine only. The newest row of a rule and person is also the turn of
    round robin. A record has one assignment at a time; what people change by hand ends
    it.
    """

    _name = "crm.assignment.log"
    _description = "Assignment"
    _order = "id desc"
    _rec_name = "reason"

    # what
    res_model = fields.Char(string="Model", required=True, readonly=True)
    res_id = fields.Many2oneReference(
        string="Record",
        model_field="res_model",
        required=True,
        readonly=True,
        index=True,
    )
    lead_id = fields.Many2one(
        "crm.lead",
        string="Lead/Opportunity",
        readonly=True,
        index="btree_not_null",
        ondelete="set null",
    )
    company_id = fields.Many2one("res.company", readonly=True, index="btree_not_null")
    # to whom
    user_id = fields.Many2one("res.users", string="Assigned to", readonly=True)
    team_id = fields.Many2one(
        "crm.team", string="Sales Team", readonly=True, index="btree_not_null"
    )
    # why
    rule_id = fields.Many2one("crm.assignment.rule", readonly=True, ondelete="set null")
    strategy = fields.Selection(
        [
            *STRATEGIES,
            ("owner", "Owner of the company"),
            ("leader", "Team leader"),
        ],
        string="How",
        readonly=True,
        help="What decided: the strategy of the rule, or what goes before it.",
    )
    trigger = fields.Selection(TRIGGERS, string="Occasion", readonly=True)
    reason = fields.Text(string="Why", readonly=True)
    considered = fields.Json(
        readonly=True, help="Each other person: user, code and numbers."
    )
    considered_text = fields.Text(string="Who Else", compute="_compute_considered_text")
    attempt = fields.Integer(
        readonly=True, default=1, aggregator="max", help="2: one was silent before."
    )
    # its life
    date = fields.Datetime(string="Assigned on", required=True, readonly=True)
    date_silence = fields.Datetime(
        string="Taken Back at",
        readonly=True,
        help="Unless somebody has worked on the record by then.",
    )
    date_touched = fields.Datetime(
        string="First Touched", readonly=True, help="The first sign of work on it."
    )
    hours_to_touch = fields.Float(
        string="Hours to First Touch", readonly=True, aggregator="avg"
    )
    date_end = fields.Datetime(string="Ended", readonly=True)
    end_reason = fields.Selection(
        END_REASONS, string="How It Ended", readonly=True, falsy_value_label="Current"
    )

    _open_uniq = models.UniqueIndex(
        "(res_model, res_id) WHERE date_end IS NULL",
        "A record is assigned once at a time.",
    )
    # whose turn it is
    _turn_idx = models.Index("(rule_id, user_id, id)")
    # the queue of the scheduler
    _silence_idx = models.Index("(date_silence) WHERE date_silence IS NOT NULL")
    _date_idx = models.Index("(date)")

    def _compute_considered_text(self):
        for log in self:
            log.considered_text = "\n".join(
                log._get_considered_line(entry) for entry in log.considered or []
            )

    def _get_considered_line(self, entry):
        """Why somebody did not get it, for the reader."""
        texts = {
            "away": self.env._("has time off"),
            "behind": self.env._("comes later"),
            "company": self.env._("does not work for this company"),
            "domain": self.env._("takes no such records"),
            "full": self.env._("has no capacity left"),
            "off_work": self.env._("is not at work"),
            "owner": self.env._("does not have this company"),
            "paused": self.env._("is paused"),
            "preference": self.env._("has no preference for such records"),
            "skill": self.env._("has not all skills"),
            "tried": self.env._("had it before"),
            "outside": self.env._("owns the company, but is not in the team"),
        }
        text = texts.get(entry["code"], entry["code"])
        if entry["code"] == "full" or (
            entry["code"] == "behind" and self.strategy == "least_loaded"
        ):
            text = self.env._(
                "%(text)s, %(open)s open, %(recent)s in 30 days", text=text, **entry
            )
        elif entry["code"] == "behind" and self.strategy == "best_closer":
            text = self.env._(
                "%(text)s, won %(won)s of %(decided)s", text=text, **entry
            )
        return f"{entry['name']}: {text}"

    @api.autovacuum
    def _gc_logs(self):
        """Forget what is over for long; the newest of each rule and person is a turn.

        The turn is kept by later rows, or the person is as good as new by then.
        """
        months = int(
            self.env["ir.config_parameter"]
            .sudo()  # an autovacuum
            .get_param("crm_plus.assignment_retention_months", RETENTION_MONTHS)
        )
        # 0 keeps all; less would be in the future, and drop all
        if months <= 0:
            return 0, 0
        limit = fields.Datetime.now() - timedelta(days=30 * months)
        logs = self.search([("date_end", "<", limit)], limit=GC_SIZE)
        logs.unlink()
        return len(logs), int(len(logs) == GC_SIZE)

    def action_open_record(self):
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "res_model": self.res_model,
            "res_id": self.res_id,
            "views": [(False, "form")],
        }

    # ------------------------------------------------------------
    # Life
    # ------------------------------------------------------------

    @api.model
    def _search_open(self, records):
        return self.search(
            [
                ("res_model", "=", records._name),
                ("res_id", "in", records.ids),
                ("date_end", "=", False),
            ]
        )

    def _end(self, reason):
        if self:
            self.write(
                {
                    "date_end": fields.Datetime.now(),
                    "end_reason": reason,
                    "date_silence": False,
                }
            )

    def _touch(self, dates):
        """Somebody has worked on these records; ``{log id: moment}``.

        One write for each moment: people act one by one.
        """
        for log in self:
            moment = max(dates[log.id], log.date)
            log.write(
                {
                    "date_touched": moment,
                    "hours_to_touch": (moment - log.date).total_seconds() / 3600,
                    "date_silence": False,
                }
            )
