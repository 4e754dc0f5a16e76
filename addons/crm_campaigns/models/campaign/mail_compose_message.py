from odoo import api, models


class MailComposeMessage(models.TransientModel):
    """Mails of campaign steps are composed in the transaction of their tasks, and sent
    later: nothing is sent, and nothing committed, on the way."""

    _inherit = "mail.compose.message"

    @api.depends("mass_mailing_id")
    def _compute_force_send(self):
        super()._compute_force_send()
        self.filtered("mass_mailing_id.crm_campaign_step_id").force_send = False

    def _action_send_mail(self, auto_commit=False):
        task_map = self.env.context.get("crm_campaigns_task_map")
        if task_map is None:
            return super()._action_send_mail(auto_commit=auto_commit)
        result = super()._action_send_mail(auto_commit=False)
        task_map.tasks._on_composed()
        return result

    def _prepare_mail_values_mailing_traces(self, mail_values_all):
        """Each trace names the task it comes from; a task has one at most."""
        traces = super()._prepare_mail_values_mailing_traces(mail_values_all)
        task_map = self.env.context.get("crm_campaigns_task_map")
        if task_map is not None:
            for res_id, values in traces.items():
                values["crm_campaign_task_id"] = task_map.ids_by_record[res_id]
        return traces
