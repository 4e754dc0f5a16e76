from odoo import api, fields, models

# activities in which a person speaks with the customer
CONTACT_CATEGORIES = ("phonecall", "meeting")
# what tells when the next step is planned
PLAN_FIELDS = {"active", "date_deadline", "res_id", "res_model_id"}


class MailActivity(models.Model):
    _inherit = "mail.activity"

    sla_clock_id = fields.Many2one(
        "crm.sla.clock",
        string="Alert of",
        readonly=True,
        index="btree_not_null",
        help="The response time whose warning or breach made this activity. It is no"
        " planned step.",
    )

    @api.model_create_multi
    def create(self, vals_list):
        activities = super().create(vals_list)
        activities._sla_plan_steps(activities._sla_get_lead_ids())
        return activities

    def write(self, vals):
        moves = vals.keys() & PLAN_FIELDS
        before = self._sla_get_lead_ids() if moves else set()
        result = super().write(vals)
        if moves:
            self._sla_plan_steps(before | self._sla_get_lead_ids())
        return result

    def unlink(self):
        lead_ids = self._sla_get_lead_ids()
        result = super().unlink()
        self._sla_plan_steps(lead_ids)
        return result

    def _sla_get_lead_ids(self):
        """Leads whose next step these activities may plan."""
        lead_ids = {
            activity.res_id
            # the leads are looked at in sudo anyway
            for activity in self.sudo()
            if activity.res_model == "crm.lead" and not activity.sla_clock_id
        }
        # Asked last: any record that is deleted deletes its activities, none as a rule,
        # and while the addon is uninstalled there is nothing left to ask.
        if lead_ids and self.env["crm.lead"]._sla_follows_steps():
            return lead_ids
        return set()

    @api.model
    def _sla_plan_steps(self, lead_ids):
        if lead_ids:
            # clocks follow what is planned, whoever plans it
            self.env["crm.lead"].sudo().browse(lead_ids)._sla_plan_step()

    def _action_done(self, feedback=False, attachment_ids=None):
        """A call or meeting that is done answers the customer; any activity that is
        done is a step.
        """
        contacts = self.filtered(
            lambda activity: (
                activity.active and activity.activity_category in CONTACT_CATEGORIES
            )
        )
        ids_by_model = {
            res_model: activities.mapped("res_id")
            for res_model, activities in contacts.grouped("res_model").items()
        }
        now = fields.Datetime.now()
        is_step = not self.env.user.share
        lead_ids = self.filtered("active")._sla_get_lead_ids() if is_step else ()
        # superuser: clocks follow whoever does the step
        leads_sudo = self.env["crm.lead"].sudo().browse(lead_ids)
        # judged by the day it was planned for, which is gone afterwards
        leads_sudo._sla_stop_step(now)
        # alerts of what has been stopped are gone
        left = self.exists() if lead_ids else self
        result = super(MailActivity, left)._action_done(
            feedback=feedback, attachment_ids=attachment_ids
        )
        if ids_by_model and is_step:
            for name in self.env["crm.sla.mixin"]._sla_get_models():
                if name in ids_by_model:
                    records = self.env[name].browse(set(ids_by_model[name]))
                    records._sla_on_human_answer(now)
        leads_sudo._sla_await_step(now)
        return result
