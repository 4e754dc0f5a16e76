from odoo import api, fields, models
from odoo.tools import SQL

from ...tools.covered_many2one import CoveredMany2one
from .crm_campaign_step import WAYS


class CrmCampaignTask(models.Model):
    """One step for one participant.

    How nothing happens twice, and nothing gets lost:

    1. *Planned*. (participant, step, occurrence) is unique, so planning twice adds
       nothing.
    2. *Reserved*. The scheduler marks due tasks and commits, before anything happens.
       Each reservation counts as an attempt: a task that kills its worker is parked
       after some.
    3. *Done*. The worker locks what it reserved, does it, plans what follows, and
       commits it all at once. If it dies before, its lock goes with it, and the tasks
       are free for the next run, which finds them reserved but not locked.
    4. Mails have one state more: *being sent* means that the mail and its trace exist,
       made by that same commit; a trace names its task, and a task has one trace at
       most. From there Odoo's outgoing queue takes over, guarded by
       ``crm.campaign.delivery``. What became of them is read from the traces.

    Planning, running, outcomes, mails and the story are in files of their own. All of
    it works on whole batches: rows are written by ``_set`` and by SQL.
    """

    _name = "crm.campaign.task"
    _description = "Campaign Task"
    _order = "date_planned, id"

    participant_id = fields.Many2one(
        "crm.campaign.participant",
        required=True,
        readonly=True,
        # no index: the first key of _occurrence_uniq
        ondelete="cascade",
    )
    # that of the participant: both end together
    campaign_id = CoveredMany2one(
        "crm.campaign", required=True, readonly=True, ondelete="cascade"
    )
    company_id = fields.Many2one(related="campaign_id.company_id")
    step_id = fields.Many2one(
        "crm.campaign.step", required=True, readonly=True, ondelete="restrict"
    )
    kind = fields.Selection(related="step_id.kind")
    occurrence = fields.Integer(required=True, readonly=True, default=1)
    is_replay = fields.Boolean(
        string="Sent Again",
        readonly=True,
        help="Done once more because a person asked for it; nothing follows from it.",
    )
    # how far
    state = fields.Selection(
        [
            ("planned", "Planned"),
            ("reserved", "In progress"),
            ("sending", "Being sent"),
            ("done", "Done"),
            ("skipped", "Skipped"),
            ("failed", "Failed"),
            ("unknown", "Outcome unknown"),
        ],
        required=True,
        readonly=True,
        default="planned",
    )
    outcome = fields.Selection(
        WAYS, readonly=True, help="Which way the journey went on."
    )
    way_id = fields.Many2one("crm.campaign.way", readonly=True, ondelete="set null")
    reason = fields.Text(string="Why", readonly=True)
    date_planned = fields.Datetime(string="Planned for", required=True, readonly=True)
    date_reserved = fields.Datetime(string="Begun", readonly=True)
    date_done = fields.Datetime(string="Done On", readonly=True)
    date_waiting = fields.Datetime(
        string="Waiting Since",
        readonly=True,
        help="When the moment that it waits for was computed.",
    )
    date_due = fields.Datetime(
        string="First Due",
        readonly=True,
        help="When it fell due for the first time: what is put off is late since then.",
    )
    date_deadline = fields.Datetime(
        string="Waits at Most Until",
        readonly=True,
        help="When the time of a step is up that was woken before.",
    )
    attempts = fields.Integer(readonly=True, default=0)
    # mail
    trace_ids = fields.One2many(
        "mailing.trace", "crm_campaign_task_id", readonly=True, string="Mail"
    )
    trace_id = fields.Many2one("mailing.trace", compute="_compute_trace_id")

    _occurrence_uniq = models.Constraint(
        "UNIQUE(participant_id, step_id, occurrence)",
        "A step is planned once for each participant.",
    )
    # the queue of each step: what is due, and what was left by a worker that died
    _due_idx = models.Index(
        "(step_id, date_planned, id) WHERE state IN ('planned', 'reserved')"
    )
    _sending_idx = models.Index("(id) WHERE state = 'sending'")
    _attention_idx = models.Index(
        "(campaign_id, state) WHERE state IN ('failed', 'unknown')"
    )
    _step_idx = models.Index("(step_id, state)")

    @api.depends("participant_id", "step_id")
    def _compute_display_name(self):
        for task in self:
            task.display_name = (
                f"{task.step_id.name}: {task.participant_id.display_name}"
            )

    @api.depends("trace_ids")
    def _compute_trace_id(self):
        for task in self:
            task.trace_id = task.trace_ids[:1]

    # ------------------------------------------------------------
    # Whole batches
    # ------------------------------------------------------------

    def _set(self, **values):
        """Write the same values on all of these rows, which are the engine's own, in
        one statement. The ORM writes a hundred at a time.
        """
        if not self:
            return
        self.flush_model()
        values.setdefault("write_date", fields.Datetime.now())
        self.env.execute_query(
            SQL(
                "UPDATE crm_campaign_task SET %s WHERE id = ANY(%s) RETURNING id",
                SQL(", ").join(
                    SQL(
                        "%s = %s",
                        SQL.identifier(name),
                        None if value is False else value,
                    )
                    for name, value in values.items()
                ),
                self.ids,
            )
        )
        self._invalidate()

    @api.model
    def _invalidate(self):
        self.invalidate_model(flush=False)
        self.env["crm.campaign.participant"].invalidate_model(
            ["task_ids", "current_step", "journey"], flush=False
        )

    def _read_participants(self, expression):
        """``{task id: value}`` of an SQL expression on the participant ``p`` or the
        task ``k``, in the order of these tasks.
        """
        self.flush_model()
        self.env["crm.campaign.participant"].flush_model()
        rows = dict(
            self.env.execute_query(
                SQL(
                    """
                    SELECT k.id, %s
                      FROM crm_campaign_task k
                      JOIN crm_campaign_participant p ON p.id = k.participant_id
                     WHERE k.id = ANY(%s)
                    """,
                    expression,
                    self.ids,
                )
            )
        )
        return {task_id: rows[task_id] for task_id in self._ids}

    def _get_subjects(self):
        """``{task id: id of the record}``"""
        return self._read_participants(SQL("p.res_id"))

    def _get_participants(self):
        """``{task id: id of the participant}``"""
        return self._read_participants(SQL("p.id"))

    def _get_persons(self):
        """``{task id: who it is}``: the same for one person, enrolled again or not."""
        return self._read_participants(
            self.env["crm.campaign.participant"]._get_person_sql("p")
        )

    def _filter_participants(self, condition):
        """Those of these tasks whose participant ``p`` meets an SQL condition."""
        self.flush_model()
        self.env["crm.campaign.participant"].flush_model()
        found = {
            task_id
            for [task_id] in self.env.execute_query(
                SQL(
                    """
                    SELECT k.id
                      FROM crm_campaign_task k
                      JOIN crm_campaign_participant p ON p.id = k.participant_id
                     WHERE k.id = ANY(%s) AND %s
                    """,
                    self.ids,
                    condition,
                )
            )
        }
        return self.browse(task_id for task_id in self._ids if task_id in found)

    def _get_waited(self):
        """The ids of those of these tasks that have waited for their moment."""
        waited = self._read_participants(SQL("k.date_waiting IS NOT NULL"))
        return [task_id for task_id, has_waited in waited.items() if has_waited]

    def _wait_until(self, dates):
        """Plan these tasks for their moments, ``{task id: datetime}``; those whose
        moment has come, or who have none, are done.
        """
        now = fields.Datetime.now()
        later = {
            task_id: date for task_id, date in dates.items() if date and date > now
        }
        self.browse(i for i in dates if i not in later)._done()
        if not later:
            return
        self.env.execute_query(
            SQL(
                """
                UPDATE crm_campaign_task k
                   SET state = 'planned', date_planned = n.date, attempts = 0,
                       date_waiting = %(now)s, write_date = %(now)s
                  FROM unnest(%(ids)s, %(dates)s::timestamp[]) AS n(id, date)
                 WHERE k.id = n.id
             RETURNING k.id
                """,
                now=now,
                ids=list(later),
                dates=list(later.values()),
            )
        )
        self._invalidate()
