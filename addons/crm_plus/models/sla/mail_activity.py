from odoo import fields, models

# activities in which a person speaks with the customer
CONTACT_CATEGORIES = ("phonecall", "meeting")


class MailActivity(models.Model):
    _inherit = "mail.activity"

    def _action_done(self, feedback=False, attachment_ids=None):
        """A call or meeting that is done answers the customer."""
        contacts = self.filtered(
            lambda activity: (
                activity.active and activity.activity_category in CONTACT_CATEGORIES
            )
        )
        ids_by_model = {
            res_model: activities.mapped("res_id")
            for res_model, activities in contacts.grouped("res_model").items()
        }
        result = super()._action_done(feedback=feedback, attachment_ids=attachment_ids)
        if ids_by_model and not self.env.user.share:
            for name in self.env["crm.sla.mixin"]._sla_get_models():
                if name in ids_by_model:
                    records = self.env[name].browse(set(ids_by_model[name]))
                    records._sla_on_human_answer(fields.Datetime.now())
        return result
