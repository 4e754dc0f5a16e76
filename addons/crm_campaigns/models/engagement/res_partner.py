from odoo import models


class ResPartner(models.Model):
    _inherit = "res.partner"

    # mailing contacts and unsubscribed addresses are looked up by it
    _email_normalized_idx = models.Index(
        "(email_normalized) WHERE email_normalized IS NOT NULL"
    )
