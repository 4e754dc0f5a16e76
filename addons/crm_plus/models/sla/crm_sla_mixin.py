from odoo import api, fields, models
from odoo.exceptions import AccessError
from odoo.fields import Domain

from ...tools.protected import given_fields
from .crm_sla_clock import STATES
from .crm_sla_target import KINDS


class CrmSlaMixin(models.AbstractModel):
    """Promises on a record: clocks in working time, with pauses and alerts.

    The host says *when* clocks start and stop; policies say *what* is promised::

        class Case(models.Model):
            _name = "crm.request"
            _inherit = ["crm.sla.mixin", "mail.thread.cc"]  # the mixin first
            _sla_priority_field = "priority"
            _sla_calendar_fields = ("team_id",)

            def create(self, vals_list):
                cases = super().create(vals_list)
                cases._sla_start(("first_response", "resolution"))
                return cases

            def _sla_get_calendar(self):
                return self.team_id.calendar_id

    All methods take sets of records, in a number of queries that does not grow with
    them, and act whoever calls them (a clock follows what happens to the record).
    Starting what runs, pausing what is paused and stopping what is stopped does
    nothing.

    Answers of people to the customer stop ``_sla_answer_kinds`` by themselves; see
    ``_sla_is_human_answer``. An answer never fulfils a resolution.
    """

    _name = "crm.sla.mixin"
    _description = "Response Times"
    # before mail.thread, whose message hooks this extends
    _inherit = ["mail.thread"]

    # selection field that picks the target of a policy; None: targets of any priority
    # only
    _sla_priority_field = None
    # the user who answers for the record
    _sla_responsible_field = "user_id"
    # fields on which _sla_get_calendar depends
    _sla_calendar_fields = ()
    # kinds that a human answer fulfils
    _sla_answer_kinds = ("first_response", "next_response", "update")
    # stored due date: of which running clocks it is the next; none named: of all
    _sla_due_fields = {"sla_due": ()}

    sla_clock_ids = fields.One2many(
        "crm.sla.clock",
        "res_id",
        string="Response Times",
        domain=lambda self: [("res_model", "=", self._name)],
        bypass_search_access=True,
        readonly=True,
        copy=False,
    )
    sla_due = fields.Datetime(
        string="Next Due",
        readonly=True,
        copy=False,
        index="btree_not_null",
        help="The next due date among the clocks that run on this record.",
    )
    sla_is_overdue = fields.Boolean(
        string="Overdue",
        compute="_compute_sla_is_overdue",
        search="_search_sla_is_overdue",
        help="A promise on this record is late now.",
    )
    sla_state = fields.Selection(
        STATES,
        string="Response State",
        compute="_compute_sla_state",
        compute_sudo=True,
        help="Of the clock that is due next; of the last one when all have stopped.",
    )
    sla_kind = fields.Selection(
        KINDS,
        string="Next Due Is",
        compute="_compute_sla_state",
        compute_sudo=True,
        help="What the next due date was promised for.",
    )
    sla_warning = fields.Datetime(
        string="Warn at",
        compute="_compute_sla_state",
        compute_sudo=True,
        help="From then on the time left is shown as a warning.",
    )
    sla_reason = fields.Text(
        string="Promise",
        compute="_compute_sla_state",
        compute_sudo=True,
        # policies are named in it: not for the customers of a case
        groups="base.group_user",
        help="Which policy and target set the next due date.",
    )

    @api.depends("sla_due")
    def _compute_sla_is_overdue(self):
        now = fields.Datetime.now()
        for record in self:
            record.sla_is_overdue = bool(record.sla_due) and record.sla_due < now

    def _search_sla_is_overdue(self, operator, value):
        if operator != "in":
            return NotImplemented
        return Domain("sla_due", "!=", False) & Domain(
            "sla_due", "<", fields.Datetime.now()
        )

    @api.depends("sla_due")
    def _compute_sla_state(self):
        shown = {}
        # (a promise before a bare measure, running before paused) by due, else the last
        for clock in self.env["crm.sla.clock"].search(
            [("res_model", "=", self._name), ("res_id", "in", self.ids)],
            order="date_start, id",
        ):
            rank = (
                clock.is_open,
                bool(clock.date_due),
                not clock.date_paused,
                -clock.date_due.timestamp() if clock.date_due and clock.is_open else 0,
            )
            best = shown.get(clock.res_id)
            if best is None or rank >= best[0]:
                shown[clock.res_id] = (rank, clock)
        kinds = dict(
            self.env["crm.sla.clock"]._fields["kind"]._description_selection(self.env)
        )
        for record in self:
            clock = shown.get(record.id, (None, None))[1]
            record.sla_state = clock.state if clock else False
            record.sla_kind = clock.kind if clock else False
            record.sla_warning = clock.date_warning if clock else False
            record.sla_reason = clock.reason or kinds[clock.kind] if clock else False

    # ------------------------------------------------------------
    # Hooks of the host
    # ------------------------------------------------------------

    def _sla_get_calendar(self):
        """Hook: the working hours of this record's own (team, contract), or none.

        Called in sudo. Without any those of the policy hold, then the company's.
        """
        return self.env["resource.calendar"]

    def _sla_get_policy(self):
        """Hook: the policy that was agreed for this very record (by its contract), or
        none. It goes before all others, whatever its conditions.

        Called in sudo.
        """
        return self.env["crm.sla.policy"]

    def _sla_get_company(self):
        """Hook: company whose policies may hold; none: shared policies only."""
        self.ensure_one()
        if "company_id" in self._fields:
            return self.company_id
        return self.env["res.company"]

    def _sla_get_priority(self):
        """Hook: key of the priority that picks the target, or nothing."""
        self.ensure_one()
        return self[self._sla_priority_field] if self._sla_priority_field else False

    def _sla_responsible(self):
        """Hook: the user who gets alerts and owns the clock in lists."""
        self.ensure_one()
        if self._sla_responsible_field in self._fields:
            return self[self._sla_responsible_field]
        return self.env["res.users"]

    def _sla_get_leader(self):
        """Hook: who leads the team of the record, and is told when promises break."""
        self.ensure_one()
        if "team_id" in self._fields and "user_id" in self.team_id._fields:
            return self.team_id.user_id
        return self.env["res.users"]

    def _sla_reassign(self, occasion):
        """Take these records from whoever has them and, where there are assignment
        rules, give them to somebody else; else they wait in the queue.

        :param occasion: why, as the log of assignments knows it: silence, manual
        """
        if hasattr(self, "_assignment_run"):
            # the log is the engine's own; who had a record does not get it again
            logs = self.env["crm.assignment.log"].sudo()
            domain = [("res_model", "=", self._name), ("res_id", "in", self.ids)]
            logs.search([*domain, ("date_end", "=", False)])._end(occasion)
            self._assignment_take_back()
            self._assignment_run(occasion)
        else:
            self.write({self._sla_responsible_field: False})

    def _sla_on_human_answer(self, date):
        """Hook: a person has answered the customers of these records at ``date``."""
        self._sla_stop(self._sla_answer_kinds, date)

    @api.model
    def _sla_start_missing(self, companies):
        """Hook: start what the policies promise to open records since they came in.
        Called when somebody applies them.
        """

    @api.model
    def _sla_stop_contacted(self):
        """Hook: stop the clocks of records that something other than a message answered
        by now (a meeting that began). Called by the scheduler.
        """

    # ------------------------------------------------------------
    # Clocks
    # ------------------------------------------------------------

    def _sla_start(self, kind, date=None):
        """Open clocks of a kind (or kinds) where none is open; returns the new ones.

        :param date: since when; now by default; ``{record id: moment}`` when they
            differ
        """
        return self._sla_clocks()._start(
            self, self._sla_kinds(kind), date or fields.Datetime.now()
        )

    def _sla_stop(self, kind, date=None):
        """Fulfil the promises of a kind (or kinds): in time or late, by their due date.

        A pause that is still open ends here. Returns the clocks that were stopped.
        """
        return self._sla_clocks()._stop(
            self, self._sla_kinds(kind), date or fields.Datetime.now()
        )

    def _sla_cancel(self, kind=None, date=None):
        """Stop clocks without a verdict: nobody waits for it any more."""
        return self._sla_clocks()._stop(
            self, self._sla_kinds(kind), date or fields.Datetime.now(), cancel=True
        )

    def _sla_pause(self, reason, kind=None, date=None):
        """Stop the time of running clocks (all kinds by default), for a reason."""
        return self._sla_clocks()._pause(
            self, self._sla_kinds(kind), date or fields.Datetime.now(), reason
        )

    def _sla_resume(self, kind=None, date=None):
        """Let paused clocks run again: due moves by the working time of the pause."""
        return self._sla_clocks()._resume(
            self, self._sla_kinds(kind), date or fields.Datetime.now()
        )

    def _sla_continue(self, kind, date=None, reason=None):
        """Take back that clocks of a kind (or kinds) have stopped: the last one of each
        record goes on with what was left, and the time since is a pause in its ledger.
        A new one is started where there is none, or it was cancelled.

        :param reason: why, in the ledger and the clock's history
        :return: the clocks that run again, and the new ones
        """
        return self._sla_clocks()._continue(
            self,
            self._sla_kinds(kind),
            date or fields.Datetime.now(),
            reason or self.env._("It was over, and goes on"),
        )

    def _sla_replan(self, note=None):
        """Judge open clocks by the policies, priority and hours of now.

        Start and pauses are kept, the earlier plan goes to the clock's history. Done by
        itself when a field is written on which policy, priority or hours depend.
        """
        return self._sla_clocks()._replan(
            self, note or self.env._("The record was changed")
        )

    def _sla_clocks(self):
        return self.env["crm.sla.clock"].sudo()  # see the class: whoever calls

    @api.model
    def _sla_kinds(self, kind):
        return [kind] if isinstance(kind, str) else list(kind or ()) or None

    @api.model
    def _sla_get_models(self):
        """Names of the models that keep promises."""
        return [
            name
            for name in self.env.registry.descendants(["crm.sla.mixin"], "_inherit")
            if not self.env[name]._abstract and self.env[name]._auto
        ]

    # ------------------------------------------------------------
    # Answers
    # ------------------------------------------------------------

    def _sla_is_human_answer(self, message):
        """Whether ``message`` is a person of ours who speaks to the customer.

        Never: notes, tracking, acknowledgements and other automatic mail (their message
        types), out-of-office mail, what OdooBot says, what the customer or any outsider
        writes, and the mail that opened the record.
        """
        self.ensure_one()
        if message.message_type not in ("comment", "email", "email_outgoing"):
            return False
        if message.is_internal or not message.subtype_id or message.subtype_id.internal:
            return False
        if message.message_type == "email" and (
            # mail that opens a record carries the subtype of its creation
            message.subtype_id != self.env.ref("mail.mt_comment")
            or ("is_machine_mail" in message._fields and message.is_machine_mail)
        ):
            return False
        author_sudo = message.author_id.sudo()  # share is not read by all
        if author_sudo == self.env.ref("base.partner_root"):
            return False
        if not any(not user.share for user in author_sudo.user_ids):
            return False
        # a colleague may be the customer, too
        return author_sudo not in self.sudo()._mail_get_partners()[self.id]

    def _message_post_after_hook(self, message, msg_values):
        result = super()._message_post_after_hook(message, msg_values)
        if self._sla_is_human_answer(message):
            # when it was written, not when the gateway fetched it
            self._sla_on_human_answer(min(message.date, fields.Datetime.now()))
        return result

    def _message_mail_after_hook(self, mails):
        """Mail that a person sends to several records at once answers them as well."""
        result = super()._message_mail_after_hook(mails)
        answered = {
            mail.res_id
            for mail in mails
            # mailings of a marketing campaign answer nobody
            if not ("mailing_id" in mail._fields and mail.mailing_id)
            and any(not user.share for user in mail.author_id.sudo().user_ids)
            and mail.author_id != self.env.ref("base.partner_root")
        }
        self.filtered(lambda record: record.id in answered)._sla_on_human_answer(
            fields.Datetime.now()
        )
        return result

    # ------------------------------------------------------------
    # ORM
    # ------------------------------------------------------------

    def _sla_check_untouched(self, vals):
        if (
            not self.env.su
            and given_fields(self.env, vals) & self._sla_due_fields.keys()
        ):
            raise AccessError(
                self.env._(
                    "Due dates follow from what was promised, nobody writes them."
                )
            )

    @api.model_create_multi
    def create(self, vals_list):
        for vals in vals_list:
            self._sla_check_untouched(vals)
        return super().create(vals_list)

    def write(self, vals):
        self._sla_check_untouched(vals)
        result = super().write(vals)
        if vals.keys() & self._sla_get_watched_fields():
            self._sla_replan()
        elif self._sla_responsible_field in vals:
            clocks = self._sla_clocks()._search_open(self)
            # who gave a record away may no longer see it
            users = {r.id: r._sla_responsible().id or None for r in self.sudo()}
            clocks._write_rows(
                [{"id": c.id, "user_id": users[c.res_id]} for c in clocks], "user_id"
            )
        return result

    @api.model
    def _sla_get_watched_fields(self):
        """Fields whose change means to plan again."""
        return self.env["crm.sla.policy"]._get_watched_fields(self._name) | {
            self._sla_priority_field,
            "company_id",
            *self._sla_calendar_fields,
        }

    def unlink(self):
        ids = self.ids
        result = super().unlink()
        self._sla_clocks().search(
            [("res_model", "=", self._name), ("res_id", "in", ids)]
        ).unlink()
        return result
