from odoo import api, fields, models
from odoo.tools import SQL
from odoo.tools.translate import LazyTranslate

from .step_wait_condition import WatchKind

_lt = LazyTranslate(__name__)


class GoalKind(WatchKind):
    """What the campaign is for. Whoever reaches it, wherever they are before it, jumps
    here at once, and what lies before it is stopped for them.

    Before it lies all that began with the same first step and does not come after it.
    Who gets here without having reached it waits for it as long as the step says.
    """

    code = "goal"
    label = _lt("Goal")
    family = "end"
    icon = "fa-trophy"
    ways = {"yes": _lt("reached"), "no": _lt("not reached in time")}
    fields = (
        *WatchKind.fields,
        "condition",
        "condition_on",
        "event_domain",
        "event_kind_ids",
        "goal_by",
        "goal_counts",
        "goal_threshold_id",
    )

    def get_text(self):
        what = self.get_what()
        if not self.step._has_delay():
            return what
        return self.env._(
            "%(goal)s, within %(delay)s", goal=what, delay=super().get_text()
        )

    def get_what(self):
        return getattr(self, f"_get_{self.step.goal_by}_text")()

    def _get_condition_text(self):
        return self.step._get_condition_words()

    def _get_event_text(self):
        return self.step._get_event_words()

    def _get_score_text(self):
        # sudo: whoever may read the campaign may read its goal
        return self.step.goal_threshold_id.sudo().name or ""

    def get_problems(self):
        return getattr(self, f"_get_{self.step.goal_by}_problems")()

    def _get_condition_problems(self):
        if self.step._get_condition().is_true():
            return [self.env._("say what the goal is.")]
        return []

    def _get_event_problems(self):
        if not self.step.event_kind_ids:
            return [self.env._("choose what has to happen.")]
        return []

    def _get_score_problems(self):
        threshold = self.step.goal_threshold_id
        if not threshold:
            return [self.env._("choose the score.")]
        # sudo: what it scores is no secret
        if threshold.sudo().target_model != self.step.campaign_id._get_model():
            return [self.env._("the score is one of other records.")]
        return []

    # ------------------------------------------------------------
    # Who meets it
    # ------------------------------------------------------------

    def get_meets(self):
        return getattr(self, f"_get_{self.step.goal_by}_sql")()

    def _get_condition_sql(self):
        return self.step._get_condition_sql()

    def _get_event_sql(self):
        """Since they entered."""
        step = self.step
        since = SQL(
            """
            t.kind_id = ANY(%s) AND t.is_machine IS NOT TRUE
            AND t.date >= date_trunc('second', p.create_date) AND %s
            """,
            step.event_kind_ids.ids,
            step._get_event_sql(),
        )
        # one index each
        return SQL(
            """
            (EXISTS (SELECT FROM crm_touchpoint t
                      WHERE t.lead_id = p.lead_id AND %(since)s)
             OR EXISTS (SELECT FROM crm_touchpoint t
                         WHERE t.partner_id = p.partner_id AND %(since)s))
            """,
            since=since,
        )

    def _get_score_sql(self):
        # sudo: the threshold is the marketer's to name, scores are seen by nobody here
        threshold = self.step.goal_threshold_id.sudo()
        column = "lead_id" if threshold.target_model == "crm.lead" else "partner_id"
        self.env["crm.score"].flush_model()
        return SQL(
            """
            p.res_id IN (
                SELECT result.res_id
                  FROM (SELECT %s AS res_id, fit AS new_fit, engagement AS
                               new_engagement, total AS new_total, grade
                          FROM crm_score WHERE model_id = %s) result
                 WHERE %s)
            """,
            SQL.identifier(column),
            threshold.model_id.id,
            threshold._reached(""),
        )

    # ------------------------------------------------------------
    # Reaching it
    # ------------------------------------------------------------

    def look(self, condition):
        """Whoever meets it and was not here yet jumps here; whoever has passed without
        it has reached it all the same.
        """
        Participant = self.env["crm.campaign.participant"]
        Participant.flush_model()
        self.env["crm.campaign.task"].flush_model()
        rows = self.env.execute_query(
            SQL(
                """
                SELECT p.id, %(passed)s
                  FROM crm_campaign_participant p
                 WHERE p.state = 'running' AND p.campaign_id = %(campaign)s
                   AND %(condition)s
                   -- who goes through this tree
                   AND (EXISTS (SELECT FROM crm_campaign_task b
                                 WHERE b.participant_id = p.id
                                   AND b.step_id = %(first)s)
                        -- moved into it, past its first step
                        OR (p.date_moved IS NOT NULL AND EXISTS (
                            SELECT FROM crm_campaign_task b
                              JOIN crm_campaign_step bs ON bs.id = b.step_id
                             WHERE b.participant_id = p.id
                               AND bs.parent_path LIKE %(tree)s)))
                   AND (%(unnoted)s OR NOT %(passed)s)
                   AND %(meets)s
              ORDER BY p.id
                   FOR UPDATE OF p SKIP LOCKED
                """,
                passed=self._get_passed_sql(),
                unnoted=SQL("p.goal_step_id IS NULL")
                if self.step.goal_counts
                else SQL("FALSE"),
                campaign=self.step.campaign_id.id,
                first=int(self.step.parent_path.split("/", 1)[0]),
                tree=self.step.parent_path.split("/", 1)[0] + "/%",
                condition=condition,
                meets=self.get_meets(),
            )
        )
        passed = [participant_id for participant_id, was_here in rows if was_here]
        jumping = [participant_id for participant_id, was_here in rows if not was_here]
        if passed:
            self._note(passed)
        if jumping:
            self._jump(jumping)

    def _get_passed_sql(self):
        """SQL of whether the participant ``p`` has been here, or at a later goal."""
        return SQL(
            """
            EXISTS (
                SELECT FROM crm_campaign_task d
                  JOIN crm_campaign_step ds ON ds.id = d.step_id
                 WHERE d.participant_id = p.id
                   AND d.state NOT IN ('planned', 'reserved')
                   AND (ds.id = %(step)s
                        OR (ds.kind = 'goal' AND d.state = 'done'
                            AND ds.parent_path LIKE %(path)s)))
            """,
            step=self.step.id,
            path=f"{self.step.parent_path}%",
        )

    def _jump(self, participant_ids):
        """Let these participants, locked, come here and go on from here.

        Those whom the scheduler holds at this very step are left out: it looks by
        itself.
        """
        Task = self.env["crm.campaign.task"]
        params = {
            "step": self.step.id,
            "campaign": self.step.campaign_id.id,
            "ids": participant_ids,
            "now": fields.Datetime.now(),
        }
        new = self.env.execute_query(
            SQL(
                """
                INSERT INTO crm_campaign_task (
                    participant_id, campaign_id, step_id, occurrence, state,
                    date_planned, attempts, create_date, write_date
                )
                SELECT id, %(campaign)s, %(step)s, 1, 'reserved', %(now)s, 0, %(now)s,
                       %(now)s
                  FROM unnest(%(ids)s) AS jumping (id)
              ORDER BY id
           ON CONFLICT (participant_id, step_id, occurrence) DO NOTHING
             RETURNING id
                """,
                **params,
            )
        )
        waiting = self.env.execute_query(
            SQL(
                """
                SELECT id FROM crm_campaign_task
                 WHERE step_id = %(step)s AND participant_id = ANY(%(ids)s)
                   AND id <> ALL(%(new)s)
                   AND state IN ('planned', 'reserved')
                   FOR UPDATE SKIP LOCKED
                """,
                new=[row[0] for row in new],
                **params,
            )
        )
        Task._invalidate()
        self._come_true(Task.browse(row[0] for row in [*new, *waiting]))

    def _come_true(self, tasks):
        if not tasks:
            return
        ids = list(tasks._get_participants().values())
        self._note(ids)
        self.env.execute_query(
            SQL(
                "UPDATE crm_campaign_participant SET jump_step_id = %s"
                " WHERE id = ANY(%s) RETURNING id",
                self.step.id,
                ids,
            )
        )
        self.env["crm.campaign.participant"].invalidate_model(flush=False)
        tasks._stop_before_goal()
        tasks._done("yes", reason=self.get_what() or None)
        self.env["crm.campaign.task"]._trigger()

    def _note(self, participant_ids):
        """It is the result of these journeys, if it counts and they have none yet."""
        if not self.step.goal_counts:
            return
        self.env.execute_query(
            SQL(
                """
                UPDATE crm_campaign_participant
                   SET goal_step_id = %(step)s, goal_date = %(now)s,
                       write_date = %(now)s
                 WHERE id = ANY(%(ids)s) AND goal_step_id IS NULL
             RETURNING id
                """,
                step=self.step.id,
                now=fields.Datetime.now(),
                ids=participant_ids,
            )
        )
        self.env["crm.campaign.participant"].invalidate_model(flush=False)


