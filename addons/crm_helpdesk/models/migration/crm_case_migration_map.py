from odoo import api, fields, models

from ..case.crm_case_stage import CATEGORIES


class CrmCaseMigrationMap(models.Model):
    """What a team, a stage or a channel there becomes here; may be changed before the
    start.
    """

    _name = "crm.case.migration.map"
    _description = "What Becomes of a Setting"
    _order = "kind, origin_id"

    migration_id = fields.Many2one(
        "crm.case.migration", required=True, index=True, ondelete="cascade"
    )
    kind = fields.Selection(
        [("team", "Team"), ("stage", "Stage"), ("channel", "Channel")],
        required=True,
        readonly=True,
    )
    origin_id = fields.Integer(readonly=True, aggregator=None)
    name = fields.Char(string="There", readonly=True)
    company_id = fields.Many2one("res.company", readonly=True)
    ticket_count = fields.Integer(string="Tickets", readonly=True)
    team_id = fields.Many2one(
        "crm.case.team",
        string="Becomes Team",
        domain="[('company_id', '=', company_id)]",
        ondelete="set null",
        help="Empty: a new team with the same members.",
    )
    category = fields.Selection(
        CATEGORIES, string="Means", help="What the stage means for promises."
    )
    stage_id = fields.Many2one(
        "crm.case.stage",
        string="Becomes Stage",
        domain="[('category', '=', category)]",
        ondelete="set null",
        help="Empty: a new stage of the same name.",
    )
    channel = fields.Selection("_selection_channel", string="Becomes Channel")

    _origin_uniq = models.UniqueIndex(
        "(migration_id, kind, origin_id, COALESCE(company_id, 0))"
    )

    @api.model
    def _selection_channel(self):
        return self.env["crm.case"]._fields["channel"]._description_selection(self.env)

    @api.onchange("category")
    def _onchange_category(self):
        if self.stage_id.category != self.category:
            self.stage_id = False
