from odoo import api, fields, models
from odoo.exceptions import AccessError

from ...tools.protected import given_fields


class CrmLifecycleMixin(models.AbstractModel):
    """Where a lead or customer stands. Written by SQL, from the lifecycle's events:
    it is derived, so ``write_date`` and the chatter do not change with it.
    """

    _name = "crm.lifecycle.mixin"
    _description = "Lifecycle Mixin"
    _lifecycle_codes = ()

    lifecycle_step_id = fields.Many2one(
        "crm.lifecycle.step",
        readonly=True,
        copy=False,
        # no index: few values, and each change of step would touch all indexes
        ondelete="set null",
    )
    lifecycle_date = fields.Datetime(
        string="In This Step Since", readonly=True, copy=False
    )
    lifecycle_path = fields.Json(
        compute="_compute_lifecycle_path", export_string_translation=False
    )

    @api.depends_context("allowed_company_ids", "uid")
    @api.depends("lifecycle_event_ids", "lifecycle_step_id")
    def _compute_lifecycle_path(self):
        """All steps in order, each with the date it was reached in the present pass.

        Where the record stands is one for all companies; how it got there is told as
        far as the reader works for the companies in which it happened.
        """
        # sudo: the steps are the same for everybody
        steps = self.env["crm.lifecycle.step"].sudo().search([])
        steps = steps.filtered(lambda step: step.code in self._lifecycle_codes)
        companies = self.env.companies
        for record in self:
            # sudo: whoever sees the record sees its steps, also those of sellers it was
            # with before
            events = record.sudo().lifecycle_event_ids.filtered(
                lambda event: event.kind in ("reached", "back")
            )
            if record._name == "crm.lead":
                last = max(events.mapped("cycle"), default=0)
                events = events.filtered(lambda event, last=last: event.cycle == last)
            events = events.filtered(
                lambda event: not event.company_id or event.company_id in companies
            )
            # the first time of each
            dates = {
                event.step_to_id.id: event.date
                for event in events.sorted("date", reverse=True)
            }
            current = record.lifecycle_step_id
            dates[current.id] = record.lifecycle_date
            record.lifecycle_path = [
                {
                    "id": step.id,
                    "code": step.code,
                    "name": step.name,
                    "description": step.description or "",
                    "date": fields.Datetime.to_string(dates.get(step.id)) or False,
                    "state": "current"
                    if step.id == current.id
                    else "done"
                    if step.id in dates and step.sequence < current.sequence
                    else "passed"
                    if step.sequence < current.sequence
                    else "ahead",
                }
                for step in steps
            ]

    @api.model
    def _get_lifecycle_fields(self):
        """Hook: fields that say where a record stands."""
        return ["lifecycle_step_id", "lifecycle_date"]

    @api.model
    def _get_lifecycle_derived_fields(self):
        """Hook: fields that nobody writes by hand."""
        return {*self._get_lifecycle_fields()}

    def _check_lifecycle_untouched(self, vals):
        derived = self._get_lifecycle_derived_fields()
        if not self.env.su and given_fields(self.env, vals) & derived:
            raise AccessError(self.env._("The lifecycle is derived, not written."))

    def action_view_lifecycle(self):
        self.ensure_one()
        action = self.env["ir.actions.actions"]._for_xml_id(
            "crm_plus.crm_lifecycle_event_action"
        )
        action["name"] = self.env._("Lifecycle of %s", self.display_name)
        field = "lead_id" if self._name == "crm.lead" else "commercial_partner_id"
        action["domain"] = [(field, "=", self.id)]
        action["context"] = {}
        return action
