from dateutil.relativedelta import relativedelta

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError
from odoo.tools import SQL

from ...tools import prediction
from ...tools.prediction_leaks import FOLLOWS_DECISION, MOVES_WITH_TIME
from ...tools.team_scope import TEAM_DOMAIN, check_team_companies
from ...tools.user_domain import domain_fields, evaluate_domain

INTERVALS = {
    "weekly": relativedelta(weeks=1),
    "monthly": relativedelta(months=1),
    "quarterly": relativedelta(months=3),
}


class CrmPredictionModel(models.Model):
    """What to predict the conversion of leads from, and when it was known.

    Each training makes a ``crm.prediction.version``; the one in use scores. Training is
    in ``crm_prediction_training.py``, scoring in ``crm_prediction_scoring.py``.
    """

    _name = "crm.prediction.model"
    _description = "Prediction"
    _inherit = ["mail.thread", "mail.activity.mixin"]
    _order = "sequence, id"

    @api.model
    def _default_input_ids(self):
        return [
            fields.Command.create({"source": "field", "field_path": name})
            for name in (
                "source_id",
                "medium_id",
                "country_id",
                "team_id",
                "partner_id",
                "email_from",
                "phone",
                "expected_revenue",
            )
        ]

    # identity
    name = fields.Char(required=True, translate=True)
    active = fields.Boolean(default=True)
    sequence = fields.Integer(default=10)
    user_id = fields.Many2one(
        "res.users",
        string="Responsible",
        default=lambda self: self.env.user,
        domain="[('share', '=', False)]",
        help="Gets an activity when the prediction does not hold any more.",
    )
    # which leads
    company_id = fields.Many2one(
        "res.company", help="Only leads of this company. Empty: of all."
    )
    team_ids = fields.Many2many(
        "crm.team",
        string="Sales Teams",
        domain=TEAM_DOMAIN,
        help="Only leads of these teams. Empty: of all.",
    )
    lead_model = fields.Char(
        compute="_compute_lead_model", export_string_translation=False
    )
    domain = fields.Char(
        string="Leads",
        default="[]",
        help="Only these, by what does not change on the way to the decision.\n"
        "Dates that move with time: choose “is in” (the last 30 days …). “today -90d” "
        "works, too, but Odoo's editor shows such a date as “Invalid DateTime”.",
    )
    # what is known
    age_days = fields.Integer(
        string="Known After (Days)",
        help="0: as leads were at intake. n: as they were n days later, with the "
        "touchpoints until then; leads decided before are not learned from, and leads "
        "younger than that are not predicted.",
    )
    input_ids = fields.One2many(
        "crm.prediction.input",
        "model_id",
        default=lambda self: self._default_input_ids(),
        copy=True,
    )
    # how
    minimum_sample = fields.Integer(
        string="Least Decided Leads",
        default=500,
        required=True,
        help="With fewer decided leads nothing is trained.",
    )
    leak_auc = fields.Float(
        string="Too Good to Be True",
        default=0.85,
        digits=(3, 2),
        help="An input that alone tells won from lost with an AUC above that is taken "
        "for a leak and left out.",
    )
    schedule = fields.Selection(
        [
            ("never", "Only by hand"),
            ("weekly", "Every week"),
            ("monthly", "Every month"),
            ("quarterly", "Every three months"),
        ],
        string="Train Again",
        required=True,
        default="monthly",
    )
    date_next_training = fields.Datetime(
        string="Next Training", readonly=True, copy=False
    )
    is_look_due = fields.Boolean(
        copy=False, help="The values of all open leads have to be looked at once."
    )
    # versions
    version_ids = fields.One2many("crm.prediction.version", "model_id", copy=False)
    version_id = fields.Many2one(
        "crm.prediction.version",
        string="Version in Use",
        compute="_compute_version_id",
    )
    version_count = fields.Integer(compute="_compute_version_id", string="Versions")
    last_version_id = fields.Many2one(
        "crm.prediction.version",
        string="Last Training",
        compute="_compute_version_id",
    )
    last_message = fields.Char(compute="_compute_version_id", string="Last Result")
    last_state = fields.Char(
        compute="_compute_version_id", export_string_translation=False
    )
    is_drifting = fields.Boolean(
        compute="_compute_version_id", export_string_translation=False
    )
    last_report = fields.Html(compute="_compute_version_id", sanitize=False)
    last_warnings = fields.Text(compute="_compute_version_id")
    lead_count = fields.Integer(string="Predicted Leads", compute="_compute_lead_count")
    has_poor_history = fields.Boolean(compute="_compute_has_poor_history")
    decided_count = fields.Integer(
        string="Decided Leads",
        compute="_compute_decided_count",
        help="Won and lost leads that were still open at intake, or at the chosen age.",
    )
    snapshot_count = fields.Integer(
        string="Kept Values",
        compute="_compute_snapshot_count",
        groups="crm_plus.crm_plus_group_manager",
        help="Leads of which values were kept as they were at this age.",
    )
    is_available = fields.Boolean(compute="_compute_is_available")

    _check_bounds = models.Constraint(
        "CHECK(age_days >= 0 AND minimum_sample >= 100"
        " AND leak_auc > 0.6 AND leak_auc <= 1)",
        "The age cannot be negative, the least number of decided leads is 100, and the "
        "bound of a single input lies between 0.6 and 1.",
    )

    # ------------------------------------------------------------
    # Computes and constraints
    # ------------------------------------------------------------

    def _compute_lead_model(self):
        self.lead_model = "crm.lead"

    @api.depends("version_ids.state", "version_ids.is_drifting")
    def _compute_version_id(self):
        for model in self:
            versions = model.version_ids.sorted(lambda v: v._origin.id, reverse=True)
            model.version_id = versions.filtered(lambda v: v.state == "used")[:1]
            model.last_version_id = versions[:1]
            model.last_message = versions[:1].message
            model.last_state = versions[:1].state
            model.is_drifting = model.version_id.is_drifting
            model.last_report = versions[:1].report
            model.last_warnings = versions[:1].warnings
            model.version_count = len(versions)

    def _compute_lead_count(self):
        counts = dict(
            self.env["crm.lead"]._read_group(
                [("predict_version_id.model_id", "in", self.ids)],
                ["predict_version_id"],
                ["__count"],
            )
        )
        for model in self:
            model.lead_count = sum(
                count
                for version, count in counts.items()
                # sudo: the version of another company counts as well
                if version.sudo().model_id == model
            )

    @api.depends("input_ids.is_history_poor")
    def _compute_has_poor_history(self):
        for model in self:
            model.has_poor_history = any(model.input_ids.mapped("is_history_poor"))

    @api.depends("age_days", "domain", "team_ids", "company_id")
    def _compute_decided_count(self):
        for model in self:
            # one question a prediction: there are a handful, each of other leads
            model.decided_count = model._origin and model._origin._count_known([])[0]

    @api.depends("age_days")
    def _compute_snapshot_count(self):
        counts = dict(
            self.env["crm.prediction.snapshot"]._read_group(
                [("age_days", "in", self.mapped("age_days"))],
                ["age_days"],
                ["__count"],
            )
        )
        for model in self:
            model.snapshot_count = counts.get(model.age_days, 0)

    def _compute_is_available(self):
        self.is_available = prediction.is_available()

    @api.constrains("team_ids", "company_id")
    def _check_team_companies(self):
        check_team_companies(self)

    @api.constrains("domain")
    def _check_domain(self):
        # Constraints run as superuser; the writer's own rights count here.
        Lead = self.env["crm.lead"].with_user(self.env.user)
        for model in self:
            try:
                domain = evaluate_domain(Lead.env, model.domain)
                Lead.search(domain, limit=1)
                names = domain_fields(Lead, domain)
            except Exception as error:
                raise ValidationError(
                    self.env._("The filter of leads does not work: %s", error)
                ) from error
            refused = names & (
                FOLLOWS_DECISION | MOVES_WITH_TIME | {"type", "stage_id"}
            )
            if refused:
                raise ValidationError(
                    self.env._(
                        "The filter names what changes on the way to the decision: %s. "
                        "It would choose leads by how they ended.",
                        ", ".join(
                            Lead._fields[name]._description_string(self.env)
                            for name in sorted(refused)
                        ),
                    )
                )

    # ------------------------------------------------------------
    # ORM
    # ------------------------------------------------------------

    @api.model_create_multi
    def create(self, vals_list):
        models_ = super().create(vals_list)
        models_._look_again()
        return models_

    def write(self, vals):
        result = super().write(vals)
        self.env.registry.clear_cache()
        if vals.keys() & {"active", "age_days", "company_id"}:
            self._look_again()
        elif vals.keys() & {"domain", "team_ids"}:
            self._trigger_scoring()
        return result

    def unlink(self):
        # sudo: no lead keeps a probability that nobody can explain, whoever may see it
        self.sudo()._forget_leads()
        result = super().unlink()
        self.env.registry.clear_cache()
        return result

    def _look_again(self):
        """Other things are looked at now: keep what is known of the leads there are."""
        self.env.registry.clear_cache()
        # sudo: a mark of the system
        self.sudo().filtered(lambda model: not model.is_look_due).is_look_due = True
        self._trigger_scoring()

    def _forget_leads(self):
        """Take the probabilities of these predictions from the leads that have them."""
        names = ["predict_probability", "predict_date", "predict_version_id"]
        rows = self.env.execute_query(
            SQL(
                """UPDATE crm_lead
                      SET predict_probability = NULL, predict_date = NULL,
                          predict_version_id = NULL
                    WHERE predict_version_id = ANY(%s)
                RETURNING id""",
                self.version_ids.ids,
            )
        )
        leads = self.env["crm.lead"].browse([row[0] for row in rows])
        leads.invalidate_recordset(names, flush=False)
        leads.modified(names)

    # ------------------------------------------------------------
    # Actions
    # ------------------------------------------------------------

    @api.model
    def _check_available(self):
        if not prediction.is_available():
            raise UserError(
                self.env._(
                    "Predictions are trained by scikit-learn, which is not installed "
                    "on this server. Ask its administrator for: "
                    "pip install scikit-learn"
                )
            )

    def action_train(self):
        """Train in the background: it takes from seconds to minutes."""
        self.check_access("write")
        self._check_available()
        self.date_next_training = fields.Datetime.now()
        # sudo: who may train may wake the job, not change it
        self.env.ref("crm_plus.ir_cron_train_predictions").sudo()._trigger()
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {
                "type": "success",
                "message": self.env._(
                    "Training in the background. The result appears here in a few "
                    "minutes."
                ),
            },
        }

    def action_view_versions(self):
        self.ensure_one()
        action = self.env["ir.actions.actions"]._for_xml_id(
            "crm_plus.crm_prediction_version_action"
        )
        action["domain"] = [("model_id", "=", self.id)]
        action["context"] = {"create": False}
        return action

    def action_view_snapshots(self):
        self.ensure_one()
        action = self.env["ir.actions.actions"]._for_xml_id(
            "crm_plus.crm_prediction_snapshot_action"
        )
        action["domain"] = [("age_days", "=", self.age_days)]
        return action

    def action_view_leads(self):
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Predicted by %s", self.name),
            "res_model": "crm.lead",
            "view_mode": "list,form,graph,pivot",
            "domain": [("predict_version_id.model_id", "=", self.id)],
            "context": {"create": False, "active_test": False},
        }

    def _get_next_training(self):
        self.ensure_one()
        interval = INTERVALS.get(self.schedule)
        return fields.Datetime.now() + interval if interval else False
