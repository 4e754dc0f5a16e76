from odoo import fields, models
from odoo.tools import SQL


class CrmContactDecision(models.Model):
    """What is released goes on at once: a mailing is looked at by Odoo's queue, the
    task of a journey falls due.
    """

    _inherit = "crm.contact.decision"

    def _on_released(self):
        super()._on_released()
        if self.filtered(lambda one: one.origin_model == "mailing.mailing"):
            self.env.ref("mass_mailing.ir_cron_mass_mailing_queue")._trigger()
        of_steps = self.filtered(lambda one: one.origin_model == "crm.campaign.step")
        if not of_steps:
            return
        Task = self.env["crm.campaign.task"]
        self.flush_model()
        Task.flush_model()
        self.env.execute_query(
            SQL(
                """
                UPDATE crm_campaign_task k
                   SET date_planned = %(now)s, write_date = %(now)s
                  FROM crm_contact_decision d
                  JOIN crm_campaign_participant p
                    ON p.res_model = d.res_model AND p.res_id = d.res_id
                   AND p.state = 'running'
                 WHERE d.id = ANY(%(ids)s) AND k.participant_id = p.id
                   AND k.step_id = d.origin_id AND k.state = 'planned'
                   AND k.date_planned > %(now)s
             RETURNING k.id
                """,
                now=fields.Datetime.now(),
                ids=of_steps.ids,
            )
        )
        Task.invalidate_model(["date_planned"], flush=False)
        Task._trigger()
