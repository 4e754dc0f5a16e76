from datetime import timedelta

from odoo import api, fields, models
from odoo.tools import SQL
from odoo.tools.translate import LazyTranslate

from ....tools.entry_kind import FORECAST_DAYS, EntryKind, shift_candidates
from ..crm_campaign import TARGETS

_lt = LazyTranslate(__name__)


class SegmentEntry(EntryKind):
    """Everybody in a segment, and whoever joins it later."""

    code = "segment"
    label = _lt("Joins a segment")
    icon = "fa-users"
    fields = ("segment_id",)

    def get_model(self):
        # as long as no segment is chosen, what steps are about is known all the same
        # sudo: whoever sees the campaign may know of whom it is
        return self.campaign.sudo().segment_id.target or super().get_model()

    def get_problems(self):
        segment = self.campaign.segment_id
        if not segment:
            return [self.env._("Choose the segment of those who enter.")]
        if not segment.active:
            return [self.env._("The segment is archived: nobody would join.")]
        if segment.target not in TARGETS:
            return [self.env._("Campaigns follow segments of leads or of contacts.")]
        return []

    def get_start_candidates(self):
        return self.get_member_candidates(SQL("m.date_left IS NULL"))

    def get_forecast(self):
        candidates, _words = super().get_forecast()
        return candidates, self.env._("Everybody in the segment now.")

    def get_member_candidates(self, condition, date="date_joined"):
        self.env["crm.segment.member"].flush_model()
        return SQL(
            """
            SELECT m.res_id, m.id::text AS event, %(date)s AS date
              FROM crm_segment_member m
             WHERE m.segment_id = %(segment)s AND m.res_model = %(model)s
               AND %(condition)s
            """,
            date=SQL.identifier("m", date),
            segment=self.campaign.segment_id.id,
            model=self.get_model(),
            condition=condition,
        )


class SegmentLeftEntry(SegmentEntry):
    """Whoever leaves a segment from now on."""

    code = "segment_left"
    label = _lt("Leaves a segment")
    icon = "fa-user-times"

    def get_start_candidates(self):
        return None  # nobody

    def get_forecast(self):
        since = fields.Datetime.now() - timedelta(days=FORECAST_DAYS)
        left = self.get_member_candidates(SQL("m.date_left > %s", since), "date_left")
        return shift_candidates(left, FORECAST_DAYS), self.env._(
            "As many as left the segment in the last %s days.", FORECAST_DAYS
        )

    def get_left_candidates(self, member_ids):
        return self.get_member_candidates(
            SQL("m.date_left IS NOT NULL AND m.id = ANY(%s)", list(member_ids)),
            "date_left",
        )


class CrmCampaign(models.Model):
    _inherit = "crm.campaign"

    @api.model
    def _get_entries(self):
        return [*super()._get_entries(), SegmentEntry, SegmentLeftEntry]
