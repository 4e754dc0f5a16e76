from odoo import api, models
from odoo.exceptions import UserError

from ...tools.lazy_label import translate
from ...tools.step_kind import FAMILIES
from .crm_campaign_step import ONE_VERSION


class CrmCampaign(models.Model):
    """The journey as the web client draws it, and what is done on the drawing.

    A way out of a step is known by a key, see ``crm.campaign.step._get_canvas_ways``.
    """

    _inherit = "crm.campaign"

    # ------------------------------------------------------------
    # What is drawn
    # ------------------------------------------------------------

    @api.readonly
    def get_canvas(self):
        """All that the canvas shows of one campaign.

        The number of queries does not grow with the number of steps.
        """
        self.ensure_one()
        self.check_access("read")
        steps = self.step_ids
        can_write = self.has_access("write") and steps.has_access("write")
        # see ``crm.campaign.step._check_not_running``
        is_open = self.state != "running" and not self.draft_ids
        return {
            "id": self.id,
            "state": self.state,
            "can_write": can_write,
            "can_edit": can_write and is_open,
            "hint": self._get_canvas_hint() if can_write else "",
            "start": {
                **self._get_canvas_start(),
                "running": self.running_count,
                "done": self.done_count,
                "exited": self.exited_count,
                "failed": self.failed_count,
            },
            "kinds": self.env["crm.campaign.step"]._get_canvas_kinds(),
            "steps": [step._get_canvas_values(can_write and is_open) for step in steps],
        }

    def _get_canvas_hint(self):
        """What one should know of this drawing, in plain words; empty if it is said
        by what is drawn."""
        if self.state != "stopped":
            return ""
        if self.draft_ids:
            return self.env._(
                "Stopped, and its next version is being drawn: change the steps there, "
                "or discard it first."
            )
        if not self.running_count:
            return ""
        return self.env._(
            "Stopped, with %s people inside, who keep their place. A step that you add "
            "where they have passed reaches them when it starts again.",
            self.running_count,
        )

    def _get_canvas_start(self):
        """Who enters, in plain words."""
        entry = self._get_entry()
        label = translate(self.env, entry.label)
        name = entry.get_text()
        if entry.code.startswith("segment"):
            # sudo: whoever sees the campaign may know who enters
            name = self.sudo().segment_id.name
        return {"name": name or label, "label": label, "icon": entry.icon}

    # ------------------------------------------------------------
    # What is done on it
    # ------------------------------------------------------------

    def canvas_move(self, step_id, parent_id, way):
        """Move a step, with all that comes after it, to a way out of another.

        What was there already comes after the moved steps, on their usual way.

        :param parent_id: step, or ``False``: the way in
        :param way: key of the way out of it
        """
        self.ensure_one()
        step = self._get_canvas_step(step_id)
        parent = self._get_canvas_step(parent_id)
        place = parent._get_canvas_place(way)
        if parent in step._get_canvas_after():
            raise UserError(
                self.env._(
                    "“%(step)s” cannot come after “%(parent)s”, which comes after it.",
                    step=step.name,
                    parent=parent.name,
                )
            )
        followers = self._get_canvas_children(parent, place) - step
        if step.parent_id == parent and step._get_canvas_position() == place:
            return
        step.write({"parent_id": parent.id, **place})
        step._get_canvas_last()._canvas_lead_on(followers)

    def canvas_remove(self, step_id, keep=False):
        """Delete a step; those after it too, but for those of one of its ways, which
        move up to its place.

        :param keep: key of that way, or ``False``: all go
        """
        self.ensure_one()
        step = self._get_canvas_step(step_id)
        kept = step.browse()
        if keep:
            kept = self._get_canvas_children(step, step._get_canvas_place(keep))
        gone = step._get_canvas_after() - kept._get_canvas_after()
        kept.write({"parent_id": step.parent_id.id, **step._get_canvas_position()})
        gone.unlink()

    def _get_canvas_step(self, step_id):
        """A step of this campaign, empty for ``False``; deleted or foreign is said."""
        step = self.env["crm.campaign.step"].browse(step_id or [])
        if step - self.step_ids:
            raise UserError(
                self.env._("This step is not there any more: someone has deleted it.")
            )
        return step

    def _get_canvas_children(self, parent, place):
        return self.step_ids.filtered(
            lambda step: (
                step.parent_id == parent and step._get_canvas_position() == place
            )
        )


