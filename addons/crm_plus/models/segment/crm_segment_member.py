from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL


class CrmSegmentMember(models.Model):
    """A stay of a record in a segment. Written by the refresh only."""

    _name = "crm.segment.member"
    _description = "Segment Member"
    _order = "date_joined desc, id desc"

    segment_id = fields.Many2one(
        "crm.segment", required=True, readonly=True, index=True, ondelete="cascade"
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
        ondelete="set null",
    )
    partner_id = fields.Many2one(
        "res.partner",
        string="Contact",
        readonly=True,
        index="btree_not_null",
        ondelete="set null",
        help="The contact, or the lead's customer at the time of joining.",
    )
    company_id = fields.Many2one("res.company", readonly=True)
    # when and why
    date_joined = fields.Datetime(string="Joined", required=True, readonly=True)
    reason_joined = fields.Selection(
        [("domain", "Matches the condition"), ("pinned", "Pinned")],
        string="Why Joined",
        readonly=True,
    )
    is_pinned = fields.Boolean(
        string="Pinned",
        compute="_compute_is_pinned",
        help="Stays a member whether or not it meets the conditions.",
    )
    date_left = fields.Datetime(string="Left", readonly=True)
    reason_left = fields.Selection(
        [
            ("domain", "No longer matches the condition"),
            ("pinned", "Kept out by hand"),
            ("deleted", "Record deleted"),
        ],
        string="Why Left",
        readonly=True,
    )
    is_current = fields.Boolean(
        string="Member Now", compute="_compute_is_current", search="_search_is_current"
    )

    # one stay at a time; also how the refresh finds the open row of a record
    _open_uniq = models.UniqueIndex(
        "(segment_id, res_id) WHERE date_left IS NULL",
        "A record is a member of a segment once at a time.",
    )
    # the joined/left log, and the harvest of its touchpoints
    _date_joined_idx = models.Index("(date_joined)")
    _date_left_idx = models.Index("(date_left) WHERE date_left IS NOT NULL")

    @api.depends("lead_id", "partner_id", "segment_id")
    def _compute_display_name(self):
        for member in self:
            who = member.lead_id.display_name or member.partner_id.display_name
            member.display_name = who or self.env._("Deleted record %s", member.res_id)

    @api.depends("date_left")
    def _compute_is_current(self):
        for member in self:
            member.is_current = not member.date_left

    def _search_is_current(self, operator, value):
        if operator != "in":
            return NotImplemented
        return [("date_left", "=" if True in value else "!=", False)]

    def _compute_is_pinned(self):
        pinned = {
            (pin.segment_id, pin.res_id)
            for pin in self.env["crm.segment.pin"].search_fetch(
                [
                    ("segment_id", "in", self.segment_id.ids),
                    ("res_id", "in", self.mapped("res_id")),
                    ("kind", "=", "in"),
                ],
                ["segment_id", "res_id"],
            )
        }
        for member in self:
            member.is_pinned = (member.segment_id, member.res_id) in pinned

    def action_unpin(self):
        """Let the conditions decide again."""
        self.segment_id.check_access("write")
        for segment, members in self.grouped("segment_id").items():
            segment._unpin(self.env[segment.target].browse(members.mapped("res_id")))

    def action_why(self):
        self.ensure_one()
        return self.segment_id._action_why(self.env[self.res_model].browse(self.res_id))

    def action_open_record(self):
        self.ensure_one()
        record = self.env[self.res_model].browse(self.res_id).exists()
        if not record:
            raise UserError(self.env._("This record was deleted."))
        record.check_access("read")
        return {
            "type": "ir.actions.act_window",
            "res_model": self.res_model,
            "res_id": self.res_id,
            "view_mode": "form",
        }

    @api.model
    def _move_partners(self, from_ids, to_id):
        """Stays of merged contacts go on as those of the contact that stays; of two
        that last, the one that began first does. So do their pins; those of the
        contact that stays go before.
        """
        self.flush_model()
        self.env["crm.segment.pin"].flush_model()
        for table, is_one_of, order in (
            ("crm_segment_member", SQL("date_left IS NULL"), SQL("date_joined, id")),
            ("crm_segment_pin", SQL("TRUE"), SQL("res_id <> %s, id", to_id)),
        ):
            values = {
                "table": SQL.identifier(table),
                "ids": [*from_ids, to_id],
                "kept": to_id,
                "is_one_of": is_one_of,
                "order": order,
            }
            self.env.cr.execute(
                SQL(
                    """
                    WITH ranked AS (
                        SELECT id, row_number() OVER w AS n
                          FROM %(table)s
                         WHERE res_model = 'res.partner'
                           AND res_id = ANY(%(ids)s)
                           AND %(is_one_of)s
                        WINDOW w AS (PARTITION BY segment_id ORDER BY %(order)s)
                    )
                    DELETE FROM %(table)s AS m
                     USING ranked WHERE ranked.id = m.id AND ranked.n > 1
                    """,
                    **values,
                )
            )
            self.env.cr.execute(
                SQL(
                    """
                    UPDATE %(table)s SET res_id = %(kept)s, partner_id = %(kept)s
                     WHERE res_model = 'res.partner'
                       AND res_id = ANY(%(ids)s) AND res_id <> %(kept)s
                    """,
                    **values,
                )
            )
        self.invalidate_model(flush=False)
        self.env["crm.segment.pin"].invalidate_model(flush=False)
        self.env["crm.segment"]._queue_refresh("res.partner", [to_id])
