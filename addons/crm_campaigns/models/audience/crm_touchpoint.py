from odoo import api, models
from odoo.tools import SQL

from odoo.addons.crm_plus.models.segment.crm_segment_refresh import INCREMENTAL_LIMIT


class CrmTouchpoint(models.Model):
    _inherit = "crm.touchpoint"

    @api.model
    def _on_harvested(self, touchpoint_ids):
        """A mailing contact did what whoever has its address did, or their company."""
        super()._on_harvested(touchpoint_ids)
        Segment = self.env["crm.segment"]
        if not Segment._get_watched_fields("mailing.contact"):
            return
        if len(touchpoint_ids) > INCREMENTAL_LIMIT:
            Segment._trigger_refresh()
            return
        self.env["mailing.contact"].flush_model(["email_normalized"])
        self.env["res.partner"].flush_model(["email_normalized"])
        rows = self.env.execute_query(
            SQL(
                """
                SELECT DISTINCT c.id
                  FROM crm_touchpoint t
                  JOIN crm_touchpoint_kind k ON k.id = t.kind_id
                  JOIN res_partner p
                    ON p.commercial_partner_id = t.commercial_partner_id
                  JOIN mailing_contact c ON c.email_normalized = p.email_normalized
                 WHERE t.id = ANY(%s) AND k.code <> ALL(%s) AND p.active
                """,
                list(touchpoint_ids),
                list(self._get_derived_kinds()),
            )
        )
        Segment._queue_refresh(
            "mailing.contact", [contact_id for (contact_id,) in rows]
        )
