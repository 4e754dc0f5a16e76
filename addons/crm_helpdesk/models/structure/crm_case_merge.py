from markupsafe import Markup
from psycopg2 import IntegrityError

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.fields import Command
from odoo.tools import SQL, mute_logger

from odoo.addons.crm_plus.tools.protected import given_fields

from ..case.crm_case_stage import DONE, WAITING

PROTECTED = {"merged_into_id", "date_merged", "split_from_id"}
# what was said stays with what was asked; what the system noted, with its case
MOVED_MESSAGES = ("comment", "email", "email_outgoing", "sms")


class CrmCase(models.Model):
    """Merge: one case lives on, the others end in it, and nothing of theirs is lost.

    - What was said (mails, answers, notes) and its files move to the case that lives
      on; what the system noted of a merged case (its stages, its clocks that have
      stopped) stays with it.
    - The merged case is closed, keeps its number and points to the other one: links of
      the portal, answers by mail and its number in a subject all lead there.
    - Of the promises that are open, for each kind the earliest one holds, with its
      pauses; a running one goes before a paused one. The others end without a verdict,
      as nobody waits for them any more.
    - Customers, copied people and followers, tags, activities, points to do, parts,
      incidents and whatever refers to the case are united. What the case that lives on
      leaves empty is filled from the others; of the priorities the highest holds.
    - Never across companies of ours, nor across customers: one would read what the
      other wrote.
    """

    _inherit = "crm.case"

    merged_into_id = fields.Many2one(
        "crm.case",
        string="Merged into",
        readonly=True,
        copy=False,
        index="btree_not_null",
        groups="base.group_user",
    )
    merged_ids = fields.One2many(
        "crm.case", "merged_into_id", string="Merged Cases", groups="base.group_user"
    )
    date_merged = fields.Datetime(
        string="Merged", readonly=True, copy=False, groups="base.group_user"
    )

    # ------------------------------------------------------------
    # ORM
    # ------------------------------------------------------------

    @api.model
    def _check_given(self, vals):
        # it redirects what customers write: by merging and splitting only
        if not self.env.su and given_fields(self.env, vals) & PROTECTED:
            raise AccessError(
                self.env._("What was merged or split is noted by itself, by nobody.")
            )

    @api.model_create_multi
    def create(self, vals_list):
        for vals in vals_list:
            self._check_given(vals)
        return super().create(vals_list)

    def write(self, vals):
        self._check_given(vals)
        # sudo: customers reopen, too; a merged case is closed for all
        if "stage_id" in vals and not self.env.context.get("crm_helpdesk_merge"):
            merged = self.sudo().filtered("merged_into_id")
            stage = self.env["crm.case.stage"].sudo().browse(vals["stage_id"])
            if merged and stage.category not in DONE:
                raise UserError(
                    self.env._(
                        "%(case)s was merged into %(survivor)s: go on there.",
                        case=merged[0].number,
                        survivor=merged[0].merged_into_id.display_name,
                    )
                )
        return super().write(vals)

    # ------------------------------------------------------------
    # Redirection
    # ------------------------------------------------------------

    def _get_survivor(self):
        """Return the case in which this one lives on: itself, if it was not merged."""
        return self.merged_into_id or self

    @api.model
    def _find_by_subject(self, message_dict):
        return super()._find_by_subject(message_dict)._get_survivor()

    @api.model
    def _finish_routes(self, message, message_dict, routes, case):
        """Whether an answer comes late is asked of the case that lives on."""
        routes = [self.env["mail.thread"]._route_to_survivor(r) for r in routes]
        return super()._finish_routes(
            message, message_dict, routes, case and case._get_survivor()
        )

    def message_post(self, **kwargs):
        self.ensure_one()
        # sudo: customers do not read what became of their case
        survivor = self.sudo()._get_survivor()
        if survivor.id != self.id and kwargs.get("message_type") in (
            "comment",
            "email",
        ):
            if self.env.user._is_internal():
                survivor = survivor.sudo(self.env.su)
            return survivor.message_post(**kwargs)
        return super().message_post(**kwargs)

    def action_view_survivor(self):
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "res_model": "crm.case",
            "res_id": self.merged_into_id.id,
            "views": [(False, "form")],
        }

    # ------------------------------------------------------------
    # Merging
    # ------------------------------------------------------------

    def action_merge(self):
        action = self.env["ir.actions.actions"]._for_xml_id(
            "crm_helpdesk.crm_case_merge_action"
        )
        action["context"] = {"default_case_ids": self.ids}
        return action

    def _check_mergeable(self, target):
        """Refuse what would lose or leak something, and say why."""
        cases = self | target
        if len(cases) < 2:
            raise UserError(self.env._("Choose at least two cases to merge."))
        cases.check_access("write")
        merged = cases.sudo().filtered("merged_into_id")
        if merged:
            raise UserError(
                self.env._(
                    "%(case)s was merged already, into %(survivor)s.",
                    case=merged[0].number,
                    survivor=merged[0].merged_into_id.display_name,
                )
            )
        if len(cases.company_id) > 1:
            raise UserError(
                self.env._("Cases of different companies cannot be merged.")
            )
        if len(cases.commercial_partner_id) > 1:
            raise UserError(
                self.env._(
                    "Cases of different customers cannot be merged (%s): each would "
                    "read what the other wrote. Make them related, or incidents of "
                    "one problem.",
                    cases.commercial_partner_id.mapped("display_name"),
                )
            )
        if target.stage_category in DONE and any(
            case.stage_category not in DONE for case in self
        ):
            raise UserError(
                self.env._(
                    "%s is over. Reopen it first, or let an open case live on.",
                    target.display_name,
                )
            )

    def _merge(self, target):
        """Merge these cases into ``target``.

        :raise UserError: they cannot be merged; see ``_check_mergeable``
        """
        cases = self - target
        cases._check_mergeable(target)
        (cases | target).lock_for_update()
        # sudo: whose cases may be written was checked; rows that hang on them follow
        cases, target = cases.sudo(), target.sudo()
        cases = cases.with_context(crm_helpdesk_merge=True)
        told = {case: cases._describe_merged(case) for case in cases}
        cases._merge_clocks(target)
        moved = cases._merge_thread(target)
        cases._merge_family(target)
        cases._merge_rows(target)
        cases._merge_values(target)
        cases._merge_close(target)
        for case, text in told.items():
            target._message_log(
                body=Markup("<p>%s</p>%s")
                % (
                    self.env._(
                        "%(case)s was merged into this case, with %(messages)s "
                        "messages and %(files)s files.",
                        case=case._get_html_link(),
                        messages=moved["messages"].get(case.id, 0),
                        files=moved["files"].get(case.id, 0),
                    ),
                    text,
                )
            )
            case._message_log(
                body=Markup("<p>%s</p>")
                % self.env._(
                    "Merged into %(case)s. What was said here is there, and whatever "
                    "comes for this case goes there.",
                    case=target._get_html_link(),
                )
            )

    @api.model
    def _describe_merged(self, case):
        """What would be read on the merged case only, for the other one's history."""
        parts = [
            Markup("<li>%s: %s</li>") % (label, value)
            for label, value in (
                (self.env._("Subject"), case.name),
                (self.env._("Customer"), case.partner_id.display_name),
                (self.env._("Stage"), case.stage_id.name),
                (self.env._("Assignee"), case.user_id.name),
                (self.env._("Opened"), fields.Datetime.to_string(case.date_opened)),
            )
            if value
        ]
        text = Markup("<ul>%s</ul>") % Markup().join(parts)
        return text + (case.description or Markup())

    def _merge_clocks(self, target):
        """For each kind the earliest open promise holds: it moves, with its ledger."""
        Clock = self._sla_clocks()
        now = fields.Datetime.now()
        last = {}
        for clock in Clock.search(
            [("res_model", "=", self._name), ("res_id", "=", target.id)]
        ):
            last[clock.kind] = max(last.get(clock.kind, 0), clock.occurrence)
        taken = Clock
        for kind, clocks in Clock._search_open(self | target).grouped("kind").items():
            best = min(
                clocks,
                key=lambda clock: (
                    not clock.date_due,
                    bool(clock.date_paused),
                    clock.date_due or clock.date_start,
                    clock.res_id != target.id,
                    clock.id,
                ),
            )
            if best.res_id == target.id:
                continue
            target._sla_cancel(kind, now)
            best._write_rows(
                [
                    {
                        "id": best.id,
                        "res_id": target.id,
                        "occurrence": last.get(kind, 0) + 1,
                        "user_id": target.user_id.id or None,
                    }
                ],
                "res_id",
                "occurrence",
                "user_id",
            )
            taken += best
        Clock.invalidate_model(["res_id"])
        self._sla_cancel(None, now)
        Clock._refresh_records(self | target)
        if taken:
            # as the stage of the case says that they now belong to
            if target.stage_category in WAITING:
                target._pause_clocks(now)
            else:
                target._sla_resume(date=now)

    def _merge_thread(self, target):
        """Move what was said, files, activities and followers; tell how much."""
        domain = [("model", "=", self._name), ("res_id", "in", self.ids)]
        Message = self.env["mail.message"]
        messages = Message.search([*domain, ("message_type", "in", MOVED_MESSAGES)])
        files = self.env["ir.attachment"].search(
            [
                ("res_model", "=", self._name),
                ("res_id", "in", self.ids),
                ("res_field", "=", False),
            ]
        )
        moved = {
            "messages": {
                res_id: len(found)
                for res_id, found in messages.grouped("res_id").items()
            },
            "files": {
                res_id: len(found) for res_id, found in files.grouped("res_id").items()
            },
        }
        messages.write({"res_id": target.id})
        files.write({"res_id": target.id})
        scheduled = self.env["mail.scheduled.message"].search(domain)
        if scheduled:
            # SQL: nobody may move them, so that nobody writes where he may not; who
            # wrote them may write to the case that goes on
            self.env.cr.execute(
                SQL(
                    "UPDATE mail_scheduled_message SET res_id = %s WHERE id = ANY(%s)",
                    target.id,
                    scheduled.ids,
                )
            )
            scheduled.invalidate_recordset(["res_id"])
        activities = self.env["mail.activity"].search(
            [("res_model", "=", self._name), ("res_id", "in", self.ids)]
        )
        activities.write({"res_id": target.id})
        # who wrote is answered, also when somebody else of his company is the customer
        (self | target).invalidate_recordset(
            ["message_ids", "website_message_ids", "activity_ids"]
        )
        self._merge_participants(target)
        people = self.message_partner_ids | self.partner_id
        target.message_subscribe(partner_ids=(people - target.partner_id).ids)
        return moved

    def _merge_participants(self, target):
        """Who took part in one takes part in the other. Customers of merged cases are
        told what comes; what they see on the portal an agent decides."""
        Participant = self.env["crm.case.participant"].sudo()
        there = Participant.search([("case_id", "=", target.id)])
        emails = {target.email_normalized, *there.mapped("email")}
        partners = target.partner_id | there.partner_id
        wanted = [
            {
                "partner_id": case.partner_id.id,
                "name": case.partner_name,
                "email": case.email_normalized,
                "role": "informed",
            }
            for case in self
        ] + [
            {
                "partner_id": person.partner_id.id,
                "name": person.name,
                "email": person.email,
                "role": person.role,
            }
            for person in Participant.search([("case_id", "in", self.ids)])
        ]
        vals_list = []
        for vals in wanted:
            if not vals["email"] or vals["email"] in emails:
                continue
            if vals["partner_id"] in partners.ids:
                continue
            emails.add(vals["email"])
            vals_list.append({**vals, "case_id": target.id})
        Participant.create(vals_list)

    def _merge_family(self, target):
        # the one that lives on may be a part or an incident of one that ends
        if target.parent_id in self:
            target.parent_id = (target.parent_id.parent_id - self - target)[:1]
        if target.problem_id in self:
            target.problem_id = False
        (self.child_ids - self - target).parent_id = target
        (self.incident_ids - self - target).problem_id = target
        self.merged_ids.merged_into_id = target
        related = self.related_ids - self - target
        if related:
            target.linked_ids = [
                Command.link(case.id) for case in related - target.related_ids
            ]

    @api.model
    def _get_merge_kept_models(self):
        """Hook: models whose rows tell what happened to the merged case itself, and so
        stay with it.
        """
        return {
            "crm.case.participant",
            "crm.case.promise.time",
            "crm.case.stage.history",
        }

    def _merge_rows(self, target):
        """What refers to the merged cases refers to the one that lives on."""
        kept = self._get_merge_kept_models()
        for name, Model in self.env.registry.items():
            if name == self._name or name in kept or Model._abstract or not Model._auto:
                continue
            if Model._transient:
                continue
            for fname, field in Model._fields.items():
                if (
                    field.type != "many2one"
                    or field.comodel_name != self._name
                    or not field.store
                    or field.compute
                    or field.related
                ):
                    continue
                rows = (
                    self.env[name]
                    .sudo()
                    .with_context(active_test=False)
                    .search([(fname, "in", self.ids)])
                )
                if rows:
                    self._merge_model_rows(rows, fname, target)

    def _merge_model_rows(self, rows, fname, target):
        """Hook: move ``rows`` of one model to ``target``; what it has already, stays
        where it is."""
        try:
            with self.env.cr.savepoint(), mute_logger("odoo.sql_db"):
                rows[fname] = target
            return
        except IntegrityError:
            rows.invalidate_recordset()
        for row in rows:
            try:
                with self.env.cr.savepoint(), mute_logger("odoo.sql_db"):
                    row[fname] = target
            except IntegrityError:
                # the same row is there: one is enough
                row.invalidate_recordset()

    @api.model
    def _get_merge_filled_fields(self):
        """Hook: fields that the case that lives on takes over where it has none."""
        return [
            "partner_id",
            "partner_name",
            "partner_email",
            "user_id",
            "category_id",
            "type_id",
            "impact",
            "urgency",
            "sale_order_id",
            "lead_id",
            "problem_id",
            "description",
        ]

    def _merge_values(self, target):
        values = {}
        for fname in self._get_merge_filled_fields():
            if fname in target._fields and not target[fname]:
                found = self.filtered(fname).sorted("id")[:1]
                # never into itself
                if found and not (fname == "problem_id" and found[fname] == target):
                    values[fname] = target._fields[fname].convert_to_write(
                        found[fname], target
                    )
        highest = max(self, key=lambda case: case.priority)
        if highest.priority > target.priority:
            values["priority"] = highest.priority
            values["is_priority_manual"] = True
        tags = self.tag_ids - target.tag_ids
        if tags:
            values["tag_ids"] = [Command.link(tag.id) for tag in tags]
        copied = [
            email.strip()
            for case in target + self
            for email in (case.email_cc or "").split(",")
            if email.strip()
        ]
        if copied:
            values["email_cc"] = ", ".join(dict.fromkeys(copied))
        if values:
            target.write(values)

    def _merge_close(self, target):
        self.write(
            {
                "merged_into_id": target.id,
                "date_merged": self.env.cr.now(),
                "is_rating_due": False,
                "snooze_until": False,
            }
        )
        self._resolve_by_itself("crm_helpdesk.crm_case_resolution_duplicate")
        alive = self.filtered(lambda case: case.stage_category not in DONE)
        if alive:
            first = self.env["crm.case.stage"]._find_first(alive.team_id, "closed")
            closable = alive.filtered(lambda case: first[case.team_id])
            closable._set_category("closed")
            (alive - closable)._set_category("solved")

    # ------------------------------------------------------------
    # What a merged case does not do
    # ------------------------------------------------------------

    def _request_rating(self):
        """The customer is asked about the case that lives on, once."""
        # sudo: customers close their cases, too
        merged = self.sudo().filtered("merged_into_id")
        return super(CrmCase, self - merged.sudo(self.env.su))._request_rating()

    def _track_template(self, changes):
        result = super()._track_template(changes)
        # sudo: whoever moved the case
        if self[:1].sudo().merged_into_id:
            result.pop("stage_id", None)
        return result

    def _on_customer_message(self):
        # sudo: customers do not read it; what they write goes to the other case
        if not self.sudo().merged_into_id:
            super()._on_customer_message()
