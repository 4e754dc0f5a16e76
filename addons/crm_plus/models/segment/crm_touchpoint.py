from odoo import api, models
from odoo.tools import SQL

from ...tools.touchpoint_source import TouchpointSource
from .crm_segment_refresh import INCREMENTAL_LIMIT


class CrmTouchpoint(models.Model):
    _inherit = "crm.touchpoint"

    @api.model
    def _get_sources(self):
        return [
            *super()._get_sources(),
            self._segment_source("segment_joined", SQL("m.date_joined")),
            self._segment_source("segment_left", SQL("m.date_left")),
        ]

    @api.model
    def _segment_source(self, key, date):
        return TouchpointSource(
            key=key,
            kind=key,
            model="crm.segment.member",
            record_id=SQL("m.id"),
            date=date,
            from_clause=SQL(
                """crm_segment_member m
                   JOIN crm_segment s ON s.id = m.segment_id
                   LEFT JOIN crm_lead l ON l.id = m.lead_id"""
            ),
            # a timeline is of somebody
            where=SQL(
                "%s IS NOT NULL AND COALESCE(m.partner_id, m.lead_id) IS NOT NULL", date
            ),
            # both are the start of the transaction that writes them
            changed=(date,),
            columns={
                "name": SQL("s.name"),
                "partner_id": SQL("m.partner_id"),
                "lead_id": SQL("m.lead_id"),
                "user_id": SQL("l.user_id"),
                "company_id": SQL("COALESCE(m.company_id, s.company_id)"),
            },
            depends={
                "crm.segment": ["name", "company_id"],
                "crm.segment.member": ["date_joined", "date_left"],
                "crm.lead": ["user_id"],
            },
        )

    @api.model
    def _get_derived_kinds(self):
        return super()._get_derived_kinds() | {"segment_joined", "segment_left"}

    @api.model
    def _on_harvested(self, touchpoint_ids):
        super()._on_harvested(touchpoint_ids)
        Segment = self.env["crm.segment"]
        targets = [
            model
            for model in ("crm.lead", "res.partner")
            if Segment._get_watched_fields(model)
        ]
        if not targets:
            return
        if len(touchpoint_ids) > INCREMENTAL_LIMIT:
            # sudo: all segments, whoever's change is harvested
            Segment.sudo().search([("target", "in", targets)])._ask_refresh()
            return
        rows = self.env.execute_query(
            SQL(
                """
                SELECT t.lead_id, t.partner_id, t.commercial_partner_id
                  FROM crm_touchpoint t
                  JOIN crm_touchpoint_kind k ON k.id = t.kind_id
                 WHERE t.id = ANY(%s) AND k.code <> ALL(%s)
                """,
                list(touchpoint_ids),
                list(self._get_derived_kinds()),
            )
        )
        touched = {
            "crm.lead": {lead for lead, _partner, _company in rows if lead},
            "res.partner": {
                partner for _lead, *partners in rows for partner in partners if partner
            },
        }
        for model in targets:
            Segment._queue_refresh(model, touched[model])
