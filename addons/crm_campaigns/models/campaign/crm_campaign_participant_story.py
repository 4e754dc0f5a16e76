from odoo import models
from odoo.fields import Domain
from odoo.tools import SQL, format_datetime


class CrmCampaignParticipant(models.Model):
    """The story of one person: besides what the steps tell, why somebody entered, was
    held out or put off, reached what the campaign is for, and what comes next.
    """

    _inherit = "crm.campaign.participant"

    def _get_journey_events(self):
        events = super()._get_journey_events()
        entered = next((event for event in events if event.get("is_entry")), None)
        if entered and (why := self._get_entry_text()):
            entered["text"] = self.env._("Entered the campaign: %s", why)
        events += [
            *self._get_held_out_events(),
            *self._get_put_off_events(),
            *self._get_success_events(),
        ]
        return sorted(events, key=lambda event: (event["date"], event.get("order", 0)))

    # ------------------------------------------------------------
    # Why they are in it
    # ------------------------------------------------------------

    def _get_entry_text(self):
        """What let them enter; empty if nobody knows."""
        self.ensure_one()
        campaign = self.campaign_id
        if (self.event or "").startswith("hand"):
            return self.env._("put in by hand")
        labels = dict(campaign._fields["entry"]._description_selection(self.env))
        label = labels.get(campaign.entry, "")
        if campaign.segment_id and campaign.entry.startswith("segment"):
            # sudo: the name of the segment that they know is in it
            return f"{label} “{campaign.sudo().segment_id.name}”"
        if self.is_forgotten:
            return label  # what happened may name them
        if campaign.entry == "touchpoint" and (self.event or "").isdecimal():
            # sudo: what let them enter, for whoever may see the journey
            touchpoint = self.env["crm.touchpoint"].sudo().browse(int(self.event))
            return touchpoint.exists().display_name or label
        if campaign.entry in ("stage", "score"):
            text = campaign._get_entry().get_text()
            return f"{label}: {text}" if text else label
        return label

    def _get_held_out_events(self):
        if self.state != "held_out":
            return []
        return [
            {
                "date": self.date_entered,
                "order": 0,
                "icon": "fa-pause-circle-o text-info",
                "text": self.env._(
                    "Held out: gets nothing, and is compared with those who do"
                ),
            }
        ]

    # ------------------------------------------------------------
    # What the contact policy said
    # ------------------------------------------------------------

    def _get_put_off_events(self):
        """When a mail was put off first, how often, and why; also of mails that have
        left meanwhile.
        """
        # sudo: the decisions on this very journey
        decisions = (
            self.env["crm.contact.decision"]
            .sudo()
            .search(
                Domain("origin_model", "=", "crm.campaign.step")
                & Domain("origin_id", "in", self.task_ids.step_id.ids)
                & Domain("res_model", "=", self.res_model)
                & Domain("res_id", "=", self.res_id)
                & Domain("deferral_count", ">", 0)
                & Domain("date_first", ">=", self.date_entered)
            )
        )
        names = {step.id: step.name for step in self.task_ids.step_id}
        events = []
        for decision in decisions:
            text = self.env._("%s · put off", names[decision.origin_id])
            if decision.deferral_count > 1:
                text = self.env._(
                    "%(step)s · put off %(times)s times, last on %(date)s",
                    step=names[decision.origin_id],
                    times=decision.deferral_count,
                    date=format_datetime(self.env, decision.date, dt_format="short"),
                )
            if decision.outcome != "send" and decision.words:
                text = f"{text}: {decision.words}"
            events.append(
                {
                    "date": decision.date_first,
                    "order": 0.5,
                    "icon": "fa-hourglass-half text-warning",
                    "text": text,
                }
            )
        return events

    # ------------------------------------------------------------
    # What comes next
    # ------------------------------------------------------------

    def _get_next_cells(self):
        """Cells of the panel: the step that comes next, and when; in one query."""
        Task = self.env["crm.campaign.task"]
        Task.flush_model(["date_planned", "participant_id", "state", "step_id"])
        self.env["crm.campaign.step"].flush_model(["name"])
        rows = self.env.execute_query(
            SQL(
                """
                SELECT DISTINCT ON (k.participant_id)
                       k.participant_id, s.name, k.date_planned
                  FROM crm_campaign_task k
                  JOIN crm_campaign_step s ON s.id = k.step_id
                 WHERE k.participant_id = ANY(%s)
                   AND k.state IN ('planned', 'reserved', 'sending')
              ORDER BY k.participant_id, k.date_planned, k.id
                """,
                self.ids,
            )
        )
        return {participant_id: {"next": ""} for participant_id in self.ids} | {
            participant_id: {
                "next": self.env._(
                    "%(step)s, %(date)s",
                    step=name,
                    date=format_datetime(self.env, date, dt_format="short"),
                )
            }
            for participant_id, name, date in rows
        }

    # ------------------------------------------------------------
    # What the campaign is for
    # ------------------------------------------------------------

    def _get_people_domain(self):
        """Touchpoints of the lead, or of the customer."""
        domain = Domain.FALSE
        if self.lead_id:
            domain |= Domain("lead_id", "=", self.lead_id.id)
        # sudo: as in the reports, whoever sees the journey may see whose it is
        partner_sudo = self.partner_id.sudo() or self.lead_id.sudo().partner_id
        if partner_sudo:
            domain |= Domain(
                "commercial_partner_id", "=", partner_sudo.commercial_partner_id.id
            )
        return domain

    def _get_success_events(self):
        rows = self.env["crm.campaign.result.report"].search_fetch(
            [("id", "=", self.id), ("campaign_id", "=", self.campaign_id.id)],
            ["date_reached"],
        )
        date = rows.date_reached
        if not date:
            return []
        # sudo: which one it was; its amount is not told
        touchpoint = (
            self.env["crm.touchpoint"]
            .sudo()
            .search(
                Domain("date", "=", date)
                & Domain("kind_id", "in", self.campaign_id.result_kind_ids.ids)
                & self._get_people_domain(),
                limit=1,
            )
        )
        return [
            {
                "date": date,
                "order": 0.5,
                "icon": "fa-trophy text-success",
                "text": self.env._("Success: %s", touchpoint.display_name or ""),
            }
        ]

    def _get_exit_event_text(self):
        """What has happened that ended it."""
        if self.exit_reason != "event" or not self.date_left:
            return ""
        # sudo: which one it was; its amount is not told
        touchpoint = (
            self.env["crm.touchpoint"]
            .sudo()
            .search(
                Domain("kind_id", "in", self.campaign_id.exit_kind_ids.ids)
                & Domain("date", "<=", self.date_left)
                & Domain("date", ">=", self.date_entered)
                & self._get_people_domain(),
                order="date desc, id desc",
                limit=1,
            )
        )
        return touchpoint.display_name or ""
