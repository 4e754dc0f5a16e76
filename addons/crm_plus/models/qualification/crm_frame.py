from odoo import api, fields, models


class CrmFrame(models.Model):
    """Questions to which a seller finds the answers: BANT, CHAMP, one's own."""

    _name = "crm.frame"
    _description = "Qualification Frame"
    _order = "sequence, name, id"
    _check_company_auto = True

    name = fields.Char(required=True, translate=True)
    active = fields.Boolean(default=True)
    sequence = fields.Integer(default=10)
    description = fields.Text(
        translate=True, help="When to use it; shown above the questions."
    )
    company_id = fields.Many2one("res.company", index=True)
    team_ids = fields.Many2many(
        "crm.team",
        string="For Teams",
        check_company=True,
        help="Teams that may choose this frame; none: all of them.",
    )
    default_team_ids = fields.One2many(
        "crm.team",
        "frame_id",
        string="Default of Teams",
        readonly=True,
        help="New leads of these teams get this frame.",
    )
    criterion_ids = fields.One2many(
        "crm.frame.criterion", "frame_id", string="Questions", copy=True
    )
    criterion_count = fields.Integer(compute="_compute_criterion_count")
    lead_count = fields.Integer(compute="_compute_lead_count")

    @api.depends("criterion_ids")
    def _compute_criterion_count(self):
        for frame in self:
            frame.criterion_count = len(frame.criterion_ids)

    def _compute_lead_count(self):
        counts = dict(
            self.env["crm.lead"]._read_group(
                [("frame_id", "in", self.ids)], ["frame_id"], ["__count"]
            )
        )
        for frame in self:
            frame.lead_count = counts.get(frame, 0)

    def copy_data(self, default=None):
        vals_list = super().copy_data(default)
        if "name" not in (default or {}):
            for frame, vals in zip(self, vals_list, strict=True):
                vals["name"] = self.env._("%s (copy)", frame.name)
        return vals_list

    def action_view_leads(self):
        self.ensure_one()
        action = self.env["ir.actions.actions"]._for_xml_id(
            "crm.crm_lead_opportunities"
        )
        action["domain"] = [("frame_id", "=", self.id)]
        action["context"] = {}
        return action
