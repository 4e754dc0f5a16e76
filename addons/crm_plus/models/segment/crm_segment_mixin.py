from odoo import api, fields, models


class CrmSegmentMixin(models.AbstractModel):
    """For models that segments hold: in which ones a record is, and refresh on change.

    Records created, or written on a field that a segment's condition names, are
    refreshed at the end of the transaction. What changes otherwise (computed fields,
    related records, the passing of time) is found by the scheduler.
    """

    _name = "crm.segment.mixin"
    _description = "Segment Mixin"

    segment_ids = fields.Many2many(
        "crm.segment",
        string="Segments",
        compute="_compute_segment_ids",
        search="_search_segment_ids",
        groups="crm_plus.crm_plus_group_user",
        help="Segments the record is a member of now.",
    )

    @api.depends("segment_member_ids.segment_id")
    def _compute_segment_ids(self):
        for record in self:
            record.segment_ids = record.segment_member_ids.segment_id

    def _search_segment_ids(self, operator, value):
        if operator.startswith("not"):
            return NotImplemented
        return [("segment_member_ids.segment_id", operator, value)]

    @api.model_create_multi
    def create(self, vals_list):
        records = super().create(vals_list)
        self.env["crm.segment"]._queue_refresh(self._name, records.ids)
        return records

    def write(self, vals):
        result = super().write(vals)
        Segment = self.env["crm.segment"]
        if vals.keys() & Segment._get_watched_fields(self._name):
            Segment._queue_refresh(self._name, self.ids)
        return result
