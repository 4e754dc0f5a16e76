from odoo import api, models
from odoo.tools import SQL

# More than so many new touchpoints at once (an import, a first harvest) are left to the
# scheduler.
TOUCHPOINT_LIMIT = 5000


class CrmTouchpoint(models.Model):
    _inherit = "crm.touchpoint"

    @api.model
    def _on_harvested(self, touchpoint_ids):
        super()._on_harvested(touchpoint_ids)
        # sudo: history is written by the system only
        Event = self.env["crm.lifecycle.event"].sudo()
        if len(touchpoint_ids) > TOUCHPOINT_LIMIT:
            Event._trigger_advance()
            return
        rows = self.env.execute_query(
            SQL(
                """
                SELECT t.commercial_partner_id, k.code IN ('invoice_posted',
                                                           'order_confirmed'),
                       array_agg(l.id) FILTER (WHERE l.id IS NOT NULL)
                  FROM crm_touchpoint t
                  JOIN crm_touchpoint_kind k ON k.id = t.kind_id
             LEFT JOIN res_partner p
                    ON k.code = 'invoice_posted'
                   AND p.commercial_partner_id = t.commercial_partner_id
             LEFT JOIN crm_lead l ON l.partner_id = p.id
                 WHERE t.id = ANY(%s)
                   AND t.commercial_partner_id IS NOT NULL
                   AND (k.code IN ('invoice_posted', 'order_confirmed')
                        OR k.is_marketing)
              GROUP BY 1, 2
                """,
                list(touchpoint_ids),
            )
        )
        lead_ids = {lead_id for *_rest, ids in rows for lead_id in ids or ()}
        Event._queue("lead", lead_ids)
        Event._queue("partner", {row[0] for row in rows if row[1]})
        if not all(row[1] for row in rows):
            Event._add_subscribers(touchpoint_ids)
