from odoo import api, models
from odoo.tools import SQL, format_date

from odoo.addons.crm_plus.tools.contact_hold import HoldProvider, terms_table

from .crm_case_rating_follow_up import LOW_RATING


class CrmContactHold(models.Model):
    _inherit = "crm.contact.hold"

    @api.model
    def _get_hold_providers(self):
        return [*super()._get_hold_providers(), self._get_low_rating_provider()]

    @api.model
    def _get_low_rating_provider(self):
        return HoldProvider(
            key="case_rating",
            label=self.env._("Low rating"),
            select=self._select_low_ratings,
            words=lambda hold: self.env._(
                "Rated us low on %s; nobody has followed it up yet",
                format_date(self.env, hold.date_since),
            ),
            depends={
                "mail.activity": ["active", "activity_type_id", "res_id", "res_model"],
                "crm.case": ["commercial_partner_id", "company_id"],
            },
        )

    def _select_low_ratings(self, terms, partner_ids):
        """Whose low rating waits for its follow-up; the oldest."""
        return SQL(
            """
            SELECT DISTINCT ON (c.commercial_partner_id, c.company_id)
                   c.commercial_partner_id AS partner_id, c.company_id,
                   a.create_date::date AS date_since,
                   'crm.case'::varchar AS res_model, c.id AS res_id
              FROM mail_activity a
              JOIN crm_case c ON c.id = a.res_id
              JOIN %(terms)s ON terms.company_id = c.company_id
             WHERE a.res_model = 'crm.case' AND a.active
               AND a.activity_type_id = %(type)s
               AND c.commercial_partner_id IS NOT NULL AND %(some)s
               AND a.create_date <= %(now)s - terms.days * INTERVAL '1 day'
          ORDER BY c.commercial_partner_id, c.company_id, a.create_date, a.id
            """,
            terms=terms_table(terms),
            type=self.env["ir.model.data"]._xmlid_to_res_id(
                LOW_RATING, raise_if_not_found=False
            )
            or None,
            some=SQL("TRUE")
            if partner_ids is None
            else SQL("c.commercial_partner_id = ANY(%s)", list(partner_ids)),
            now=self.env.cr.now(),
        )