class CrmCampaignVersion(models.Model):
    """Each version is drawn as the journey is, and nothing is done on its drawing."""

    _inherit = "crm.campaign.version"

    @api.readonly
    def get_canvas(self):
        """As that of a campaign, with the steps and the people of this version."""
        self.ensure_one()
        self.check_access("read")
        campaign = self.campaign_id
        return {
            "id": self.id,
            "state": "draft" if self.state == "draft" else campaign.state,
            "can_write": False,
            "can_edit": False,
            "hint": self._get_canvas_hint(),
            "start": {**campaign._get_canvas_start(), **self._get_canvas_people()},
            "kinds": self.env["crm.campaign.step"]._get_canvas_kinds(),
            "steps": [
                # a mail of an earlier version is history too
                {**step._get_canvas_values(False), "can_design": False}
                for step in self.step_ids.with_context(**{ONE_VERSION: True})
            ],
        }

    def _get_canvas_hint(self):
        return {
            "draft": self.env._("Being drawn: nobody goes through it yet."),
            "current": self.env._("The current version: whoever enters goes so."),
            "retired": self.env._("An earlier version, as it was: it is history."),
        }[self.state]

    def _get_canvas_people(self):
        """What has become of those who are, or were last, in this version."""
        counts = dict.fromkeys(("running", "done", "exited", "failed"), 0)
        counts.update(
            self.env["crm.campaign.participant"]._read_group(
                [
                    ("campaign_id", "=", self.campaign_id.id),
                    ("version_id", "=", self.id),
                    ("state", "in", list(counts)),
                ],
                ["state"],
                ["__count"],
            )
        )
        return counts


class CrmCampaignStep(models.Model):
    _inherit = "crm.campaign.step"

    @api.model_create_multi
    def create(self, vals_list):
        """Under ``crm_campaigns_insert`` in the context, what has been where a new step
        is put comes after it.
        """
        steps = super().create(vals_list)
        if self.env.context.get("crm_campaigns_insert"):
            for step in steps:
                # few steps; each has a place of its own
                siblings = step.campaign_id._get_canvas_children(
                    step.parent_id, step._get_canvas_position()
                )
                step._canvas_lead_on(siblings - steps)
        return steps

    # ------------------------------------------------------------
    # What is drawn
    # ------------------------------------------------------------

    @api.model
    def _get_canvas_kinds(self):
        """The kinds to choose from, in the order in which people see them.

        ``name`` is what a new step is called; the name of a mail is its subject as long
        as it has no other, so people have to say it.
        """
        return [
            {
                "kind": code,
                "label": translate(self.env, kind.label),
                "name": "" if code == "mail" else translate(self.env, kind.label),
                "icon": kind.icon,
                "family": kind.family,
                "family_label": translate(self.env, FAMILIES[kind.family]),
            }
            for code, kind in self._get_kind_classes().items()
        ]

    def _get_canvas_values(self, with_problems):
        self.ensure_one()
        return {
            "id": self.id,
            "parent_id": self.parent_id.id,
            "way": self._get_canvas_key(**self._get_canvas_position()),
            "kind": self.kind,
            "name": self.name,
            "text": self._get_kind().get_text(),
            "waiting": self.waiting_count,
            "done": self.done_count,
            "skipped": self.skipped_count,
            "failed": self.failed_count,
            "problems": self._get_problems() if with_problems else [],
            "ways": self._get_canvas_ways(),
            "can_design": self.kind == "mail"
            and self.env.user.has_group("mass_mailing.group_mass_mailing_user"),
        }

    # ------------------------------------------------------------
    # Places in the tree
    # ------------------------------------------------------------

    def _get_canvas_ways(self):
        """The ways out, the usual one first: ``{key, label, values}``; the values are
        the fields of a step on that way.
        """
        self.ensure_one()
        kind = self._get_kind()
        if kind.is_end:
            return []
        return [
            {
                "key": self._get_canvas_key(code, way.id),
                "label": label,
                "values": {"branch": code, "way_id": way.id},
            }
            for code, way, label in kind.get_ways()
        ]

    def _get_canvas_position(self):
        """Fields, with their values, that say on which way out of its parent it is."""
        self.ensure_one()
        return {"branch": self.branch, "way_id": self.way_id.id}

    @api.model
    def _get_canvas_key(self, branch, way_id):
        return f"way-{way_id}" if way_id else branch

    def _get_canvas_place(self, key):
        """Position of a step on a way out of this one; of the way in, if empty."""
        if not self:
            return {"branch": "next", "way_id": False}
        for way in self._get_canvas_ways():
            if way["key"] == key:
                return way["values"]
        raise UserError(
            self.env._("“%s” has not this way out any more: load it again.", self.name)
        )

    def _get_canvas_after(self):
        """These steps and all that come after them."""
        found = steps = self
        while steps:
            steps = steps.child_ids
            found |= steps
        return found

    def _get_canvas_last(self):
        """The end of the usual way from here."""
        self.ensure_one()
        last = self
        while ways := last._get_canvas_ways():
            children = self.campaign_id._get_canvas_children(last, ways[0]["values"])
            if not children:
                break
            last = children[0]
        return last

    def _canvas_lead_on(self, followers):
        """Let others come after this step, on its usual way."""
        self.ensure_one()
        if not followers:
            return
        ways = self._get_canvas_ways()
        if not ways:
            raise UserError(
                self.env._(
                    "“%(step)s” does not lead on: put it where “%(follower)s” does not "
                    "follow.",
                    step=self.name,
                    follower=followers[0].name,
                )
            )
        followers.write({"parent_id": self.id, **ways[0]["values"]})
