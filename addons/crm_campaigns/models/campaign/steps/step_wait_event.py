from odoo import api, fields, models
from odoo.tools import SQL
from odoo.tools.translate import LazyTranslate

from ....tools.step_kind import SQL_BATCH_SIZE
from .step_wait import WaitKind

_lt = LazyTranslate(__name__)


class WaitEventKind(WaitKind):
    """Something happened, as the timeline tells it: yes, at once. Time is up: no."""

    code = "wait_event"
    label = _lt("Wait for Something to Happen")
    icon = "fa-bolt"
    ways = {"yes": _lt("it happened"), "no": _lt("not in time")}
    batch_size = SQL_BATCH_SIZE
    fields = (*WaitKind.fields, "event_kind_ids")

    def get_text(self):
        return self.env._(
            "%(events)s, within %(delay)s",
            events=", ".join(self.step.event_kind_ids.mapped("name")),
            delay=super().get_text(),
        )

    def get_problems(self):
        if not self.step.event_kind_ids:
            return [self.env._("choose what it waits for.")]
        return super().get_problems()

    def run(self, tasks):
        happened = dict(
            self.env.execute_query(
                tasks._get_happened_query(SQL("w.id = ANY(%s)", tasks.ids))
            )
        )
        names = {kind.id: kind.display_name for kind in self.step.event_kind_ids}
        ids_by_kind = {}
        for task_id, kind_id in happened.items():
            ids_by_kind.setdefault(kind_id, []).append(task_id)
        for kind_id, task_ids in ids_by_kind.items():
            tasks.browse(task_ids)._done("yes", names[kind_id])
        tasks.browse(i for i in tasks._ids if i not in happened)._done("no")


class CrmCampaignStep(models.Model):
    _inherit = "crm.campaign.step"

    event_kind_ids = fields.Many2many(
        "crm.touchpoint.kind",
        relation="crm_campaign_step_event_rel",
        string="What Happens",
        help="From the timeline: a form sent, an order, a delivery, a payment …",
    )

    @api.model
    def _get_kinds(self):
        return [*super()._get_kinds(), WaitEventKind]
