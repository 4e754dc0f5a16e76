from odoo import api, fields, models
from odoo.exceptions import ValidationError
from odoo.tools.translate import LazyTranslate

from odoo.addons.crm_plus.tools.user_domain import domain_error, evaluate_domain

from ....tools.step_kind import SQL_BATCH_SIZE, StepKind
from ....tools.subjects import find_matching

_lt = LazyTranslate(__name__)


class ConditionKind(StepKind):
    """If the record meets a condition now: yes, else no. It does not wait for it."""

    code = "condition"
    label = _lt("If a Condition Holds")
    family = "branch"
    icon = "fa-code-fork"
    ways = {"yes": _lt("If so"), "no": _lt("If not")}
    batch_size = SQL_BATCH_SIZE
    fields = ("condition",)

    def get_problems(self):
        if self.step._get_condition().is_true():
            return [self.env._("say what it asks for.")]
        return []

    def run(self, tasks):
        subjects = tasks._get_subjects()
        matching = find_matching(
            self.step._get_records(subjects.values()), self.step._get_condition()
        )
        yes, no = [], []
        for task_id, res_id in subjects.items():
            (yes if res_id in matching else no).append(task_id)
        tasks.browse(yes)._done("yes")
        tasks.browse(no)._done("no")


class CrmCampaignStep(models.Model):
    _inherit = "crm.campaign.step"

    condition = fields.Char(
        default="[]",
        help="Looked at when somebody gets here, with the rights of whoever is "
        "responsible for the campaign.",
    )

    @api.model
    def _get_kinds(self):
        return [*super()._get_kinds(), ConditionKind]

    @api.constrains("condition", "kind")
    def _check_condition(self):
        for step in self.filtered(lambda s: (s.condition or "[]") != "[]"):
            # whoever writes it learns no more than the responsible and they may see
            for user in step.campaign_id.user_id | self.env.user:
                Model = step._get_records([], user)
                if error := domain_error(Model, step.condition):
                    raise ValidationError(
                        self.env._(
                            "The condition of “%(step)s” does not work for %(user)s: "
                            "%(error)s",
                            step=step.name,
                            user=user.name,
                            error=error,
                        )
                    )

    def _get_condition(self):
        """The condition of this step, at this moment."""
        return evaluate_domain(self._get_records([]).env, self.condition)
