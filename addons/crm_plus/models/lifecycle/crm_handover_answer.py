from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError

from ..sla.crm_sla_target import KINDS as CLOCK_KINDS
from .crm_handover import CLOCK


# one file a capability
# pylint: disable=consider-merging-classes-inherited
class CrmHandover(models.Model):
    """What ends a hand-over by a person: accepted, refused, withdrawn."""

    _inherit = "crm.handover"

    def _take(self, state):
        """Lock these hand-overs; return in sudo those that are to become ``state``.

        Those that are it already are left out: asking twice does nothing.
        """
        self.lock_for_update()
        closed = self.filtered(lambda h: h.state not in ("open", state))
        if closed:
            states = dict(self._fields["state"]._description_selection(self.env))
            raise UserError(
                self.env._(
                    "The hand-over of “%(lead)s” is no longer open: %(state)s.",
                    # sudo: the name of a lead that has left the user's sight
                    lead=closed[0].sudo().lead_id.display_name,
                    state=states[closed[0].state],
                )
            )
        # sudo: rows are written by these methods only
        return self.filtered(lambda h: h.state == "open").sudo()

    def _check_addressee_is_user(self):
        self.check_access("read")
        if not self.env.su and not all(
            handover._is_addressee(self.env.user) for handover in self
        ):
            raise AccessError(
                self.env._(
                    "Only the addressee, the leader of the team or an administrator "
                    "answers a hand-over."
                )
            )

    def _close(self, state, **values):
        """Close these (open, in sudo), and what waited for the answer."""
        now = fields.Datetime.now()
        rated = state in ("accepted", "refused", "expired")
        for handover in self:  # written together when flushed
            handover.write(
                {
                    "state": state,
                    "date_done": now,
                    "hours_waited": (now - handover.date).total_seconds() / 3600,
                    **values,
                }
            )
        self.activity_id.unlink()
        self._store_on_leads()
        if CLOCK in dict(CLOCK_KINDS):
            if state == "expired":
                # silence is late, also when the scheduler comes within the very second
                self.lead_id._sla_stop(CLOCK, now + timedelta(seconds=1))
            elif rated:
                self.lead_id._sla_stop(CLOCK)
            else:
                self.lead_id._sla_cancel(CLOCK)

    def action_accept(self):
        """The lead is the addressee's: step *accepted*, and the owner is set."""
        self._check_addressee_is_user()
        taken = self._take("accepted")
        if not taken:
            return True
        taken._close("accepted", answered_by_id=self.env.uid)
        for owner, handovers in taken.grouped(
            lambda h: (h.to_user_id or self.env.user, h.to_team_id)
        ).items():
            user, team = owner
            values = {"user_id": user.id}
            if team:
                values["team_id"] = team.id
            handovers.lead_id.write(values)
        taken.env["crm.lifecycle.event"]._reach(taken.lead_id, "mal", "handover")
        taken.lead_id._message_log_batch(
            dict.fromkeys(
                taken.lead_id.ids,
                self.env._("Hand-over accepted by %s", self.env.user.name),
            ),
            author_id=self.env.user.partner_id.id,
        )
        return True

    def action_refuse(self):
        """Ask for the reason."""
        self._check_addressee_is_user()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Refuse the Hand-over"),
            "res_model": "crm.handover.refuse",
            "view_mode": "form",
            "target": "new",
            "context": {"default_handover_ids": self.ids},
        }

    def _refuse(self, reason, note=None):
        """Back to who handed it over, with an activity that says why."""
        self._check_addressee_is_user()
        taken = self._take("refused")
        if not taken:
            return
        taken._close(
            "refused",
            answered_by_id=self.env.uid,
            reason_id=reason.id,
            reason_note=note,
        )
        text = ": ".join(part for part in (reason.name, note) if part)
        taken.env["crm.lifecycle.event"]._note_refused(taken.lead_id, text)
        message = self.env._("Hand-over refused: %s", text)
        taken.lead_id._message_log_batch(
            dict.fromkeys(taken.lead_id.ids, message),
            author_id=self.env.user.partner_id.id,
        )
        taken._give_back(message)

    def _give_back(self, summary):
        """Leads without answer or refused: an activity for who handed them over."""
        self._create_activities(
            [
                {
                    "res_id": handover.lead_id.id,
                    "user_id": handover.from_user_id.id,
                    "summary": summary,
                    "date_deadline": fields.Date.context_today(
                        handover.with_context(tz=handover.from_user_id.tz)
                    ),
                }
                for handover in self
                if handover.from_user_id.active
            ]
        )

    @api.model
    def _create_activities(self, vals_list):
        model_id = self.env["ir.model"]._get_id("crm.lead")
        activity_type = self.env.ref("mail.mail_activity_data_todo")
        return (
            self.env["mail.activity"]
            .with_context(mail_activity_quick_update=True, mail_create_nosubscribe=True)
            .create(
                [
                    {
                        "res_model_id": model_id,
                        "activity_type_id": activity_type.id,
                        "automated": True,
                        **vals,
                    }
                    for vals in vals_list
                ]
            )
        )

    def action_withdraw(self):
        self.check_access("read")
        if not self.env.su and not all(
            handover._is_sender(self.env.user) for handover in self
        ):
            raise AccessError(
                self.env._("Only who handed the lead over takes it back.")
            )
        taken = self._take("withdrawn")
        if taken:
            taken._withdraw(self.env._("Hand-over withdrawn"))
        return True

    def _withdraw(self, message):
        self._close("withdrawn", answered_by_id=self.env.uid)
        self.lead_id._message_log_batch(dict.fromkeys(self.lead_id.ids, message))

    def action_open_lead(self):
        self.ensure_one()
        self.lead_id.check_access("read")
        return self.lead_id.redirect_lead_opportunity_view()
