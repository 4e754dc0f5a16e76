from odoo import api, fields, models
from odoo.tools import SQL

# Room in each page for the next version of every row in it: a run that changes all
# scores then writes no index (heap-only tuples), and the table does not grow.
FILLFACTOR = 45


class CrmScore(models.Model):
    """What one scoring model says of one lead or customer. Written by the engine only.

    The main score of a record (``is_main``) is what its ``score_*`` fields show; the
    others are those of additional models.
    """

    _name = "crm.score"
    _description = "Score"
    _order = "total desc, id"
    # nobody edits a score, and the system writes them all, in millions
    _log_access = False

    # whose
    lead_id = fields.Many2one(
        "crm.lead",
        string="Lead/Opportunity",
        readonly=True,
        index="btree_not_null",
        ondelete="cascade",
    )
    partner_id = fields.Many2one(
        "res.partner",
        string="Customer",
        readonly=True,
        index="btree_not_null",
        ondelete="cascade",
    )
    # by what
    model_id = fields.Many2one(
        "crm.score.model",
        string="Scoring Model",
        required=True,
        readonly=True,
        ondelete="cascade",
    )
    is_main = fields.Boolean(
        string="Main Score",
        readonly=True,
        help="The score shown on the record; the others are of additional models.",
    )
    # what; no index on anything that changes every night
    fit = fields.Float(
        readonly=True,
        digits=(16, 1),
        aggregator="avg",
        help="Points for what they are.",
    )
    engagement = fields.Float(
        readonly=True,
        digits=(16, 1),
        aggregator="avg",
        help="Points for what they do, less as it gets older.",
    )
    total = fields.Float(
        string="Score",
        readonly=True,
        digits=(16, 1),
        aggregator="avg",
        help="Fit and engagement together.",
    )
    grade = fields.Char(
        readonly=True, help="A to D for fit, 1 to 4 for engagement: A1 is best."
    )
    points = fields.Json(
        readonly=True,
        export_string_translation=False,
        help="Tenths of a point by rule: what the score was made of.",
    )
    date = fields.Datetime(string="Changed On", readonly=True)
    date_due = fields.Datetime(
        string="Decays On",
        readonly=True,
        help="When the next tenth of a point is lost by the passing of time.",
    )
    # to filter and group by
    user_id = fields.Many2one(related="lead_id.user_id", string="Salesperson")
    team_id = fields.Many2one(related="lead_id.team_id")
    country_id = fields.Many2one(related="lead_id.country_id")
    stage_id = fields.Many2one(related="lead_id.stage_id")

    _lead_main_uniq = models.UniqueIndex(
        "(lead_id) WHERE is_main AND lead_id IS NOT NULL",
        "A lead has one main score.",
    )
    _partner_main_uniq = models.UniqueIndex(
        "(partner_id) WHERE is_main AND partner_id IS NOT NULL",
        "A customer has one main score.",
    )
    _lead_additional_uniq = models.UniqueIndex(
        "(lead_id, model_id) WHERE NOT is_main AND lead_id IS NOT NULL",
        "A lead is scored once by an additional model.",
    )
    _partner_additional_uniq = models.UniqueIndex(
        "(partner_id, model_id) WHERE NOT is_main AND partner_id IS NOT NULL",
        "A customer is scored once by an additional model.",
    )

    def init(self):
        self.env.cr.execute(
            SQL(
                "ALTER TABLE %s SET (fillfactor = %s)",
                SQL.identifier(self._table),
                FILLFACTOR,
            )
        )
        # The engine's own, of eight bytes, which no type of field has: see
        # ``FingerprintSql``.
        self.env.cr.execute(
            SQL(
                "ALTER TABLE %s ADD COLUMN IF NOT EXISTS fingerprint int8",
                SQL.identifier(self._table),
            )
        )

    @api.depends("model_id", "grade")
    def _compute_display_name(self):
        for score in self:
            score.display_name = f"{score.model_id.name}: {score.grade}"

    def action_open_record(self):
        self.ensure_one()
        record = self.lead_id or self.partner_id
        record.check_access("read")
        return {
            "type": "ir.actions.act_window",
            "res_model": record._name,
            "res_id": record.id,
            "view_mode": "form",
        }
