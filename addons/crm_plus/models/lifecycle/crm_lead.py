from odoo import api, fields, models
from odoo.exceptions import UserError

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
    # hand-over; written by crm.handover
    handover_ids = fields.One2many(
        "crm.handover", "lead_id", string="Hand-overs", readonly=True, copy=False
    )
    handover_id = fields.Many2one(
        "crm.handover",
        string="Open Hand-over",
        readonly=True,
        copy=False,
        index="btree_not_null",
        ondelete="set null",
    )
    handover_user_id = fields.Many2one(
        "res.users",
        string="Handed Over to",
        readonly=True,
        copy=False,
        index="btree_not_null",
        help="Who is asked to accept the lead.",
    )
    handover_team_id = fields.Many2one(
        "crm.team",
        string="Handed Over to Team",
        readonly=True,
        copy=False,
        index="btree_not_null",
        ondelete="set null",
    )
    handover_due = fields.Datetime(
        related="handover_id.date_due", string="Accept by", related_sudo=True
    )
    handover_note = fields.Text(
        related="handover_id.note", string="Hand-over Note", related_sudo=True
    )
    handover_can_answer = fields.Boolean(compute="_compute_handover_can")
    handover_can_withdraw = fields.Boolean(compute="_compute_handover_can")

    @api.depends_context("uid")
    @api.depends("handover_id.state")
    def _compute_handover_can(self):
        for lead in self:
            # sudo: whoever sees the lead sees whether it is his to answer
            handover_sudo = lead.handover_id.sudo()
            lead.handover_can_answer = handover_sudo.can_answer
            lead.handover_can_withdraw = handover_sudo.can_withdraw

    @api.model
    def _get_handover_fields(self):
        return ["handover_id", "handover_user_id", "handover_team_id"]

    @api.model
    def _get_lifecycle_fields(self):
        return [
            *super()._get_lifecycle_fields(),
            "lifecycle_cycle",
            "lifecycle_date_out",
        ]

    @api.model
    def _get_lifecycle_derived_fields(self):
        return super()._get_lifecycle_derived_fields() | {*self._get_handover_fields()}

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

    @api.model_create_multi
    def create(self, vals_list):
        for vals in vals_list:
            self._check_lifecycle_untouched(vals)
        leads = super().create(self._add_first_steps(vals_list))
        self.env["crm.lifecycle.event"]._queue("lead", leads.ids)
        return leads

    @api.model
    def _add_first_steps(self, vals_list):
        """Where new leads stand, so that they are not written twice; the lifecycle
        says so too at the end of the transaction, or corrects it.
        """
        steps = self.env["crm.lifecycle.step"]._get_ids()
        default = self.default_get(["type"]).get("type")
        first = {
            "lifecycle_date": self.env.cr.now().replace(microsecond=0),
            "lifecycle_cycle": 0,
        }
        return [
            {
                **vals,
                **first,
                "lifecycle_step_id": steps.get(vals.get("type") or default),
            }
            for vals in vals_list
        ]

    def write(self, vals):
        self._check_lifecycle_untouched(vals)
        result = super().write(vals)
        if vals.keys() & self._get_lifecycle_watched_fields():
            self.env["crm.lifecycle.event"]._queue("lead", self.ids)
        if vals.keys() & {"active", "is_junk", "probability", "stage_id"}:
            # sudo: hand-overs follow their lead, whoever closes it
            self.env["crm.handover"].sudo()._close_with_leads(self.sudo())
        return result

    def unlink(self):
        # sudo: of customers that the user may not read
        partners = self.sudo().partner_id.commercial_partner_id
        result = super().unlink()
        self.env["crm.lifecycle.event"]._queue("partner", partners.ids)
        return result

    def _merge_dependences(self, opportunities):
        super()._merge_dependences(opportunities)
        # sudo: history is written by the system only
        self.env["crm.lifecycle.event"].sudo()._move_leads(opportunities.ids, self.id)
        self.env["crm.handover"].sudo()._move_leads(opportunities.ids, self.id)

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

    def action_handover_accept(self):
        return self.handover_id.action_accept()

    def action_handover_refuse(self):
        return self.handover_id.action_refuse()

    def action_handover_withdraw(self):
        return self.handover_id.action_withdraw()

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
