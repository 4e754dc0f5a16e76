from odoo import api, fields, models


class CrmLead(models.Model):
    _name = "crm.lead"
    _inherit = ["crm.lead", "crm.score.mixin"]

    date_mql = fields.Datetime(
        string="Marketing-Qualified On",
        readonly=True,
        copy=False,
        help="When the score first reached what the scoring model asks for. Kept when "
        "the score falls again.",
    )
    is_mql = fields.Boolean(
        string="Marketing-Qualified",
        compute="_compute_is_mql",
        search="_search_is_mql",
    )

    score_change_ids = fields.One2many(
        "crm.score.change",
        "lead_id",
        string="Score Crossings",
        readonly=True,
        copy=False,
        groups="crm_plus.crm_plus_group_user",
    )
    additional_score_ids = fields.One2many(
        "crm.score",
        "lead_id",
        string="Additional Scores",
        domain=[("is_main", "=", False)],
        readonly=True,
        copy=False,
        groups="crm_plus.crm_plus_group_user",
    )

    # few leads have it; the harvest of its touchpoints, and reports, read the newest
    _date_mql_idx = models.Index("(date_mql) WHERE date_mql IS NOT NULL")

    @api.depends("date_mql")
    def _compute_is_mql(self):
        for lead in self:
            lead.is_mql = bool(lead.date_mql)

    def _search_is_mql(self, operator, value):
        if operator != "in":
            return NotImplemented
        return [("date_mql", "!=" if True in value else "=", False)]

    @api.model
    def _get_score_fields(self):
        return super()._get_score_fields() | {"date_mql"}

    def _merge_dependences(self, opportunities):
        super()._merge_dependences(opportunities)
        # it has got the touchpoints of the others
        self.env["crm.score.model"]._queue_recompute(self._name, self.ids)

    def _score_missing(self, model):
        missing = super()._score_missing(model)
        if model and not self.date_mql and self.score_grade:
            if model.mql_rule == "grade":
                missing.append(
                    self.env._(
                        "Marketing-qualified from grade %s on",
                        model.mql_min_fit + model.mql_min_engagement,
                    )
                )
            elif model.mql_rule == "total":
                missing.append(
                    self.env._(
                        "%s points for being marketing-qualified",
                        f"{model.mql_min_total - self.score_total:.1f}",
                    )
                )
        return missing
