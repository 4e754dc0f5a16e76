from markupsafe import Markup

from odoo import models

from ..engagement.crm_touchpoint import SENT_KINDS


class CrmCampaignTask(models.Model):
    """How a step is told in the story of a person."""

    _inherit = "crm.campaign.task"

    # ------------------------------------------------------------
    # The story
    # ------------------------------------------------------------

    def _get_journey_events(self):
        """Hook: what happened at this step, see the participant."""
        self.ensure_one()
        name = self.step_id.name
        kind = self.step_id._get_kind()
        date = self.date_done or self.date_planned
        why = f": {self.reason}" if self.reason else ""
        texts = {
            "reserved": self.env._("%(step)s · in progress", step=name),
            "sending": self.env._("%(step)s · being sent", step=name),
            "skipped": self.env._("%(step)s · skipped", step=name) + why,
            "failed": self.env._("%(step)s · failed", step=name) + why,
            "unknown": self.env._("%(step)s · outcome unknown", step=name) + why,
        }
        if self.state == "planned":
            text = self._get_planned_text()
        else:
            text = texts.get(self.state) or self._get_done_text()
        colours = {
            "failed": "text-danger",
            "unknown": "text-warning",
            "skipped": "text-muted",
            "planned": "text-info",
        }
        return [
            {
                "date": date,
                "icon": f"{kind.icon} {colours.get(self.state, 'text-success')}",
                "text": text,
                "order": self.id,
            },
            *self._get_mail_events(),
        ]

    def _get_planned_text(self):
        """What comes next, why not earlier, and what may follow."""
        step = self.step_id
        values = {"step": step.name, "why": self.reason}
        if self.reason and self.attempts:
            text = self.env._("Next: %(step)s · tried again then: %(why)s", **values)
        elif self.reason:
            text = self.env._("Next: %(step)s · put off until then: %(why)s", **values)
        elif waits := self._get_why_text():
            text = self.env._("Next: %(step)s · %(what)s", step=step.name, what=waits)
        else:
            text = self.env._("Next: %s", step.name)
        if step.date_halted:
            text += " " + self.env._("(stands still: too many failed there)")
        if self.campaign_id.state != "running":
            text += " " + self.env._("(the campaign is stopped)")
        if then := self._get_then_text():
            text = f"{text}; {then}"
        return text

    def _get_then_text(self):
        """What follows this step, on each way."""
        ways = self.step_id._get_kind().get_ways()
        parts = []
        for code, way, label in ways:
            steps = self.step_id.child_ids.filtered(
                lambda s, code=code, way=way: s.branch == code and s.way_id == way
            )
            if not steps:
                continue
            names = ", ".join(steps.mapped("name"))
            parts.append(f"{label}: {names}" if len(ways) > 1 else names)
        return self.env._("then %s", "; ".join(parts)) if parts else ""

    def _get_why_text(self):
        """What this step asks for or waits for, in words."""
        return self.step_id._get_kind().get_why_text()

    def _get_done_text(self):
        """What was done, and at a fork why it went that way."""
        kind = self.step_id._get_kind()
        why = self.reason
        if len(kind.get_ways()) > 1 and why in (False, kind.get_way_label(self)):
            why = self._get_why_text()
        return kind.get_done_text(self) + (f": {why}" if why else "")

    def _get_whys(self):
        """``{task id: markup}``: what led here, for whoever is asked to act on it."""
        parent = self.step_id.parent_id
        before = {}
        if parent:
            before = {
                task.participant_id: task._get_done_text()
                for task in self.search(
                    [
                        ("step_id", "=", parent.id),
                        ("participant_id", "in", self.participant_id.ids),
                    ]
                )
            }
        whys = {}
        for task in self:
            text = before.get(task.participant_id)
            whys[task.id] = Markup("<p>%s</p>") % self.env._(
                "Campaign %(campaign)s%(why)s",
                campaign=task.campaign_id.name,
                why=f"; {text}" if text else "",
            )
        return whys

    def _get_mail_events(self):
        """What became of the mail, from the timeline: machines are named as such."""
        # sudo: who may see the journey may see what its mails led to
        trace = self.sudo().trace_id
        if not trace:
            return []
        # of the one mail that this task has sent, which the reader may see
        touchpoints = (
            self.env["crm.touchpoint"]
            .sudo()
            .search(
                [
                    "|",
                    "&",
                    ("res_model", "=", "mailing.trace"),
                    ("res_id", "=", trace.id),
                    "&",
                    ("res_model", "=", "link.tracker.click"),
                    ("res_id", "in", trace.links_click_ids.ids),
                    ("kind_id.code", "not in", SENT_KINDS),
                ]
            )
        )
        return [
            {
                "date": touchpoint.date,
                "icon": f"{touchpoint.icon} text-muted",
                "text": (
                    self.env._("%s (by a machine)", touchpoint.display_name)
                    if touchpoint.is_machine
                    and touchpoint.kind_id.code != "campaign_bounced"
                    else touchpoint.display_name
                ),
                "order": self.id + 0.5,
            }
            for touchpoint in touchpoints
        ]
