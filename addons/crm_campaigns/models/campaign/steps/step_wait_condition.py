from odoo import api, models
from odoo.tools import SQL
from odoo.tools.translate import LazyTranslate

from ....tools.step_kind import SQL_BATCH_SIZE
from .step_wait import WaitKind

_lt = LazyTranslate(__name__)


class WatchKind(WaitKind):
    """Waits for something that may come true at any moment, at most for a time.

    Who waits costs nothing: what happens to somebody has the scheduler look at them,
    see ``crm.campaign.look``, and only those for whom it has come true fall due.
    """

    batch_size = SQL_BATCH_SIZE
    watches = True

    def get_meets(self):
        """Hook: SQL of whether it is true for the participant ``p``."""
        raise NotImplementedError

    def look(self, condition):
        self.env["crm.campaign.task"]._wake_watching(
            self.step, SQL("%s AND %s", condition, self.get_meets())
        )

    def on_planned(self, tasks):
        # it may be true already
        self.step._try_look(
            SQL(
                "p.id IN (SELECT participant_id FROM crm_campaign_task"
                " WHERE id = ANY(%s))",
                tasks.ids,
            )
        )

    def run(self, tasks):
        met = tasks._filter_participants(self.get_meets())
        self._come_true(met)
        (tasks - met)._wait_on()._done("no")

    def _come_true(self, tasks):
        tasks._done("yes")


class WaitConditionKind(WatchKind):
    """The record, or its contact, meets a condition: yes, at once. Time is up: no."""

    code = "wait_condition"
    label = _lt("Wait Until a Condition Holds")
    icon = "fa-hourglass-half"
    ways = {"yes": _lt("it holds"), "no": _lt("not in time")}
    fields = (*WaitKind.fields, "condition", "condition_on")

    def get_text(self):
        return self.env._(
            "%(condition)s, within %(delay)s",
            condition=self.step._get_condition_words(),
            delay=super().get_text(),
        )

    def get_problems(self):
        problems = super().get_problems()
        if self.step._get_condition().is_true():
            problems.append(self.env._("say what it waits for."))
        return problems

    def get_meets(self):
        return self.step._get_condition_sql()

    def foresee(self, crowd):
        crowd.go(crowd.run.find_meeting(crowd.ids, self.get_meets()), "yes")
        super().foresee(crowd)


class CrmCampaignStep(models.Model):
    _inherit = "crm.campaign.step"

    @api.model
    def _get_kinds(self):
        return [*super()._get_kinds(), WaitConditionKind]
