from markupsafe import Markup

from odoo import api, fields, models
from odoo.exceptions import UserError

from ...tools.prediction import Scorecard

NONE = "\N{EN DASH}"
# the plot of the calibration, in pixels
PLOT = 220
MARGIN = 34


class CrmPredictionVersion(models.Model):
    """One training of a prediction, kept with all it says about its own quality."""

    _name = "crm.prediction.version"
    _description = "Prediction Version"
    _order = "id desc"

    model_id = fields.Many2one(
        "crm.prediction.model",
        string="Prediction",
        required=True,
        readonly=True,
        index=True,
        ondelete="cascade",
    )
    company_id = fields.Many2one(related="model_id.company_id", store=True, index=True)
    date_trained = fields.Datetime(string="Trained On", readonly=True)
    state = fields.Selection(
        [
            ("used", "In Use"),
            ("superseded", "Superseded"),
            ("no_skill", "No Skill"),
            ("refused", "Refused"),
        ],
        required=True,
        readonly=True,
    )
    message = fields.Char(
        string="Result", readonly=True, help="What came out, in one sentence."
    )
    seconds = fields.Float(readonly=True)
    # what it was trained on
    sample_count = fields.Integer(
        string="n", readonly=True, help="Decided leads that were known in time."
    )
    train_count = fields.Integer(string="Trained On (Leads)", readonly=True)
    test_count = fields.Integer(
        string="Measured On (Leads)",
        readonly=True,
        help="The latest leads, held out: nothing was learned from them before they "
        "were measured.",
    )
    date_split = fields.Datetime(string="Held Out From", readonly=True)
    age_days = fields.Integer(string="Known After (Days)", readonly=True)
    method = fields.Char(readonly=True)
    warnings = fields.Text(readonly=True, help="Inputs left out and why, and more.")
    # how good it is on the held-out leads
    won_share = fields.Float(readonly=True, aggregator=None)
    auc = fields.Float(string="AUC", readonly=True, digits=(4, 3), aggregator=None)
    auc_low = fields.Float(
        string="AUC from", readonly=True, digits=(4, 3), aggregator=None
    )
    auc_high = fields.Float(
        string="AUC to", readonly=True, digits=(4, 3), aggregator=None
    )
    brier = fields.Float(readonly=True, digits=(4, 3), aggregator=None)
    lift = fields.Float(
        string="Lift of the Best Tenth",
        readonly=True,
        digits=(6, 2),
        aggregator=None,
        help="How many times more often the tenth scored highest was won.",
    )
    quality = fields.Json(readonly=True, help="All figures, ours and Odoo's.")
    # what it is
    scorecard = fields.Json(readonly=True)
    weights = fields.Json(readonly=True)
    reference = fields.Json(readonly=True, help="Distribution of its scores.")
    report = fields.Html(compute="_compute_report", sanitize=False)
    # how it keeps
    drift_date = fields.Datetime(string="Watched On", readonly=True)
    drift_psi = fields.Float(
        string="Shift of Scores (PSI)", readonly=True, digits=(6, 3), aggregator=None
    )
    drift_auc = fields.Float(
        string="AUC Since", readonly=True, digits=(4, 3), aggregator=None
    )
    drift_count = fields.Integer(string="Decided Since", readonly=True, aggregator=None)
    is_drifting = fields.Boolean(string="Drifting", readonly=True)

    # one scores at a time
    _used_uniq = models.UniqueIndex(
        "(model_id) WHERE state = 'used'", "Another version is in use."
    )

    @api.depends("model_id", "date_trained")
    def _compute_display_name(self):
        for version in self:
            date = version.date_trained and fields.Datetime.context_timestamp(
                version, version.date_trained
            )
            version.display_name = (
                f"{version.model_id.name} ({date:%Y-%m-%d %H:%M})"
                if date
                else version.model_id.name
            )

    def _get_scorecard(self):
        self.ensure_one()
        return Scorecard(self.scorecard)

    # ------------------------------------------------------------
    # Report
    # ------------------------------------------------------------

    @api.depends("quality", "weights")
    def _compute_report(self):
        for version in self:
            if not version.quality:
                version.report = False
                continue
            ours, odoo = version.quality.get("ours"), version.quality.get("odoo")
            version.report = Markup(
                "<div class='o_crm_plus_prediction_report d-flex flex-wrap gap-5'>"
                "<div>%s</div><div>%s</div><div>%s</div></div>"
            ) % (
                version._render_figures(ours, odoo),
                version._render_plot(ours, odoo),
                version._render_weights(),
            )

    def _render_figures(self, ours, odoo):
        """Our figures and those of Odoo's formula, on the same leads."""
        env = self.env

        def number(quality, name, digits=3):
            value = quality and quality.get(name)
            return NONE if value is None else f"{value:.{digits}f}"

        def interval(quality):
            if not quality or quality.get("auc") is None:
                return NONE
            return (
                f"{quality['auc']:.3f} ({quality['auc_low']:.3f} {NONE} "
                f"{quality['auc_high']:.3f})"
            )

        rows = [
            (env._("Leads"), *((q and str(q["n"])) or NONE for q in (ours, odoo))),
            (
                env._("Won"),
                *(
                    f"{q['won_share']:.1%}" if q and q["n"] else NONE
                    for q in (ours, odoo)
                ),
            ),
            (
                env._("AUC (95 % interval); 0.5 is a coin, 1 an oracle"),
                interval(ours),
                interval(odoo),
            ),
            (
                env._("Brier score; lower is better"),
                number(ours, "brier"),
                number(odoo, "brier"),
            ),
            (
                env._("Won in the best tenth, times the average"),
                number(ours, "lift", 2),
                number(odoo, "lift", 2),
            ),
        ]
        body = Markup().join(
            Markup(
                "<tr><td>%s</td><td class='text-end'>%s</td>"
                "<td class='text-end text-muted'>%s</td></tr>"
            )
            % row
            for row in rows
        )
        return Markup(
            "<h4>%s</h4><table class='table table-sm w-auto'><thead><tr><th></th>"
            "<th class='text-end'>%s</th><th class='text-end text-muted'>%s</th></tr>"
            "</thead><tbody>%s</tbody></table><p class='text-muted small'"
            " style='max-width: 32rem'>%s</p>"
        ) % (
            env._("On the latest leads, held out"),
            env._("This prediction"),
            env._("Odoo's formula"),
            body,
            env._(
                "Odoo does not keep its probability of that time. Its naive Bayes was "
                "therefore trained on the same earlier leads, with the fields chosen "
                "in Odoo's settings, and measured on the same later ones. The version "
                "in use was then trained again in the same way with the held-out leads "
                "too, the latest being the most like tomorrow's."
            ),
        )

    def _render_plot(self, ours, odoo):
        """Calibration: predicted against won, a point each tenth of the leads."""

        def place(x, y):
            return MARGIN + x * PLOT, MARGIN / 2 + (1 - y) * PLOT

        def curve(quality, color, radius):
            points = [
                (*place(b["predicted"], b["won"]), b) for b in quality.get("bins") or ()
            ]
            line = " ".join(f"{x:.1f},{y:.1f}" for x, y, _bin in points)
            dots = Markup().join(
                Markup(
                    "<circle cx='%.1f' cy='%.1f' r='%s' fill='%s'><title>%s</title>"
                    "</circle>"
                )
                % (
                    x,
                    y,
                    radius,
                    color,
                    self.env._(
                        "%(n)s leads: predicted %(predicted)s, won %(won)s",
                        n=found["n"],
                        predicted=f"{found['predicted']:.1%}",
                        won=f"{found['won']:.1%}",
                    ),
                )
                for x, y, found in points
            )
            return (
                Markup("<polyline points='%s' fill='none' stroke='%s'/>")
                % (line, color)
                + dots
            )

        ticks = Markup().join(
            Markup(
                "<text x='%.1f' y='%.1f' font-size='10' text-anchor='middle'"
                " fill='currentColor'>%s</text><text x='%.1f' y='%.1f' font-size='10'"
                " text-anchor='end' fill='currentColor'>%s</text>"
            )
            % (
                place(share, 0)[0],
                place(0, 0)[1] + 14,
                f"{share:.0%}",
                MARGIN - 4,
                place(0, share)[1] + 3,
                f"{share:.0%}",
            )
            for share in (0, 0.5, 1)
        )
        x0, y0 = place(0, 0)
        x1, y1 = place(1, 1)
        return Markup(
            "<h4>%s</h4><svg width='%s' height='%s' role='img' aria-label='%s'>"
            "<rect x='%s' y='%s' width='%s' height='%s' fill='none' stroke='#adb5bd'/>"
            "<line x1='%s' y1='%s' x2='%s' y2='%s' stroke='#adb5bd'"
            " stroke-dasharray='4'/>%s%s%s</svg>"
            "<p class='small'><span style='color: #714b67'>●</span> %s "
            "<span style='color: #adb5bd'>●</span> %s</p>"
        ) % (
            self.env._("Predicted → against won ↑"),
            PLOT + 2 * MARGIN,
            PLOT + MARGIN + 10,
            self.env._("Calibration: predicted probability against share won"),
            x0,
            y1,
            PLOT,
            PLOT,
            x0,
            y0,
            x1,
            y1,
            ticks,
            curve(odoo, "#adb5bd", 3) if odoo else "",
            curve(ours, "#714b67", 4) if ours else "",
            self.env._("this prediction"),
            self.env._("Odoo's formula; on the dashed line it would be right"),
        )

    def _render_weights(self):
        if not self.weights:
            return ""
        most = max(line["weight"] for line in self.weights) or 1
        rows = Markup().join(
            Markup(
                "<tr><td>%s</td><td style='width: 8rem'><div class='progress'>"
                "<div class='progress-bar' style='width: %s%%'></div></div></td>"
                "<td class='text-end'>%.2f</td></tr>"
            )
            % (line["label"], round(100 * line["weight"] / most), line["weight"])
            for line in self.weights
        )
        return Markup(
            "<h4>%s</h4><table class='table table-sm w-auto'><tbody>%s</tbody></table>"
        ) % (self.env._("What it looks at, by how much that moves scores"), rows)

    # ------------------------------------------------------------
    # Actions
    # ------------------------------------------------------------

    def action_use(self):
        """Go back to this version."""
        self.ensure_one()
        self.model_id.check_access("write")
        if self.state != "superseded":
            raise UserError(
                self.env._("Only a version that was in use can be used again.")
            )
        # sudo: versions are written by the system; who may change the prediction may
        # choose among them
        self.sudo()._put_to_use()
        return True

    def _put_to_use(self):
        self.ensure_one()
        self.model_id.version_ids.filtered(
            lambda v: v.state == "used"
        ).state = "superseded"
        self.flush_model(["state"])
        self.state = "used"
        self.env.registry.clear_cache()
        self.model_id._trigger_scoring()
