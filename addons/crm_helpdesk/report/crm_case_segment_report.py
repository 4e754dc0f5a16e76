from odoo import api, fields, models
from odoo.tools import SQL


class CrmCaseSegmentReport(models.Model):
    """The figures of cases by segment: a row a case and segment of its customer.

    A customer is in several segments: figures of segments do not add up.
    """

    _name = "crm.case.segment.report"
    _inherit = "crm.case.report"
    _description = "Case Figures by Segment"
    _auto = False

    segment_id = fields.Many2one("crm.segment", readonly=True)

    @api.model
    def _get_rows_query(self, row_id=None, columns=None, joins=None):
        return super()._get_rows_query(
            row_id=SQL("c.id::bigint * 100000 + m.segment_id"),
            columns=SQL(", m.segment_id"),
            joins=SQL(
                """JOIN crm_segment_member AS m
                     ON m.partner_id = c.commercial_partner_id
                    AND m.res_model = 'res.partner' AND m.date_left IS NULL"""
            ),
        )
