from datetime import timedelta

from odoo import api, fields, models
from odoo.tools import SQL


class CrmCampaignDelivery(models.Model):
    """The moment a campaign mail is handed to the mail server, on record before it is.

    A worker can be killed after the server has taken the mail and before Odoo has
    committed that it was sent. So a row is written here, through a cursor of its own,
    right before the server is given the text; the next attempt finds it and does not
    send again. See ``tools/delivery.py`` for how it is used.

    Rows are removed when their mail no longer waits to be sent.
    """

    _name = "crm.campaign.delivery"
    _description = "Campaign Mail Delivery"
    _order = "date_reserved desc, id desc"
    _rec_name = "mail_id"

    # no foreign key: it would wait for the worker's lock on the mail
    mail_id = fields.Integer(required=True, readonly=True)
    date_reserved = fields.Datetime(string="Handed Over", required=True, readonly=True)
    outcome = fields.Selection(
        [
            ("reserved", "Handed over"),
            ("refused", "Refused by the server"),
            ("unknown", "Unknown"),
        ],
        required=True,
        readonly=True,
    )
    smtp_code = fields.Integer(string="SMTP Code", readonly=True)

    _mail_uniq = models.Constraint(
        "UNIQUE(mail_id)", "A mail is handed over to the server once."
    )

    @api.autovacuum
    def _gc_deliveries(self):
        """Forget deliveries of mails that are no longer to be sent."""
        self.env["mail.mail"].flush_model(["state"])
        rows = self.env.execute_query(
            SQL(
                """
                DELETE FROM crm_campaign_delivery d
                 WHERE d.date_reserved < %s
                   AND NOT EXISTS (
                       SELECT FROM mail_mail m
                        WHERE m.id = d.mail_id AND m.state <> 'sent')
                   AND NOT EXISTS (
                       SELECT FROM mailing_trace t
                         JOIN crm_campaign_task k ON k.id = t.crm_campaign_task_id
                        WHERE t.mail_mail_id_int = d.mail_id AND k.state = 'sending')
             RETURNING d.id
                """,
                fields.Datetime.now() - timedelta(days=1),
            )
        )
        self.invalidate_model(flush=False)
        return len(rows), 0
