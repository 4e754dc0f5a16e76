from datetime import timedelta

from odoo import fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL

# A task that was begun so often without an end is parked where a person sees it.
MAX_ATTEMPTS = 4
# Pause after the first, second, … attempt that failed.
RETRY_MINUTES = (5, 30, 120)


class CrmCampaignTask(models.Model):
    """What became of a task: by itself, and by what people decide."""

    _inherit = "crm.campaign.task"

    # ------------------------------------------------------------
    # Outcomes
    # ------------------------------------------------------------

    def _done(self, outcome="next", reason=None, way=None):
        """These tasks are done; what follows is planned.

        :param way: the ``crm.campaign.way`` that they went, with outcome ``way``
        """
        if not self:
            return
        values = {"outcome": outcome, "way_id": way.id if way else None}
        if reason is not None:
            values["reason"] = reason
        self._set(state="done", date_done=fields.Datetime.now(), **values)
        self._plan_next()

    def _skip(self, reason):
        """These tasks had no effect; the step says whether the journey goes on."""
        if not self:
            return
        self._set(state="skipped", reason=reason, date_done=fields.Datetime.now())
        stopping = {
            row[0]
            for row in self.env.execute_query(
                SQL(
                    """
                    SELECT k.participant_id
                      FROM crm_campaign_task k
                      JOIN crm_campaign_step s ON s.id = k.step_id
                      JOIN crm_campaign_participant p ON p.id = k.participant_id
                     WHERE k.id = ANY(%s)
                       AND k.is_replay IS NOT TRUE AND s.on_failure = 'stop'
                       AND NOT %s
                    """,
                    self.ids,
                    self._get_behind_condition(),
                )
            )
        }
        self.env["crm.campaign.participant"]._exit({"undeliverable": list(stopping)})
        self._plan_next()

    def _fail(self, reason, final=False):
        """These tasks failed: again later, or parked where a person sees them."""
        if not self:
            return
        now = fields.Datetime.now()
        again = {}
        if not final:
            for task_id, attempts in self._get_attempts().items():
                if attempts < MAX_ATTEMPTS:
                    again.setdefault(attempts, []).append(task_id)
        for attempts, ids in again.items():
            wait = RETRY_MINUTES[min(attempts, len(RETRY_MINUTES)) - 1]
            self.browse(ids)._set(
                state="planned",
                reason=reason,
                date_planned=now + timedelta(minutes=wait),
            )
        failed = self - self.browse([i for ids in again.values() for i in ids])
        failed._set(state="failed", reason=reason, date_done=now)
        failed._plan_next()
        failures = self.env.context.get("crm_campaigns_failures")
        if failures is None:
            self._break_circuit(reason)
        else:
            failures.add(reason, self.ids)

    def _defer(self, date, reason):
        """Not now: these tasks wait until then, and it does not count as an attempt."""
        if not self:
            return
        self.flush_model()
        self.env.execute_query(
            SQL(
                """
                UPDATE crm_campaign_task
                   SET state = 'planned', reason = %(reason)s, date_planned = %(date)s,
                       attempts = GREATEST(attempts - 1, 0), write_date = %(now)s
                 WHERE id = ANY(%(ids)s)
             RETURNING id
                """,
                reason=reason,
                date=date,
                now=fields.Datetime.now(),
                ids=self.ids,
            )
        )
        self._invalidate()

    def _get_attempts(self):
        self.flush_model(["attempts"])
        return dict(
            self.env.execute_query(
                SQL(
                    "SELECT id, attempts FROM crm_campaign_task WHERE id = ANY(%s)",
                    self.ids,
                )
            )
        )

    # ------------------------------------------------------------
    # What people do
    # ------------------------------------------------------------

    def action_retry(self):
        """Try failed tasks again; the journey goes on from there."""
        self.campaign_id.check_access("write")
        failed = self.filtered(lambda task: task.state == "failed")
        if not failed:
            raise UserError(self.env._("Only failed tasks can be tried again."))
        # sudo: tasks and participants are written by the system only
        failed_sudo = failed.sudo()
        stuck_sudo = failed_sudo.participant_id.filtered(lambda p: p.state == "failed")
        self._check_none_inside_again(stuck_sudo)
        stuck_sudo.write({"state": "running", "date_left": False})
        failed_sudo.write(
            {
                "state": "planned",
                "attempts": 0,
                "date_planned": fields.Datetime.now(),
                # late is what nobody has looked at: it falls due now
                "date_due": False,
                "date_done": False,
            }
        )
        self._trigger()

    def _check_none_inside_again(self, participants_sudo):
        """Refuse to go on with people who have entered once more meanwhile: a record,
        and an address, is once at a time in a campaign. One search for all of them.
        """

        def keys(participant):
            campaign_id = participant.campaign_id.id
            yield campaign_id, participant.res_model, participant.res_id
            if participant.email:
                yield campaign_id, participant.email

        inside = participants_sudo.search_fetch(
            [
                ("campaign_id", "in", participants_sudo.campaign_id.ids),
                ("state", "=", "running"),
                "|",
                ("res_id", "in", participants_sudo.mapped("res_id")),
                ("email", "in", [p.email for p in participants_sudo if p.email]),
            ],
            ["campaign_id", "res_model", "res_id", "email"],
        )
        taken = {key for participant in inside for key in keys(participant)}
        for participant in participants_sudo:
            own = set(keys(participant))
            if own & taken:
                raise UserError(
                    self.env._(
                        "%s is on the way in this campaign again.", participant.who
                    )
                )
            taken |= own

    def action_send_again(self):
        """Send mails again of which nobody knows whether they arrived."""
        self.campaign_id.check_access("write")
        unknown = self.filtered(lambda task: task.state == "unknown")
        if not unknown:
            raise UserError(
                self.env._("Only mails with an unknown outcome can be sent again.")
            )
        # sudo: tasks are written by the system only
        last = dict(
            self.sudo()._read_group(
                [
                    ("participant_id", "in", unknown.participant_id.ids),
                    ("step_id", "in", unknown.step_id.ids),
                ],
                ["participant_id"],
                ["occurrence:max"],
            )
        )
        # tasks are the engine's own rows
        self.sudo().create(
            [
                {
                    "participant_id": task.participant_id.id,
                    "campaign_id": task.campaign_id.id,
                    "step_id": task.step_id.id,
                    "occurrence": last[task.participant_id] + 1,
                    "is_replay": True,
                    "date_planned": fields.Datetime.now(),
                }
                for task in unknown
            ]
        )
        # tasks are the engine's own rows
        unknown.sudo().write(
            {
                "state": "done",
                "reason": self.env._("Outcome unknown; sent again by hand."),
            }
        )
        self._trigger()

    def action_accept(self):
        """Take mails with an unknown outcome for sent."""
        self.campaign_id.check_access("write")
        # sudo: tasks are written by the system only
        self.filtered(lambda task: task.state == "unknown").sudo().write(
            {"state": "done", "reason": self.env._("Outcome unknown; taken for sent.")}
        )
