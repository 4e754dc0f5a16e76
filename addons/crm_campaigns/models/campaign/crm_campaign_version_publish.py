from markupsafe import Markup

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL, ormcache

from .steps.step_mail import MAIL_COPIED

# Place of a step, compared apart; and what says nothing of what it does.
UNCOMPARED = {"branch", "campaign_id", "mailing_id", "parent_id", "sequence", "way_id"}
# Of the mail of a step, as fields of the step.
OF_MAIL = {"body", "contact_purpose_id", "subject"}


class CrmCampaign(models.Model):
    """The draft of a version becomes the current one, see ``crm.campaign.version``."""

    _inherit = "crm.campaign"

    # ------------------------------------------------------------
    # What is different
    # ------------------------------------------------------------

    def _get_version_changes(self):
        """What publishing this draft changes, as a list of sentences."""
        self.ensure_one()
        before = {step.lineage: step for step in self.draft_of_id.step_ids}
        after = {step.lineage: step for step in self.step_ids}
        changes = []
        for lineage, step in after.items():
            if lineage not in before:
                changes.append(
                    self.env._(
                        "New: “%(step)s”, after “%(parent)s”.",
                        step=step.name,
                        parent=step.parent_id.name,
                    )
                    if step.parent_id
                    else self.env._("New: “%s”, as soon as they enter.", step.name)
                )
                continue
            old = before[lineage]
            if names := step._get_changed_fields(old):
                changes.append(
                    self.env._(
                        "Changed: “%(step)s” (%(fields)s).",
                        step=step.name,
                        fields=", ".join(names),
                    )
                )
            if step._get_lineage_place() != old._get_lineage_place():
                changes.append(
                    self.env._(
                        "Elsewhere: “%(step)s” comes after “%(parent)s”.",
                        step=step.name,
                        parent=step.parent_id.name,
                    )
                    if step.parent_id
                    else self.env._("Elsewhere: “%s” comes first.", step.name)
                )
        changes += [
            self.env._("Gone: “%s”.", step.name)
            for lineage, step in before.items()
            if lineage not in after
        ]
        return changes

    def _render_version_changes(self):
        changes = self._get_version_changes()
        if not changes:
            return Markup("<p>%s</p>") % self.env._("Nothing is different yet.")
        return Markup("<ul class='mb-0'>%s</ul>") % Markup().join(
            Markup("<li>%s</li>") % change for change in changes
        )

    # ------------------------------------------------------------
    # Who is inside
    # ------------------------------------------------------------

    def _get_waiting_inside(self):
        """``[(step, people, busy)]`` of where those inside are; busy ones are having it
        done to them at this moment, and finish on their version.
        """
        self.ensure_one()
        self.env["crm.campaign.task"].flush_model()
        rows = self.env.execute_query(
            SQL(
                """
                SELECT k.step_id, count(DISTINCT k.participant_id),
                       count(DISTINCT k.participant_id) FILTER (
                           WHERE k.state <> 'planned')
                  FROM crm_campaign_task k
                  JOIN crm_campaign_participant p ON p.id = k.participant_id
                 WHERE p.campaign_id = %s AND p.state = 'running'
                   AND k.state IN ('planned', 'reserved', 'sending')
              GROUP BY k.step_id
                """,
                self.id,
            )
        )
        Step = self.env["crm.campaign.step"]
        found = [(Step.browse(row[0]), *row[1:]) for row in rows]
        return sorted(
            found, key=lambda row: (-row[0].version_id.number, row[0].position)
        )

    # ------------------------------------------------------------
    # Publishing
    # ------------------------------------------------------------

    def action_ask_publish(self):
        """Say what will happen, then publish."""
        self.ensure_one()
        if not self.draft_of_id:
            raise UserError(self.env._("This is no draft of a version."))
        self.check_access("write")
        self._sync_draft()
        wizard = self.env["crm.campaign.publish"]._open(self)
        return {
            "type": "ir.actions.act_window",
            "name": self.env._(
                "Publish version %(number)s of “%(campaign)s”",
                number=self.version_id.number,
                campaign=self.draft_of_id.name,
            ),
            "res_model": "crm.campaign.publish",
            "res_id": wizard.id,
            "view_mode": "form",
            "target": "new",
        }

    def _check_publishable(self):
        self.ensure_one()
        origin = self.draft_of_id
        if not origin:
            raise UserError(self.env._("This is no draft of a version."))
        for campaign in (origin, self):
            campaign.check_access("write")
        self._sync_draft()
        problems = self._get_start_problems()
        if not self._get_version_changes():
            problems.append(self.env._("Nothing is different yet."))
        if problems:
            raise UserError(
                self.env._("This version cannot be published yet:")
                + "".join(f"\n• {problem}" for problem in problems)
            )
        if people := self._needs_approval():
            raise UserError(
                self.env._(
                    "%(people)s people would go through it: ask for an approval first.",
                    people=people,
                )
            )

    def _publish(self, choices=None):
        """Make this draft the current version of its campaign.

        :param choices: ``None``: those inside finish on their version. Else they are
            moved, and for each step they wait at that is gone it says what becomes of
            them: ``{step: "stay"}``, ``"leave"``, or the step of the draft to go on at;
            an empty one: they have reached the end. Not told: they stay.
        :return: how many were moved
        """
        self._check_publishable()
        origin, version = self.draft_of_id, self.version_id
        old, new = origin.step_ids, self.step_ids
        changes = self._render_version_changes()
        approval = self._get_last_approval()
        for step in new:
            # found meanwhile in what runs
            earlier = old.filtered(lambda s, step=step: s.lineage == step.lineage)
            if earlier.winner_way_id and not step.winner_way_id:
                earlier._copy_winner(step)
        self.env.flush_all()
        self.env.execute_query(
            SQL(
                """
                UPDATE crm_campaign_step SET is_retired = TRUE
                 WHERE id = ANY(%s) RETURNING id
                """,
                old.ids,
            )
        )
        self.env.execute_query(
            SQL(
                "UPDATE crm_campaign_step SET campaign_id = %s"
                " WHERE id = ANY(%s) RETURNING id",
                origin.id,
                new.ids,
            )
        )
        self.env.execute_query(
            SQL(
                """
                UPDATE crm_campaign_step o SET latest_id = n.id
                  FROM crm_campaign_step n
                 WHERE n.id = ANY(%s) AND o.campaign_id = n.campaign_id
                   AND o.lineage = n.lineage AND o.id <> n.id
             RETURNING o.id
                """,
                new.ids,
            )
        )
        self.env.invalidate_all(flush=False)
        # sudo: versions and approvals are written by the system only
        self.approval_ids.sudo().write({"campaign_id": origin.id})
        origin.version_id.sudo().state = "retired"
        origin.version_id = version
        moved = 0 if choices is None else origin.sudo()._move_to_version(choices)
        # sudo: see above
        version.sudo().write(
            {
                "state": "current",
                "date_published": fields.Datetime.now(),
                "user_id": self.env.uid,
                "approved_by_id": approval.decided_by_id.id
                if approval.state == "approved"
                else False,
                "changes": changes,
                "moved_count": moved,
            }
        )
        self.unlink()
        origin.step_ids._prepare_mailings()
        origin._message_log(
            body=Markup("<p>%s</p>%s")
            % (
                self.env._(
                    "Version %(number)s was published; %(moved)s people inside were "
                    "moved to it.",
                    number=version.number,
                    moved=moved,
                ),
                changes,
            )
        )
        self.env.registry.clear_cache()
        self.env["crm.campaign.task"]._trigger()
        return moved

    # ------------------------------------------------------------
    # Moving
    # ------------------------------------------------------------

    @api.model
    @ormcache()
    def _any_next_version(self):
        """Whether a next version was ever drawn: before that nobody was moved. Asked
        for each batch: it costs nothing where all have one.

        And not whether somebody was moved: a worker in the middle of a batch learns of
        it at its next round only, and drawing takes longer.
        """
        # sudo: of any company
        return bool(
            self.env["crm.campaign.version"]
            .sudo()
            .search_count([("number", ">", 1)], limit=1)
        )

    def _move_to_version(self, choices):
        """Move those inside to the current version, in a few statements.

        All they have done goes along: each task is now at the same step of that
        version. Those to whom something is being done at this moment are left where
        they are: they finish on their version.

        :return: how many were moved
        """
        self.ensure_one()
        Task = self.env["crm.campaign.task"]
        Participant = self.env["crm.campaign.participant"]
        now = fields.Datetime.now()
        waiting = {step for step, _people, _busy in self._get_waiting_inside()}
        kept = {step.lineage for step in self.step_ids}
        gone = [step for step in waiting if step.lineage not in kept]
        # a word, or a step
        targets = {step: choices.get(step, "stay") for step in gone}
        ends = {step: end for step, end in targets.items() if isinstance(end, str)}
        leaving = [step.id for step, end in ends.items() if end == "leave"]
        ids = self._lock_movable([step.id for step in ends if step.id not in leaving])
        if leaving:
            left = {
                row[0]
                for row in self.env.execute_query(
                    SQL(
                        """
                        SELECT DISTINCT participant_id FROM crm_campaign_task
                         WHERE participant_id = ANY(%s) AND step_id = ANY(%s)
                           AND state = 'planned'
                        """,
                        ids,
                        leaving,
                    )
                )
            }
            Participant._exit({"version": sorted(left)})
            ids = [one for one in ids if one not in left]
        if not ids:
            return 0
        params = {
            "campaign": self.id,
            "ids": ids,
            "new": self.step_ids.ids,
            "now": now,
            "version": self.version_id.id,
        }
        self.env.execute_query(
            SQL(
                """
                UPDATE crm_campaign_participant p
                   SET version_id = %(version)s, date_moved = %(now)s,
                       goal_step_id = COALESCE((
                           SELECT latest_id FROM crm_campaign_step
                            WHERE id = p.goal_step_id), p.goal_step_id),
                       jump_step_id = COALESCE((
                           SELECT latest_id FROM crm_campaign_step
                            WHERE id = p.jump_step_id), p.jump_step_id),
                       write_date = %(now)s
                 WHERE p.id = ANY(%(ids)s)
             RETURNING p.id
                """,
                **params,
            )
        )
        self.env.execute_query(
            SQL(
                """
                UPDATE crm_campaign_task k
                   SET step_id = o.latest_id,
                       way_id = COALESCE((
                           SELECT nw.id
                             FROM crm_campaign_way ow
                             JOIN crm_campaign_way nw
                               ON nw.step_id = o.latest_id AND nw.lineage = ow.lineage
                            WHERE ow.id = k.way_id), k.way_id),
                       write_date = %(now)s
                  FROM crm_campaign_step o
                 WHERE k.participant_id = ANY(%(ids)s) AND o.id = k.step_id
                   AND o.campaign_id = %(campaign)s
                   AND o.latest_id = ANY(%(new)s)
             RETURNING k.id
                """,
                **params,
            )
        )
        Participant.invalidate_model(flush=False)
        Task._invalidate()
        for step, target in targets.items():
            # few steps
            if step not in ends:
                self._go_on_at(step, target, ids)
        Participant._complete(SQL("p.id = ANY(%s)", ids))
        return len(ids)

    def _lock_movable(self, staying):
        """Ids of those who can be moved, with all that is planned for them, locked
        until this transaction ends.

        :param staying: ids of steps; who waits at one of them stays
        """
        self.env.flush_all()
        ids = [
            row[0]
            for row in self.env.execute_query(
                SQL(
                    """
                    SELECT p.id FROM crm_campaign_participant p
                     WHERE p.campaign_id = %(campaign)s AND p.state = 'running'
                       AND p.version_id IS DISTINCT FROM %(version)s
                       AND NOT EXISTS (
                           SELECT FROM crm_campaign_task k
                            WHERE k.participant_id = p.id
                              AND (k.state IN ('reserved', 'sending')
                                   OR (k.state = 'planned'
                                       AND k.step_id = ANY(%(staying)s))))
                  ORDER BY p.id
                       FOR UPDATE OF p SKIP LOCKED
                    """,
                    campaign=self.id,
                    version=self.version_id.id,
                    staying=staying,
                )
            )
        ]
        held = {
            row[0]
            for row in self.env.execute_query(
                SQL(
                    """
                    WITH locked AS MATERIALIZED (
                        SELECT id FROM crm_campaign_task
                         WHERE participant_id = ANY(%(ids)s) AND state = 'planned'
                    FOR UPDATE SKIP LOCKED
                    )
                    SELECT DISTINCT k.participant_id FROM crm_campaign_task k
                     WHERE k.participant_id = ANY(%(ids)s) AND k.state = 'planned'
                       AND NOT EXISTS (SELECT FROM locked WHERE locked.id = k.id)
                    """,
                    ids=ids,
                )
            )
        }
        return [participant_id for participant_id in ids if participant_id not in held]

    def _go_on_at(self, step, target, participant_ids):
        """The step that these people wait at is gone: they go on at another."""
        Task = self.env["crm.campaign.task"]
        ids = [
            row[0]
            for row in self.env.execute_query(
                SQL(
                    """
                    UPDATE crm_campaign_task
                       SET state = 'skipped', reason = %(reason)s, date_done = %(now)s,
                           write_date = %(now)s
                     WHERE participant_id = ANY(%(ids)s) AND step_id = %(step)s
                       AND state = 'planned'
                 RETURNING participant_id
                    """,
                    ids=participant_ids,
                    now=fields.Datetime.now(),
                    reason=self.env._(
                        "This step is not in %s any more.", self.version_id.display_name
                    ),
                    step=step.id,
                )
            )
        ]
        Task._invalidate()
        if not target or not ids:
            return
        Task._plan(
            SQL(
                """
                SELECT p.id AS participant_id, p.campaign_id, s.id AS step_id,
                       1 AS occurrence, s.delay_minutes, NULL::timestamp AS since
                  FROM crm_campaign_participant p
                  JOIN crm_campaign_step s ON s.id = %s
                 WHERE p.id = ANY(%s) AND p.state = 'running'
                """,
                target.id,
                ids,
            )
        )
        # whoever has done that already goes on after it
        Task.search(
            [
                ("participant_id", "in", ids),
                ("step_id", "=", target.id),
                ("state", "in", ("done", "unknown", "skipped", "failed")),
            ],
            order="id",
        )._plan_next()


