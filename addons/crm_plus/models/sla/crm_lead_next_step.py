from odoo import api, fields, models
from odoo.fields import Domain

KIND = "next_step"
# leads of one transaction: some seconds
START_SIZE = 10_000


# one file a capability
# pylint: disable=consider-merging-classes-inherited
class CrmLead(models.Model):
    """Next step: from one step on an open lead to the next one.

    A step is whatever a person does for it: writing to the customer, a call or meeting,
    any activity that is done. The next one is due on the day of the next planned
    activity; where none is planned, so many working hours after the last step. The
    first step is the first response, which has its own clock.

    Nothing runs as long as no policy promises a next step to any lead.
    """

    _inherit = "crm.lead"

    @api.model
    def _sla_follows_steps(self):
        return not self.env.context.get("crm_plus_skip_sla") and self.env[
            "crm.sla.policy"
        ]._promises(self._name, KIND)

    def _sla_on_human_answer(self, date):
        result = super()._sla_on_human_answer(date)
        self._sla_take_step(date)
        return result

    def _sla_follow_status(self, waiting):
        result = super()._sla_follow_status(waiting)
        back = self.filtered(lambda lead: lead._sla_is_waiting())
        (back - self.browse(lead.id for lead in waiting))._sla_await_step()
        return result

    def _sla_take_step(self, date=None):
        """A step was taken at ``date``: the wait for the next one begins."""
        if self and self._sla_follows_steps():
            date = date or fields.Datetime.now()
            self._sla_stop_step(date)
            self._sla_await_step(date)

    def _sla_stop_step(self, date):
        """Stop the wait of those that waited before ``date``."""
        if self:
            clocks = self._sla_clocks()._search_open(self, [KIND])
            waited = clocks.filtered(lambda clock: clock.date_start < date)
            self.browse(waited.mapped("res_id"))._sla_stop(KIND, date)

    def _sla_await_step(self, date=None):
        leads = self.filtered(lambda lead: lead._sla_is_waiting())
        if leads and self._sla_follows_steps():
            self._sla_clocks()._start(
                leads, [KIND], date or fields.Datetime.now(), leads._sla_get_planned()
            )

    @api.model
    def _sla_start_missing(self, companies):
        """Open leads that wait for nothing else are promised a next step from now."""
        super()._sla_start_missing(companies)
        if self._sla_follows_steps():
            running = Domain("date_stop", "=", False) & Domain(
                "kind", "in", ["first_response", KIND]
            )
            self.search(
                Domain("won_status", "=", "pending")
                & Domain("company_id", "in", [*companies.ids, False])
                & ~Domain("sla_clock_ids", "any", running),
                limit=START_SIZE,
                order="id desc",
            )._sla_await_step()

    def _sla_plan_step(self):
        """The planned activities of these leads have changed."""
        leads = self.exists().filtered(lambda lead: lead._sla_is_waiting())
        if not leads:
            return
        planned = leads._sla_get_planned()
        clocks = self._sla_clocks()._search_open(leads, [KIND])
        moved = clocks.filtered(
            lambda clock: (clock.date_planned or None) != planned.get(clock.res_id)
        )
        if moved:
            moved._plan_again(
                self.env._("The planned activities have changed"),
                [{"date_planned": planned.get(clock.res_id)} for clock in moved],
            )
        known = set(clocks.mapped("res_id"))
        leads.filtered(
            lambda lead: lead.id in planned and lead.id not in known
        )._sla_await_step()

    def _sla_get_planned(self):
        """``{lead id: day}`` of the next planned activity, alerts of clocks aside."""
        return dict(
            self.env["mail.activity"]
            .sudo()  # whoever of us has planned it
            ._read_group(
                [
                    ("res_model", "=", self._name),
                    ("res_id", "in", self.ids),
                    ("sla_clock_id", "=", False),
                ],
                ["res_id"],
                ["date_deadline:min"],
            )
        )
