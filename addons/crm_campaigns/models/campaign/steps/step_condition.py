from odoo import api, fields, models
from odoo.exceptions import ValidationError
from odoo.tools import SQL
from odoo.tools.translate import LazyTranslate

from odoo.addons.crm_plus.tools.domain_words import DomainWords
from odoo.addons.crm_plus.tools.user_domain import evaluate_domain

from ....tools.event_condition import has_condition
from ....tools.step_kind import SQL_BATCH_SIZE, StepKind

_lt = LazyTranslate(__name__)


class ConditionKind(StepKind):
    """If it is so now: yes, else no. It does not wait for it."""

    code = "condition"
    label = _lt("If a Condition Holds")
    family = "branch"
    icon = "fa-code-fork"
    ways = {"yes": _lt("If so"), "no": _lt("If not")}
    batch_size = SQL_BATCH_SIZE
    fields = (
        "condition",
        "condition_by",
        "condition_on",
        "link_step_id",
        "link_url",
        "of_step_id",
        "reaction",
    )

    def get_text(self):
        return getattr(self, f"_get_{self.step.condition_by}_text")()

    def _get_domain_text(self):
        if self.step._get_condition().is_true():
            return ""
        return self.step._get_condition_words()

    def get_problems(self):
        return getattr(self, f"_get_{self.step.condition_by}_problems")()

    def _get_domain_problems(self):
        if self.step._get_condition().is_true():
            return [self.env._("say what it asks for.")]
        return []

    def foresee(self, crowd):
        if self.step.condition_by != "domain":
            # what they will have clicked by then
            crowd.go_somewhere(self.get_ways(), crowd.later(0))
            return
        matching = crowd.run.find_meeting(crowd.ids, self.step._get_condition_sql())
        if crowd.run.is_followed:
            words = self.step._get_condition_words()
            for key in crowd.ids:
                crowd.explain(
                    key,
                    self.env._("It holds now: %s", words)
                    if key in matching
                    else self.env._("It does not hold now: %s", words),
                )
        crowd.go(matching, "yes")
        crowd.go(code="no")

    def run(self, tasks):
        met = tasks._filter_participants(
            getattr(self, f"_get_{self.step.condition_by}_sql")()
        )
        met._done("yes")
        (tasks - met)._done("no")

    def _get_domain_sql(self):
        return self.step._get_condition_sql()

    def _get_click_text(self):
        return self.step._get_click_words()

    def _get_click_problems(self):
        return self.step._get_click_problems()

    def _get_click_sql(self):
        return self.step._get_clicked_sql()

    def get_hints(self):
        if self.step.condition_by == "reaction":
            return self.step._get_reaction_hints()
        return super().get_hints()

    def _get_reaction_text(self):
        return self.step._get_reaction_words()

    def _get_reaction_problems(self):
        return self.step._get_reaction_problems()

    def _get_reaction_sql(self):
        return self.step._get_reaction_sql()


class CrmCampaignStep(models.Model):
    _inherit = "crm.campaign.step"

    condition = fields.Char(
        default="[]",
        help="Looked at with the rights of whoever is responsible for the campaign.",
    )
    condition_by = fields.Selection(
        [
            ("domain", "What they are"),
            ("click", "What they clicked"),
            ("reaction", "What became of a message"),
        ],
        string="It Asks",
        default="domain",
        required=True,
    )
    condition_on = fields.Selection(
        [("record", "The record"), ("customer", "Its contact")],
        string="Of Whom",
        default="record",
        required=True,
    )
    condition_model = fields.Char(compute="_compute_condition_model")

    @api.model
    def _get_kinds(self):
        return [*super()._get_kinds(), ConditionKind]

    @api.depends("condition_on", "model_name")
    def _compute_condition_model(self):
        for step in self:
            step.condition_model = step._get_condition_model_name()

    def _get_condition_model_name(self):
        if self.condition_on == "customer":
            return "res.partner"
        return self.campaign_id._get_model()

    def _get_condition_model(self, user=None):
        """The model that the condition is about, as the responsible sees it."""
        Model = self._get_records([], user)
        return Model.env[self._get_condition_model_name()]

    @api.constrains("condition", "condition_on", "kind")
    def _check_condition(self):
        for step in self.filtered(lambda s: has_condition(s.condition)):
            step._check_works(step.condition, step._get_condition_model)

    def _check_works(self, domain, get_model):
        """Refuse a condition that does not work: whoever writes it learns no more than
        the responsible and they may see.

        :param get_model: ``(user)``: the model that it is about
        """
        for user, error in self.campaign_id._get_condition_errors(domain, get_model):
            raise ValidationError(
                self.env._(
                    "The condition of “%(step)s” does not work for %(user)s: %(error)s",
                    step=self.name,
                    user=user.name,
                    error=error,
                )
            )

    def _get_condition(self):
        """The condition of this step, at this moment."""
        return evaluate_domain(self._get_condition_model().env, self.condition)

    def _get_condition_words(self):
        """The condition as people read it; empty if it cannot be read any more."""
        try:
            condition = self._get_condition()
            return DomainWords(self.env).domain(self.condition_model, condition)
        except Exception:  # noqa: BLE001 whatever was written, or removed since
            return ""

    def _get_condition_sql(self):
        """SQL of whether the participant ``p`` meets the condition now."""
        Model = self._get_condition_model()
        matching = Model._search(self._get_condition(), active_test=False).subselect()
        if self.condition_on == "record":
            return SQL("p.res_id IN %s", matching)
        # a lead may have got its contact on the way
        return SQL(
            """
            COALESCE((SELECT l.partner_id FROM crm_lead l WHERE l.id = p.lead_id),
                     p.partner_id) IN %s
            """,
            matching,
        )
