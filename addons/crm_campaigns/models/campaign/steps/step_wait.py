from odoo import api, fields, models
from odoo.tools.translate import LazyTranslate

from ....tools.step_kind import SQL_BATCH_SIZE, GoneKind, StepKind

_lt = LazyTranslate(__name__)
LONG_DAYS = 366
MINUTES = {"minutes": 1, "hours": 60, "days": 60 * 24, "weeks": 60 * 24 * 7}
LONG_MONTHS = 12


class WaitKind(StepKind):
    """Lets some time go by."""

    code = "wait"
    label = _lt("Wait")
    family = "time"
    icon = "fa-clock-o"
    waits = True
    can_fail = False
    batch_size = SQL_BATCH_SIZE
    fields = ("delay_count", "delay_unit")

    def get_text(self):
        units = {
            "minutes": (self.env._("1 minute"), self.env._("%s minutes")),
            "hours": (self.env._("1 hour"), self.env._("%s hours")),
            "days": (self.env._("1 day"), self.env._("%s days")),
            "weeks": (self.env._("1 week"), self.env._("%s weeks")),
            "months": (self.env._("1 month"), self.env._("%s months")),
        }
        one, many = units[self.step.delay_unit or "days"]
        count = self.step.delay_count
        return one if count == 1 else many % count

    def get_problems(self):
        if not self.step._has_delay():
            return [self.env._("say how long it waits.")]
        return []

    def get_warnings(self):
        step = self.step
        if (
            step.delay_minutes > LONG_DAYS * MINUTES["days"]
            or step.delay_months > LONG_MONTHS
        ):
            return [self.env._("it waits for more than a year: is that meant?")]
        return []

    def run(self, tasks):
        tasks._done()


class CrmCampaignStep(models.Model):
    _inherit = "crm.campaign.step"

    delay_count = fields.Integer(string="How Long", default=1)
    delay_unit = fields.Selection(
        [
            ("minutes", "Minutes"),
            ("hours", "Hours"),
            ("days", "Days"),
            ("weeks", "Weeks"),
            ("months", "Months"),
        ],
        default="days",
        help="A month later is the same day of the next month, or its last one.",
    )
    delay_minutes = fields.Integer(
        compute="_compute_delay_minutes", store=True, export_string_translation=False
    )
    # months have no number of minutes
    delay_months = fields.Integer(
        compute="_compute_delay_minutes", store=True, export_string_translation=False
    )

    _delay_positive = models.Constraint(
        "CHECK(delay_count >= 0)", "A step cannot wait for a negative time."
    )

    @api.model
    def _get_kinds(self):
        return [*super()._get_kinds(), WaitKind]

    @api.depends("kind", "delay_count", "delay_unit")
    def _compute_delay_minutes(self):
        kinds = self._get_kind_classes()
        for step in self:
            waits = bool(step.kind) and kinds.get(step.kind, GoneKind).waits
            count = step.delay_count if waits else 0
            unit = step.delay_unit or "days"
            step.delay_minutes = count * MINUTES.get(unit, 0)
            step.delay_months = count if unit == "months" else 0

    def _has_delay(self):
        return bool(self.delay_minutes or self.delay_months)