class CrmCampaignStep(models.Model):
    _inherit = "crm.campaign.step"

    goal_by = fields.Selection(
        [
            ("event", "Something happens"),
            ("condition", "A condition holds"),
            ("score", "A score is reached"),
        ],
        string="Reached When",
        default="event",
        required=True,
    )
    goal_threshold_id = fields.Many2one(
        "crm.score.threshold",
        string="Score",
        domain="[('target_model', '=', model_name)]",
        index="btree_not_null",
        ondelete="restrict",
        help="A threshold of a scoring model; reached while the score is there.",
    )
    goal_counts = fields.Boolean(
        string="Is the Result of the Campaign",
        default=True,
        help="The first such goal that somebody reaches, with its date, is what the "
        "campaign has achieved with them. Others let them jump on only.",
    )
    goal_meeting_count = fields.Integer(
        string="Would Jump at Once", compute="_compute_goal_meeting_count"
    )
    goal_stops = fields.Char(string="Stops", compute="_compute_goal_stops")
    goal_count = fields.Integer(string="Reached", compute="_compute_goal_count")

    @api.model
    def _get_kinds(self):
        return [*super()._get_kinds(), GoalKind]

    def _compute_goal_count(self):
        self.goal_count = 0
        # of the same goal in earlier versions too
        for step, count in self.env["crm.campaign.participant"]._read_group(
            [("goal_step_id", "in", self._get_all_versions().ids)],
            ["goal_step_id"],
            ["__count"],
        ):
            for one in (step | step.latest_id) & self:
                one.goal_count += count

    @api.depends("parent_path", "kind")
    def _compute_goal_stops(self):
        """What somebody who jumps here leaves behind, in words."""
        for step in self:
            stopped = step.browse()
            if step.kind == "goal" and step.parent_path:
                root = step.parent_path.split("/", 1)[0]
                # few goals, each with a tree of its own
                tree = step.search([("id", "child_of", int(root))])
                stopped = tree.filtered(
                    lambda s, path=step.parent_path: not s.parent_path.startswith(path)
                )
            step.goal_stops = ", ".join(stopped.mapped("name"))

    def _compute_goal_meeting_count(self):
        """Of those who are in, or would enter at the start, how many meet it now. What
        has to happen counts from their entry on, so nobody meets it yet.
        """
        self.goal_meeting_count = 0
        for step in self.filtered(lambda s: s.kind == "goal" and s.goal_by != "event"):
            # a statement a goal, of which there are few
            step.goal_meeting_count = step._count_goal_meeting()

    def _count_goal_meeting(self):
        self.ensure_one()
        campaign = self.campaign_id
        kind = self._get_kind()
        if kind.get_problems():
            return 0
        # sudo: of the whole audience, and no more than a number
        campaign_sudo = campaign.sudo()
        candidates = None
        if campaign.state != "running":
            candidates = campaign_sudo._get_entry().get_start_candidates()
        audience = SQL(
            """
            SELECT id, res_id, lead_id, partner_id, create_date
              FROM crm_campaign_participant
             WHERE campaign_id = %s AND state = 'running' AND goal_step_id IS NULL
            """,
            campaign.id,
        )
        if candidates:
            audience = SQL(
                """
                %s UNION ALL
                SELECT NULL, n.res_id, n.lead_id, n.partner_id, NULL FROM (%s) n
                """,
                audience,
                campaign_sudo._get_entrants_query(candidates),
            )
        [[count]] = self.env.execute_query(
            SQL(
                "SELECT count(*) FROM (%s) p WHERE %s",
                audience,
                # sudo: the condition is that of the responsible; only a figure is told
                self.sudo()._get_kind().get_meets(),
            )
        )
        return count

    def _get_meeting_words(self):
        if self.goal_meeting_count == 1:
            return self.env._(
                "One person already meets the goal “%s” and would jump there at once.",
                self.name,
            )
        return self.env._(
            "%(count)s people already meet the goal “%(goal)s” and would jump there at "
            "once.",
            count=self.goal_meeting_count,
            goal=self.name,
        )

    def _get_goal_reason(self):
        return self.env._("The goal “%s” was reached.", self.name)


