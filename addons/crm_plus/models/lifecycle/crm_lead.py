from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError

from .crm_lifecycle_step import LEAD_STEPS


class CrmLead(models.Model):
    _name = "crm.lead"
    _inherit = ["crm.lead", "crm.lifecycle.mixin"]
    _lifecycle_codes = LEAD_STEPS

    lifecycle_cycle = fields.Integer(
        string="Pass",
        readonly=True,
        copy=False,
        aggregator=None,
        help="0 for the first pass through the funnel; one more each time the lead was "
        "sent back to marketing.",
    )
    lifecycle_date_out = fields.Datetime(
        string="Left the Funnel On",
        readonly=True,
        copy=False,
        help="When the lead was lost, or known as junk.",
    )
    lifecycle_event_ids = fields.One2many(
        "crm.lifecycle.event",
        "lead_id",
        string="Lifecycle",
        readonly=True,
        copy=False,
        groups="crm_plus.crm_plus_group_user",
    )

    @api.model
    def _get_lifecycle_fields(self):
        return [
            "lifecycle_step_id",
            "lifecycle_date",
            "lifecycle_cycle",
            "lifecycle_date_out",
        ]

    @api.model
    def _get_lifecycle_watched_fields(self):
        """Hook: fields whose change may be a step."""
        return {
            "active",
            "date_conversion",
            "date_mql",
            "is_junk",
            "partner_id",
            "probability",
            "stage_id",
            "type",
            "won_status",
        }

    def _check_lifecycle_untouched(self, vals):
        if not self.env.su and not vals.keys().isdisjoint(self._get_lifecycle_fields()):
            raise AccessError(self.env._("The lifecycle is derived, not written."))

    @api.model_create_multi
    def create(self, vals_list):
        for vals in vals_list:
            self._check_lifecycle_untouched(vals)
        leads = super().create(vals_list)
        self.env["crm.lifecycle.event"]._queue("lead", leads.ids)
        return leads

    def write(self, vals):
        self._check_lifecycle_untouched(vals)
        result = super().write(vals)
        if vals.keys() & self._get_lifecycle_watched_fields():
            self.env["crm.lifecycle.event"]._queue("lead", self.ids)
        return result

    def unlink(self):
        partners = self.sudo().partner_id.commercial_partner_id
        result = super().unlink()
        self.env["crm.lifecycle.event"]._queue("partner", partners.ids)
        return result

    def _merge_dependences(self, opportunities):
        super()._merge_dependences(opportunities)
        # sudo: history is written by the system only
        self.env["crm.lifecycle.event"].sudo()._move_leads(opportunities.ids, self.id)

    # ------------------------------------------------------------
    # What people decide
    # ------------------------------------------------------------

    def action_lifecycle_qualify(self):
        """A seller says: sales-qualified. Whoever may change the lead may say so."""
        self.check_access("write")
        if self.filtered(lambda lead: lead.lifecycle_date_out):
            raise UserError(self.env._("Lost leads are not qualified. Restore them."))
        # sudo: history is written by the system only
        Event = self.env["crm.lifecycle.event"].sudo()
        qualified = Event._reach(self, "sql", "user")
        # in a later pass an opportunity is one again once it is qualified again
        Event._reach(
            self.filtered(lambda lead: lead.type == "opportunity"),
            "opportunity",
            "user",
        )
        qualified._message_log_batch(
            dict.fromkeys(qualified.ids, self.env._("Sales-qualified"))
        )
        return True

    def action_lifecycle_recycle(self, reason=None):
        """Send leads back to marketing: a new pass begins, at the step *lead*.

        An opportunity becomes a lead again where leads are used. What was reached in
        former passes stays in the history.
        """
        self.check_access("write")
        if self.filtered(lambda lead: lead.won_status != "pending"):
            raise UserError(
                self.env._("Only open leads are sent back: restore lost ones before.")
            )
        # sudo: history is written by the system only
        self.env["crm.lifecycle.event"].sudo()._send_back(self, "user", reason)
        if self.env.user.has_group("crm.group_use_lead"):
            self.filtered(lambda lead: lead.type == "opportunity").type = "lead"
        text = self.env._("Sent back to marketing")
        self._message_log_batch(
            dict.fromkeys(self.ids, f"{text}: {reason}" if reason else text)
        )
        return True
