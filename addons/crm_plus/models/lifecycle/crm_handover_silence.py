from datetime import timedelta

from odoo import api, fields, models
from odoo.fields import Domain

from ...tools.collision import try_again

# hand-overs of one transaction of the scheduler
BATCH_SIZE = 200
# moments handed to the scheduler at once; each run asks for the next one
TRIGGERS_MAX = 50


# one file a capability
# pylint: disable=consider-merging-classes-inherited
class CrmHandover(models.Model):
    """What becomes of hand-overs that nobody answers in time."""

    _inherit = "crm.handover"

    @api.model
    def _wake(self, moments):
        """Have the scheduler come at these moments."""
        # an administrator may have deleted it: then nothing expires
        cron = self.env.ref("crm_plus.ir_cron_expire_handovers", False)
        if cron and moments:
            moments = {
                moment.replace(second=0) + timedelta(minutes=bool(moment.second))
                for moment in moments
            }
            # sudo: whoever hands over wakes the job at the due minute, no more
            cron.sudo()._trigger(sorted(moments)[:TRIGGERS_MAX])

    @api.model
    def _cron_expire(self, batch_size=BATCH_SIZE):
        """Close what nobody answered in time; one batch."""
        progress = try_again(self.env, lambda: self._expire_due(batch_size))
        if progress is None:
            self._wake([fields.Datetime.now() + timedelta(minutes=1)])
        done, remaining = progress or (0, 0)
        self.env["ir.cron"]._commit_progress(done, remaining=remaining)

    @api.model
    def _expire_due(self, batch_size):
        """Return how many were looked at, and how many are left."""
        domain = Domain("state", "=", "open") & Domain(
            "date_due", "<=", fields.Datetime.now()
        )
        found = self.search(domain, limit=batch_size, order="date_due, id")
        handovers = found.try_lock_for_update().filtered_domain(domain)
        # a clock that was planned again moves the due date
        dues = handovers._get_clock_dues()
        for handover in handovers:
            due = dues.get(handover.lead_id.id)
            if due and due > handover.date_due:
                handover.date_due = due
        handovers.filtered_domain(domain)._expire()
        remaining = self.search_count(domain) if handovers else 0
        following = self.search([("state", "=", "open")], limit=1, order="date_due")
        self._wake(following.mapped("date_due"))
        return len(handovers), remaining

    def _expire(self):
        """Silence: back to who handed it over, or to the leader of the team."""
        if not self:
            return
        self._close("expired")
        message = self.env._("Hand-over not answered in time")
        self.lead_id._message_log_batch(dict.fromkeys(self.lead_id.ids, message))
        to_leader = self.filtered(
            lambda h: h.to_team_id.handover_silence == "leader" and h.to_team_id.user_id
        )
        for leader, handovers in to_leader.grouped(
            lambda h: h.to_team_id.user_id
        ).items():
            handovers.lead_id.user_id = leader
        self._create_activities(
            [
                {
                    "res_id": handover.lead_id.id,
                    "user_id": handover.to_team_id.user_id.id,
                    "summary": self.env._(
                        "%(to)s did not answer the hand-over of %(by)s",
                        to=handover._get_addressee_name(),
                        by=handover.from_user_id.name,
                    ),
                    "date_deadline": fields.Date.context_today(
                        handover.with_context(tz=handover.to_team_id.user_id.tz)
                    ),
                }
                for handover in to_leader
            ]
        )
        (self - to_leader)._give_back(message)
