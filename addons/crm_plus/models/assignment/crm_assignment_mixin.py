from odoo import api, fields, models
from odoo.fields import Domain
from odoo.tools import SQL

from ...tools.protected import Marker, is_marked

BLOCKS = [
    ("no_rule", "No rule takes it"),
    ("no_member", "The team has no people"),
    ("off_work", "Nobody is at work"),
    ("full", "Nobody has capacity left"),
    ("away", "Everybody has time off"),
    ("paused", "Everybody is paused"),
    ("skill", "Nobody has the skills"),
    ("domain", "Nobody takes such records"),
    ("company", "Nobody works for its company"),
    ("tried", "Everybody had it"),
    ("rounds", "Silent people, and no team leader"),
    ("team_off", "The team skips automatic assignment"),
    ("by_hand", "The rule leaves it to the team"),
    ("foreign", "The team is assigned by Odoo"),
    ("error", "An error"),
]
# the context of writes by the assignment itself, which it follows up by itself
OURS_KEY = "crm_plus_assignment"
OURS = {OURS_KEY: Marker("ours")}
# records of the last days on which the overlap of rules is shown
SAMPLE_LIMIT = 20_000


class CrmAssignmentMixin(models.AbstractModel):
    """For records that are given to people by ``crm.assignment.rule``.

    The host says who can take a record and what assigning means::

        class Request(models.Model):
            _name = "crm.request"
            _inherit = ["crm.assignment.mixin", "mail.thread"]  # the mixin first
            _assignment_user_field = "user_id"

            def _assignment_get_candidates(self, rules): …

    New records without a user are queued and assigned by the scheduler within seconds:
    who creates them (the mail gateway, a visitor) does not wait for it, and one run at
    a time has the turns right without anybody waiting for a lock.
    ``_assignment_run`` does it at once.
    """

    _name = "crm.assignment.mixin"
    _description = "Assignment Mixin"

    # the user who has the record
    _assignment_user_field = "user_id"
    # fields whose change may close a record or open it again
    _assignment_status_fields = ("active",)

    assignment_log_ids = fields.One2many(
        "crm.assignment.log",
        "res_id",
        string="Assignments",
        domain=lambda self: [("res_model", "=", self._name)],
        bypass_search_access=True,
        readonly=True,
        copy=False,
        groups="crm_plus.crm_plus_group_user",
    )
    assignment_reason = fields.Text(
        string="Why Assigned",
        compute="_compute_assignment_reason",
        compute_sudo=True,
        # how we share the work is not for the customers of a case
        groups="base.group_user",
        help="Who has it, by which rule, and why.",
    )
    # what follows is written by SQL: it is state of the queue, no change of the record
    assignment_block = fields.Selection(
        BLOCKS,
        string="Why Unassigned",
        readonly=True,
        copy=False,
        falsy_value_label="Not tried yet",
    )
    assignment_block_detail = fields.Char(
        string="Details", readonly=True, copy=False, groups="base.group_user"
    )
    assignment_why = fields.Char(
        string="Why Unassigned, in Words",
        compute="_compute_assignment_why",
        groups="base.group_user",
    )
    assignment_next_try = fields.Datetime(
        readonly=True, copy=False, help="In the queue of assignment, to be tried then."
    )

    @api.depends(lambda self: [self._assignment_user_field])
    def _compute_assignment_reason(self):
        logs = {
            log.res_id: log for log in self.env["crm.assignment.log"]._search_open(self)
        }
        for record in self:
            log = logs.get(record.id)
            record.assignment_reason = log.reason if log else False

    @api.depends(
        lambda self: [
            "assignment_block",
            "assignment_block_detail",
            "assignment_next_try",
            self._assignment_user_field,
        ]
    )
    def _compute_assignment_why(self):
        """Why nobody has it: what came of the last try, else why there was none."""
        labels = dict(self._fields["assignment_block"]._description_selection(self.env))
        has_rules = bool(self.env["crm.assignment.rule"]._get_rule_ids(self._name))
        for record in self:
            if record[self._assignment_user_field]:
                why = False
            elif record.assignment_block == "error":
                why = f"{labels['error']}: {record.assignment_block_detail}"
            elif record.assignment_block:
                why = record.assignment_block_detail or labels[record.assignment_block]
            elif not has_rules:
                why = self.env._("There are no assignment rules")
            elif record.assignment_next_try:
                why = self.env._("Waits for the scheduler")
            else:
                why = self.env._("Older than the rules, not tried yet")
            record.assignment_why = why

    # ------------------------------------------------------------
    # Hooks of the host
    # ------------------------------------------------------------

    @api.model
    def _assignment_get_open_domain(self):
        """Hook: records that somebody should have, whether they do or not."""
        return Domain.TRUE

    @api.model
    def _assignment_get_own_domain(self):
        """Hook: records that no other scheduler assigns."""
        return Domain.TRUE

    @api.model
    def _assignment_get_team(self, rule):
        """Hook: the team to which a rule gives records; without one, it gives none."""
        return self.env["crm.team"]

    @api.model
    def _assignment_get_domain(self, rule):
        """Hook: the records that ``rule`` holds for; called in sudo."""
        domain = rule._get_free_domain()
        if "company_id" in self._fields:
            domain &= rule._get_company_domain()
        return domain

    @api.model
    def _assignment_get_candidates(self, rules):
        """Hook: ``{rule id: [Candidate]}``, in a constant number of queries."""
        return {rule.id: [] for rule in rules}

    def _assignment_get_refusals(self, rules):
        """Hook: ``{record id: {user id: code}}`` of people whom a record does not suit.

        :param rules: ``{record id: rule}``
        """
        return {}

    def _assignment_get_preferences(self, rules):
        """Hook: ``{record id: ids of users who prefer such records}``."""
        return {}

    def _assignment_get_owners(self):
        """Hook: ``{record id: [(user id, how)]}``, who has the company of a record,
        the best first; ``how`` is partner, open or won.
        """
        return {}

    @api.model
    def _assignment_get_closings(self, rule, user_ids):
        """Hook: ``{user id: (won, decided)}`` of records of the rule's kind."""
        return {}

    @api.model
    def _assignment_get_leader(self, rule):
        """Hook: who gets what nobody acts on."""
        return self._assignment_get_team(rule).user_id

    def _assignment_prepare_values(self, rule, user):
        """Hook: what is written on each of these records; no user: to the team only."""
        return {self._assignment_user_field: user.id} if user else {}

    def _assignment_prepare_log(self):
        """Hook: links of the log's row to this record."""
        self.ensure_one()
        return {
            "res_model": self._name,
            "res_id": self.id,
            "company_id": self.company_id.id if "company_id" in self._fields else False,
        }

    @api.model
    def _assignment_get_touches(self):
        """Hook: more SQL of signs of work: ``SELECT l.id, min(date) FROM log l …``."""
        return []

    def _assignment_sorted(self):
        """Hook: who is assigned first, as capacity may not do for all."""
        return self.sorted("id")

    # ------------------------------------------------------------
    # Queue
    # ------------------------------------------------------------

    @api.model
    def _assignment_get_models(self):
        """Names of the models that are assigned."""
        return [
            name
            for name in self.env.registry.descendants(
                ["crm.assignment.mixin"], "_inherit"
            )
            if not self.env[name]._abstract and self.env[name]._auto
        ]

    @api.model
    def _assignment_get_waiting_domain(self):
        return (
            Domain(self._assignment_user_field, "=", False)
            & self._assignment_get_open_domain()
        )

    @api.model
    def _assignment_get_queue_domain(self):
        return (
            self._assignment_get_waiting_domain()
            & self._assignment_get_own_domain()
            & Domain("assignment_next_try", "<=", fields.Datetime.now())
        )

    @api.model
    def _assignment_get_next_tries(self):
        record = self.search(
            self._assignment_get_waiting_domain()
            & self._assignment_get_own_domain()
            & Domain("assignment_next_try", ">", fields.Datetime.now()),
            order="assignment_next_try",
            limit=1,
        )
        return record.mapped("assignment_next_try")

    @api.model
    def _assignment_sample(self):
        """Ids of what came in the last 30 days, the newest first."""
        query = self.with_context(active_test=False)._search(
            [("create_date", ">=", "today -30d")], limit=SAMPLE_LIMIT, order="id DESC"
        )
        return query.get_result_ids()

    @api.model
    def _assignment_retry(self, domain=Domain.TRUE):
        """Try again what waits (and was in the queue before), by the scheduler."""
        records = self.sudo().search(  # whoever changed a rule
            self._assignment_get_waiting_domain()
            & self._assignment_get_own_domain()
            & Domain("assignment_block", "!=", False)
            & domain
        )
        records._assignment_queue()

    def _assignment_queue(self):
        """Put these records into the queue, to be assigned within seconds."""
        if self:
            now = fields.Datetime.now()
            self._assignment_write_state(
                {record.id: (None, None, now) for record in self}
            )
            self.env["crm.assignment.rule"]._wake()

    def _assignment_write_state(self, states):
        """Write ``{id: (block, detail, next try)}``; only rows that change."""
        fnames = ["assignment_block", "assignment_block_detail", "assignment_next_try"]
        if not states:
            return
        self.flush_model(fnames)
        rows = [(record_id, *state) for record_id, state in states.items()]
        ids, blocks, details, moments = (
            list(column) for column in zip(*rows, strict=True)
        )
        self.env.cr.execute(
            SQL(
                """
                UPDATE %(table)s AS t
                   SET assignment_block = s.block,
                       assignment_block_detail = s.detail,
                       assignment_next_try = s.moment
                  FROM unnest(%(ids)s, %(blocks)s::varchar[], %(details)s::varchar[],
                              %(moments)s::timestamp[]) AS s(id, block, detail, moment)
                 WHERE t.id = s.id
                   AND (t.assignment_block, t.assignment_block_detail,
                        t.assignment_next_try)
                       IS DISTINCT FROM (s.block, s.detail, s.moment)
                """,
                table=SQL.identifier(self._table),
                ids=ids,
                blocks=blocks,
                details=details,
                moments=moments,
            )
        )
        self.browse(ids).invalidate_recordset(fnames, flush=False)

    # ------------------------------------------------------------
    # ORM
    # ------------------------------------------------------------

    @api.model_create_multi
    def create(self, vals_list):
        Rule = self.env["crm.assignment.rule"]
        if not Rule._get_rule_ids(self._name):
            return super().create(vals_list)
        now = fields.Datetime.now()
        records = super().create(
            # of no effect on records that somebody has
            [{**vals, "assignment_next_try": now} for vals in vals_list]
        )
        if any(not record[self._assignment_user_field] for record in records.sudo()):
            Rule._wake()
        return records

    def write(self, vals):
        user_field = self._assignment_user_field
        is_ours = is_marked(self.env, OURS_KEY)
        gives_back = user_field in vals and not vals[user_field] and not is_ours
        if gives_back and self.env["crm.assignment.rule"]._get_rule_ids(self._name):
            vals = {**vals, "assignment_next_try": fields.Datetime.now()}
        result = super().write(vals)
        if is_ours:
            return result
        if user_field in vals or vals.keys() & set(self._assignment_status_fields):
            self._assignment_follow()
        elif vals.keys() & self.env["crm.assignment.rule"]._get_watched_fields(
            self._name
        ):
            # what no rule took may have become what one takes
            self.sudo().filtered(
                lambda r: r.assignment_block and not r[user_field]
            )._assignment_queue()
        if gives_back:
            self.env["crm.assignment.rule"]._wake()
        return result

    def _assignment_follow(self):
        """End the assignments of what people gave to somebody else or closed."""
        # an assignment follows the record, whoever writes on it
        logs = self.env["crm.assignment.log"].sudo()._search_open(self)
        if not logs:
            return
        # who gave a record away may no longer see it
        users = {r.id: r[self._assignment_user_field].id for r in self.sudo()}
        logs.filtered(lambda log: not users[log.res_id])._end("returned")
        logs.filtered(
            lambda log: users[log.res_id] and users[log.res_id] != log.user_id.id
        )._end("manual")
        logs = logs.filtered(lambda log: users[log.res_id] == log.user_id.id)
        open_ids = self.browse(logs.mapped("res_id"))._assignment_filter_open()._ids
        logs.filtered(lambda log: log.res_id not in open_ids)._end("closed")

    def unlink(self):
        ids = self.ids
        result = super().unlink()
        # the log stays: it is whose turn it was
        self.env["crm.assignment.log"].sudo()._search_open(self.browse(ids))._end(
            "closed"
        )
        return result

    def _assignment_filter_open(self):
        # whether it is open does not depend on who may see it
        return (
            self.sudo()
            .with_context(active_test=False)
            .search(self._assignment_get_open_domain() & Domain("id", "in", self.ids))
        )

    def _assignment_filter_held(self, holders):
        """Those of these records that are open and with whom ``holders`` says."""
        return self._assignment_filter_open().filtered(
            lambda r: r[self._assignment_user_field].id == holders[r.id]
        )

    # ------------------------------------------------------------
    # Actions
    # ------------------------------------------------------------

    def action_assign(self):
        """Assign these records now, and say what came of it."""
        self.check_access("write")
        logs = self._assignment_run("manual").filtered("user_id")
        # what was given to somebody else may be out of sight now
        waiting = self.exists().filtered(
            lambda record: not record.sudo()[self._assignment_user_field]
        )
        if len(self) == 1:
            message = (
                logs.reason
                or waiting.assignment_block_detail
                or self.env._("Somebody has it already.")
            )
        else:
            message = self.env._(
                "%(count)s assigned, %(left)s stay in the queue.",
                count=len(logs),
                left=len(waiting),
            )
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {
                "type": "warning" if waiting else "success",
                "message": message,
                "next": {"type": "ir.actions.client", "tag": "soft_reload"},
            },
        }