class CrmCampaignStep(models.Model):
    _inherit = "crm.campaign.step"

    def _get_lineage_place(self):
        """Where in the tree it is, the same in two versions if it is the same."""
        self.ensure_one()
        return (self.parent_id.lineage, self.branch, self.way_id.lineage)

    def _get_changed_fields(self, other):
        """Names of what is different from this step in another version."""
        self.ensure_one()
        # what a step learns later, in any addon, is told too
        names = {
            name
            for name, field in self._fields.items()
            if (field.store and field.copy) or name in OF_MAIL
        }
        names = {
            name
            for name in names - UNCOMPARED - {*models.MAGIC_COLUMNS}
            if self._has_field_access(self._fields[name], "read")
        }
        changed = {
            self._fields[name]._description_string(self.env)
            for name in names
            if self._get_compared(name) != other._get_compared(name)
        }
        changed |= self._get_changed_mail_fields(other)
        return sorted(label for label in changed if label)

    def _get_changed_mail_fields(self, other):
        """Of the settings of its mail: attachments, whom answers go to …"""
        # sudo: whoever may read the campaign may read its mails
        mailing_sudo, other_sudo = self.mailing_id.sudo(), other.mailing_id.sudo()
        return {
            mailing_sudo._fields[name]._description_string(self.env)
            for name in {*MAIL_COPIED} - {"body_arch", "body_html", "subject"}
            if (mailing_sudo[name] or False) != (other_sudo[name] or False)
        }

    def _get_compared(self, name):
        field = self._fields[name]
        if field.type == "one2many":
            comodel = self.env[field.comodel_name]
            inner = [
                key
                for key, one in comodel._fields.items()
                if one.store
                and key not in {*models.MAGIC_COLUMNS, field.inverse_name}
                and one.type not in ("one2many", "many2many")
            ]
            return [
                [comodel._fields[key].convert_to_read(line[key], line) for key in inner]
                for line in self[name]
            ]
        value = self[name]
        if field.relational:
            if field.comodel_name == "crm.campaign.step":
                return value.mapped("lineage")
            return sorted(value.ids)
        return field.convert_to_read(value, self) or False

    def _get_next_kept(self, lineages):
        """The nearest step after this one, on its usual way, that is one of those."""
        self.ensure_one()
        step = self
        while step:
            if step.lineage in lineages:
                return step
            ways = step._get_canvas_ways()
            step = next(
                (
                    child
                    for way in ways
                    for child in step.child_ids
                    if child._get_canvas_position() == way["values"]
                ),
                step.browse(),
            )
        return step