class CrmCampaignParticipant(models.Model):
    _inherit = "crm.campaign.participant"

    goal_step_id = fields.Many2one(
        "crm.campaign.step",
        string="Goal",
        readonly=True,
        index="btree_not_null",
        ondelete="restrict",
        help="The goal that this journey has reached: the result of the campaign.",
    )
    goal_date = fields.Datetime(string="Goal Reached", readonly=True)
    jump_step_id = fields.Many2one(
        "crm.campaign.step",
        string="Jumped To",
        readonly=True,
        index="btree_not_null",
        ondelete="restrict",
        help="The last goal reached: what lies before it is over.",
    )

    def _get_journey_events(self):
        events = super()._get_journey_events()
        at_goal = self.task_ids.filtered(
            lambda task: task.step_id == self.goal_step_id and task.outcome == "yes"
        )
        if self.goal_date and not at_goal:
            events.append(
                {
                    "date": self.goal_date,
                    "icon": "fa-trophy text-success",
                    "text": self.env._("Goal “%s” · reached", self.goal_step_id.name),
                }
            )
        return events


class CrmCampaign(models.Model):
    _inherit = "crm.campaign"

    goal_reached_count = fields.Integer(
        string="Reached the Goal", compute="_compute_goal_reached_count"
    )
    has_goal = fields.Boolean(compute="_compute_has_goal")
    goal_note = fields.Char(string="Before You Start", compute="_compute_goal_note")

    @api.depends("step_ids.kind")
    def _compute_has_goal(self):
        for campaign in self:
            campaign.has_goal = "goal" in campaign.step_ids.mapped("kind")

    def _compute_goal_reached_count(self):
        counts = dict(
            self.env["crm.campaign.participant"]._read_group(
                [("campaign_id", "in", self.ids), ("goal_step_id", "!=", False)],
                ["campaign_id"],
                ["__count"],
            )
        )
        for campaign in self:
            campaign.goal_reached_count = counts.get(campaign, 0)

    @api.depends("state", "step_ids.kind")
    def _compute_goal_note(self):
        """Who meets goals already, before the start."""
        for campaign in self:
            goals = campaign.step_ids.filtered(lambda s: s.kind == "goal")
            if campaign.state == "running":
                goals = goals.browse()
            campaign.goal_note = " ".join(
                goal._get_meeting_words() for goal in goals if goal.goal_meeting_count
            )

    def action_view_reached(self):
        self.ensure_one()
        action = self._action_view(
            "crm_campaign_participant_action", self.env._("Reached the Goal")
        )
        action["domain"] += [("goal_step_id", "!=", False)]
        return action
