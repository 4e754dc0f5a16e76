from odoo import api, models
from odoo.tools import SQL


class CrmContactPolicy(models.Model):
    _inherit = "crm.contact.policy"

    @api.model
    def _get_person_query(self, records):
        """Behind a mailing contact is the oldest contact of that address, as in the
        timeline.
        """
        if records._name != "mailing.contact":
            return super()._get_person_query(records)
        return SQL(
            """SELECT c.id AS res_id,
                      (SELECT min(p.id) FROM res_partner p
                        WHERE p.email_normalized = c.email_normalized AND p.active)
                          AS partner_id,
                      NULL::integer AS lead_id, c.email_normalized AS email,
                      c.country_id
                 FROM mailing_contact c WHERE c.id = ANY(%s)""",
            records.ids,
        )
