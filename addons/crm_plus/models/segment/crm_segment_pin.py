from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL


class CrmSegmentPin(models.Model):
    """A record that is, or is not, in a segment because somebody says so.

    It outlives every refresh, until it is taken away.
    """

    _name = "crm.segment.pin"
    _description = "Record Pinned In or Out of a Segment"
    _order = "id desc"

    segment_id = fields.Many2one(
        "crm.segment", required=True, readonly=True, index=True, ondelete="cascade"
    )
    kind = fields.Selection(
        [("in", "Always a Member"), ("out", "Never a Member")],
        required=True,
        readonly=True,
    )
    # who
    res_model = fields.Char(string="Model", required=True, readonly=True)
    res_id = fields.Many2oneReference(
        string="Record", model_field="res_model", required=True, readonly=True
    )
    lead_id = fields.Many2one(
        "crm.lead",
        string="Lead/Opportunity",
        readonly=True,
        index="btree_not_null",
        ondelete="cascade",
    )
    partner_id = fields.Many2one(
        "res.partner",
        string="Contact",
        readonly=True,
        index="btree_not_null",
        ondelete="cascade",
        help="Of a lead: its customer at the time of pinning.",
    )
    company_id = fields.Many2one("res.company", readonly=True)
    # why
    note = fields.Char(string="Reason", readonly=True)

    _record_uniq = models.UniqueIndex(
        "(segment_id, res_id)", "A record is pinned once in a segment."
    )

    @api.depends("lead_id", "partner_id")
    def _compute_display_name(self):
        for pin in self:
            pin.display_name = pin.lead_id.display_name or pin.partner_id.display_name

    def unlink(self):
        """The conditions decide again, at once."""
        pinned = [
            (segment, pins.mapped("res_id"))
            for segment, pins in self.grouped("segment_id").items()
        ]
        result = super().unlink()
        for segment, res_ids in pinned:
            segment._queue_refresh(segment.target, res_ids)
        return result


class CrmSegment(models.Model):
    _inherit = "crm.segment"

    pin_ids = fields.One2many("crm.segment.pin", "segment_id", readonly=True)
    pin_count = fields.Integer(string="Pinned", compute="_compute_pin_count")

    @api.depends("pin_ids")
    def _compute_pin_count(self):
        counts = dict(
            self.env["crm.segment.pin"]._read_group(
                [("segment_id", "in", self.ids)], ["segment_id"], ["__count"]
            )
        )
        for segment in self:
            segment.pin_count = counts.get(segment._origin, 0)

    def _pin(self, records, kind="in", note=False):
        """Make these records members that stay, or never, whatever the conditions say.

        :return: those that were pinned; records of another company than the segment's
            are left out
        """
        self.ensure_one()
        if records._name != self.target:
            raise UserError(
                self.env._("“%s” holds something else than these records.", self.name)
            )
        if self.company_id and "company_id" in records._fields:
            records = records.filtered(
                lambda r: not r.company_id or r.company_id == self.company_id
            )
        if not records:
            return records
        records.flush_model(
            [name for name in ("partner_id", "company_id") if name in records._fields]
        )
        columns = self._get_member_columns("t")
        self.env.execute_query(
            SQL(
                """
                INSERT INTO crm_segment_pin (
                    segment_id, kind, note, res_model, res_id, %(columns)s,
                    create_uid, create_date, write_uid, write_date
                )
                SELECT %(segment)s, %(kind)s, %(note)s, %(model)s, t.id, %(values)s,
                       %(uid)s, %(now)s, %(uid)s, %(now)s
                  FROM %(table)s t WHERE t.id = ANY(%(ids)s)
           ON CONFLICT (segment_id, res_id)
         DO UPDATE SET kind = EXCLUDED.kind, note = EXCLUDED.note,
                       write_uid = EXCLUDED.write_uid, write_date = EXCLUDED.write_date
             RETURNING id
                """,
                segment=self.id,
                kind=kind,
                note=note or None,
                model=self.target,
                columns=SQL(", ").join(SQL.identifier(name) for name in columns),
                values=SQL(", ").join(columns.values()),
                table=SQL.identifier(records._table),
                ids=records.ids,
                now=self.env.cr.now(),
                uid=self.env.uid,
            )
        )
        self.env["crm.segment.pin"].invalidate_model(flush=False)
        self.invalidate_recordset(["pin_ids", "pin_count"], flush=False)
        self._refresh_records(self.target, records.ids, self)
        return records

    def _unpin(self, records):
        """Let the conditions decide on these records again; return how many were
        pinned.
        """
        self.ensure_one()
        # sudo: pins of records that the user may write to; _check_pinning has looked
        pins = (
            self.env["crm.segment.pin"]
            .sudo()
            .search([("segment_id", "=", self.id), ("res_id", "in", records.ids)])
        )
        count = len(pins)
        pins.unlink()
        return count

    def action_view_pins(self):
        self.ensure_one()
        action = self.env["ir.actions.actions"]._for_xml_id(
            "crm_plus.crm_segment_pin_action"
        )
        action["domain"] = [("segment_id", "=", self.id)]
        action["context"] = {}
        return action
