from odoo import api, fields, models


class MailMessage(models.Model):
    _inherit = "mail.message"

    is_machine_mail = fields.Boolean(
        string="Written by a Machine",
        readonly=True,
        help="An automatic reply, a delivery report, a mailing list: kept, but not "
        "taken for an answer of the customer.",
    )

    machine_reason = fields.Char(
        readonly=True, help="What tells that a machine wrote it, e.g. a header."
    )

    # Messages are only ever appended: a block range index costs next to nothing.
    _create_date_idx = models.Index("USING brin (create_date)")

    @api.model_create_multi
    def create(self, vals_list):
        messages = super().create(vals_list)
        messages._queue_touchpoints()
        return messages

    def _queue_touchpoints(self):
        """Mails and calls reach the timeline in the transaction that makes them."""
        Touchpoint = self.env["crm.touchpoint"]
        kinds_by_type = {
            "email": ("email_in", "email_out"),
            "comment": ("email_out",),
            "email_outgoing": ("email_out",),
        }
        models_with_source = Touchpoint._get_message_origins()
        for message in self:
            if message.model not in models_with_source:
                continue
            kinds = kinds_by_type.get(message.message_type, ())
            if message.mail_activity_type_id:
                kinds = (*kinds, "call_done")
            elif message.is_internal or message.subtype_id.internal:
                continue
            for kind in kinds:
                Touchpoint._queue_harvest(f"{kind}/{message.model}", message.ids)
