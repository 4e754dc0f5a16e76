import logging

from odoo import api, fields, models
from odoo.tools import SQL, ormcache
from odoo.tools.translate import LazyTranslate

from ....tools.event_condition import event_sql, event_words, has_condition
from ....tools.step_kind import SQL_BATCH_SIZE
from .step_wait import WaitKind

_logger = logging.getLogger(__name__)
_lt = LazyTranslate(__name__)


class WaitEventKind(WaitKind):
    """Something happened, as the timeline tells it, perhaps only such as meets a
    condition: yes, at once. Time is up: no.
    """

    code = "wait_event"
    label = _lt("Wait for Something to Happen")
    icon = "fa-bolt"
    ways = {"yes": _lt("it happened"), "no": _lt("not in time")}
    batch_size = SQL_BATCH_SIZE
    fields = (*WaitKind.fields, "event_domain", "event_kind_ids")

    def get_text(self):
        return self.env._(
            "%(events)s, within %(delay)s",
            events=self.step._get_event_words(),
            delay=super().get_text(),
        )

    def get_problems(self):
        if not self.step.event_kind_ids:
            return [self.env._("choose what it waits for.")]
        return super().get_problems()

    def run(self, tasks):
        happened = dict(
            self.env.execute_query(
                tasks._get_happened_query(
                    SQL("w.id = ANY(%s) AND %s", tasks.ids, self.step._get_event_sql())
                )
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
    event_domain = fields.Char(
        string="Only Those",
        default="[]",
        help="Of what happens: orders above an amount, a certain form or link, mails "
        "with a subject … Looked at with the rights of the responsible.",
    )

    @api.model
    def _get_kinds(self):
        return [*super()._get_kinds(), WaitEventKind]

    # ------------------------------------------------------------
    # What has to happen
    # ------------------------------------------------------------

    def _get_event_model(self, user=None):
        """The timeline as the responsible sees it."""
        return self._get_records([], user).env["crm.touchpoint"]

    @api.constrains("event_domain", "kind")
    def _check_event_domain(self):
        for step in self.filtered(lambda s: has_condition(s.event_domain)):
            step._check_works(step.event_domain, step._get_event_model)

    def _get_event_sql(self, touchpoint_ids=None):
        """SQL of whether the touchpoint ``t``, of a kind that this step asks for, is
        one that it means; see ``event_sql``.
        """
        return event_sql(self._get_event_model(), self.event_domain, touchpoint_ids)

    def _get_event_words(self):
        return event_words(self.event_kind_ids, self.event_domain)

    # ------------------------------------------------------------
    # Steps that wait for some events of a kind only
    # ------------------------------------------------------------

    @api.model
    @ormcache()
    def _get_choosy_ids(self):
        """Ids of such steps that somebody may wait at. Asked whenever something
        happens: it costs nothing where there are none.
        """
        # sudo: of all campaigns, whoever makes it happen
        Step = self.sudo().with_context(active_test=False)
        return Step.search(
            [
                ("kind", "=", "wait_event"),
                ("event_domain", "not in", (False, "", "[]")),
                ("campaign_id.state", "!=", "draft"),
            ]
        )._ids

    @api.model
    def _get_choosy_sql(self, touchpoint_ids):
        """SQL of whether the touchpoint ``t``, one of these, is one that the waiting
        task ``w`` means.

        A condition that does not work any more must not undo what happens: nobody is
        woken by it, and the scheduler tells what is wrong when the time is up.
        """
        step_ids = self._get_choosy_ids()
        if not step_ids:
            return SQL("TRUE")
        wanted = []
        # sudo: as in ``_get_choosy_ids``; each condition by the rights of its own user
        for step in self.sudo().browse(step_ids).exists():
            try:
                condition = step._get_event_sql(touchpoint_ids)
            except Exception:  # noqa: BLE001 whatever was written, or removed since
                _logger.info("crm_campaigns: condition of %s not read", step)
                continue
            wanted.append(SQL("(w.step_id = %s AND %s)", step.id, condition))
        return SQL(
            "(%s)",
            SQL(" OR ").join([SQL("w.step_id <> ALL(%s)", list(step_ids)), *wanted]),
        )

    @api.model_create_multi
    def create(self, vals_list):
        steps = super().create(vals_list)
        steps._forget_choosy({"kind"})
        return steps

    def write(self, vals):
        result = super().write(vals)
        self._forget_choosy(vals.keys())
        return result

    def _forget_choosy(self, names):
        """Steps of a stopped campaign have changed; to start it forgets them, too."""
        if names & {"event_domain", "kind"} and any(
            step.kind == "wait_event" and step.campaign_id.state != "draft"
            for step in self
        ):
            self.env.registry.clear_cache()
