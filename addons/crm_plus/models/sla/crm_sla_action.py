from collections import defaultdict

from markupsafe import Markup

from odoo import api, fields, models
from odoo.exceptions import ValidationError

from .crm_sla_target import KINDS

EVENTS = [("warning", "Warning"), ("breach", "Breach")]


class CrmSlaAction(models.Model):
    """What a policy does beside the alert of a target, when a promise is nearly or
    really late: tell a chain of people, assign anew, raise the priority, run a server
    action.

    Each is queued with the alert, once for each promise, and run by the scheduler; see
    ``crm.sla.action.run``.
    """

    _name = "crm.sla.action"
    _description = "Response Time Action"
    _order = "policy_id, event desc, sequence, id"

    policy_id = fields.Many2one(
        "crm.sla.policy", required=True, index=True, ondelete="cascade"
    )
    company_id = fields.Many2one(related="policy_id.company_id")
    res_model = fields.Selection(related="policy_id.res_model")
    sequence = fields.Integer(default=10)
    # when
    event = fields.Selection(EVENTS, string="On", required=True, default="breach")
    kind = fields.Selection(
        KINDS, string="Of", help="Leave empty for promises of any kind."
    )
    # what
    task = fields.Selection(
        [
            ("activity", "Plan an activity"),
            ("message", "Send a message"),
            ("reassign", "Assign anew"),
            ("priority", "Raise the priority"),
            ("server", "Run a server action"),
        ],
        string="Action",
        required=True,
        default="activity",
        help="Send a message: to the inbox or by mail, as each person prefers.\n"
        "Assign anew: by the assignment rules where there are some; else nobody is"
        " responsible any more and the record goes back to the queue.\n"
        "Raise the priority: to the next one. The promise is judged again by it.",
    )
    # whom
    is_for_owner = fields.Boolean(string="Responsible", default=True)
    is_for_leader = fields.Boolean(string="Team Leader")
    user_ids = fields.Many2many(
        "res.users",
        string="And",
        domain="[('share', '=', False)]",
        help="People who are told in any case.",
    )
    activity_type_id = fields.Many2one(
        "mail.activity.type",
        index="btree_not_null",
        help="Empty: that of the policy.",
    )
    note = fields.Char(string="What to Do", translate=True)
    # may do anything: administrators of the system choose it
    server_action_id = fields.Many2one(
        "ir.actions.server",
        domain="[('model_name', '=', res_model), ('usage', '=', 'ir_actions_server')]",
        index="btree_not_null",
        ondelete="restrict",
        groups="base.group_system",
        help="Runs as superuser on the records that are late.",
    )

    @api.constrains("task", "is_for_owner", "is_for_leader", "user_ids")
    def _check_recipients(self):
        for action in self:
            if action.task in ("activity", "message") and not (
                action.is_for_owner or action.is_for_leader or action.user_ids
            ):
                raise ValidationError(
                    self.env._("Say who is told: responsible, team leader or others.")
                )

    @api.constrains("task", "server_action_id", "policy_id")
    def _check_server_action(self):
        for action_sudo in self.sudo():  # the field is for administrators
            if action_sudo.task != "server":
                continue
            if not action_sudo.server_action_id:
                raise ValidationError(
                    self.env._("An administrator has to choose a server action.")
                )
            model = action_sudo.server_action_id.model_name
            if model != action_sudo.policy_id.res_model:
                raise ValidationError(
                    self.env._(
                        "“%(action)s” is for other records than the policy.",
                        action=action_sudo.server_action_id.name,
                    )
                )

    @api.depends("task", "event", "kind")
    def _compute_display_name(self):
        tasks = dict(self._fields["task"]._description_selection(self.env))
        events = dict(self._fields["event"]._description_selection(self.env))
        kinds = dict(self._fields["kind"]._description_selection(self.env))
        for action in self:
            names = (
                events.get(action.event),
                kinds.get(action.kind),
                tasks.get(action.task),
            )
            action.display_name = " · ".join(name for name in names if name)

    # ------------------------------------------------------------
    # What is done. Sets of clocks of one model, run by the scheduler as superuser
    # ------------------------------------------------------------

    def _run_on(self, clocks):
        """Do it for ``clocks``, and return ``{clock id: what was done}``."""
        self.ensure_one()
        records = self.env[clocks[:1].res_model].browse(clocks.mapped("res_id"))
        return getattr(self, f"_task_{self.task}")(clocks, records)

    def _get_recipients(self, clocks, records):
        """``{clock id: users}``: active ones, each once."""
        self.ensure_one()
        by_id = {record.id: record for record in records}
        recipients = {}
        for clock in clocks:
            record = by_id[clock.res_id]
            users = self.user_ids
            if self.is_for_leader:
                users = record._sla_get_leader() | users
            if self.is_for_owner:
                users = clock._get_alert_user() | users
            recipients[clock.id] = users.filtered("active")
        return recipients

    def _say_told(self, users):
        if not users:
            return self.env._("There was nobody to tell.")
        return self.env._("Told: %s", users.mapped("name"))

    def _task_activity(self, clocks, records):
        recipients = self._get_recipients(clocks, records)
        clocks._plan_alert_activities(
            self.event,
            [(clock, user) for clock in clocks for user in recipients[clock.id]],
            self.activity_type_id,
            self.note,
        )
        return {c.id: self._say_told(recipients[c.id]) for c in clocks}

    def _task_message(self, clocks, records):
        recipients = self._get_recipients(clocks, records)
        by_id = {record.id: record for record in records}
        for clock in clocks:
            # one language, one message: a chain is short, and each record another text
            for users in recipients[clock.id].grouped("lang").values():
                title, text = clock._get_alert_text(self.event, users[:1])
                record = by_id[clock.res_id]
                record.message_notify(
                    partner_ids=users.partner_id.ids,
                    subject=f"{title}: {record.display_name}",
                    body=Markup("<p>%s %s</p><p>%s</p>")
                    % (text, clock.reason or "", self.note or ""),
                )
        return {c.id: self._say_told(recipients[c.id]) for c in clocks}

    def _task_reassign(self, clocks, records):
        before = {record.id: record._sla_responsible() for record in records}
        reason = self.env._("The promise was broken: assigned anew")
        records._sla_reassign("silence")
        done = {}
        for clock in clocks:
            user = records.browse(clock.res_id)._sla_responsible()
            old = before[clock.res_id]
            if user:
                done[clock.id] = self.env._(
                    "%(old)s → %(new)s",
                    old=old.name or self.env._("nobody"),
                    new=user.name,
                )
            else:
                done[clock.id] = self.env._(
                    "Taken from %s: back in the queue", old.name or self.env._("nobody")
                )
        records._message_log_batch(
            {c.res_id: f"{reason}: {done[c.id]}" for c in clocks}
        )
        return done

    def _task_priority(self, clocks, records):
        field = records._fields.get(records._sla_priority_field or "")
        if field is None or field.type != "selection":
            return dict.fromkeys(clocks.ids, self.env._("There is no priority."))
        selection = field._description_selection(self.env)
        labels, keys = dict(selection), [key for key, _label in selection]
        raised = defaultdict(records.browse)
        done = {}
        for clock in clocks:
            record = records.browse(clock.res_id)
            now = record[field.name] or keys[0]
            rank = keys.index(now) + 1
            if rank == len(keys):
                done[clock.id] = self.env._("It was the highest already.")
                continue
            raised[keys[rank]] |= record
            done[clock.id] = f"{labels[now]} → {labels[keys[rank]]}"
        for key, group in raised.items():
            group.write({field.name: key})
        return done

    def _task_server(self, clocks, records):
        action_sudo = self.sudo().server_action_id  # chosen by an administrator
        action_sudo.with_context(
            active_model=records._name, active_id=records[:1].id, active_ids=records.ids
        ).run()
        return dict.fromkeys(clocks.ids, action_sudo.name)
