from odoo import fields, models
from odoo.tools import SQL


class MailingTrace(models.Model):
    _inherit = "mailing.trace"

    crm_campaign_task_id = fields.Many2one(
        "crm.campaign.task",
        string="Campaign Task",
        readonly=True,
        copy=False,
        index="btree_not_null",
        ondelete="set null",
    )

    _crm_campaign_task_uniq = models.UniqueIndex(
        "(crm_campaign_task_id) WHERE crm_campaign_task_id IS NOT NULL",
        "A campaign step sends one mail to each participant.",
    )

    def _get_date_handed_over(self):
        """The server may have the mail before Odoo has noted that it was sent."""
        date = super()._get_date_handed_over()
        if not date and self.crm_campaign_task_id and self.mail_mail_id_int:
            for (handed_over,) in self.env.execute_query(
                SQL(
                    "SELECT date_reserved FROM crm_campaign_delivery"
                    " WHERE mail_id = %s",
                    self.mail_mail_id_int,
                )
            ):
                date = handed_over
        return date
