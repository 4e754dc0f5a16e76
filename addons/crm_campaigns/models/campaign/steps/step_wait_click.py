from odoo import api, models
from odoo.tools import SQL
from odoo.tools.translate import LazyTranslate

from ....tools.step_kind import SQL_BATCH_SIZE
from .step_wait import WaitKind

_lt = LazyTranslate(__name__)


class WaitClickKind(WaitKind):
    """Clicked by a person: yes, at once. Time is up: no."""

    code = "wait_click"
    label = _lt("Wait for a Click")
    icon = "fa-mouse-pointer"
    ways = {"yes": _lt("clicked"), "no": _lt("no click in time")}
    batch_size = SQL_BATCH_SIZE
    fields = (*WaitKind.fields, "link_step_id", "link_url")

    def get_text(self):
        link = self.step._get_click_words()
        if not link:
            return super().get_text()
        return self.env._(
            "%(link)s, within %(delay)s", link=link, delay=super().get_text()
        )

    def get_problems(self):
        return [*self.step._get_click_problems(), *super().get_problems()]

    def on_planned(self, tasks):
        # while another step came in between
        tasks._wake_clicked()

    def run(self, tasks):
        tasks._flush_clicks()
        clicks = dict(
            self.env.execute_query(
                tasks._get_clicked_query(SQL("w.id = ANY(%s)", tasks.ids))
            )
        )
        # sudo: what was clicked is shown to whoever may see the journey
        records = self.env["link.tracker.click"].sudo().browse(clicks.values())
        urls = {click.id: click.link_id.url for click in records}
        by_url = {}
        for task_id, click_id in clicks.items():
            by_url.setdefault(urls[click_id], []).append(task_id)
        for url, task_ids in by_url.items():
            tasks.browse(task_ids)._done("yes", url)
        tasks.browse(i for i in tasks._ids if i not in clicks)._done("no")


class CrmCampaignStep(models.Model):
    _inherit = "crm.campaign.step"

    @api.model
    def _get_kinds(self):
        return [*super()._get_kinds(), WaitClickKind]
