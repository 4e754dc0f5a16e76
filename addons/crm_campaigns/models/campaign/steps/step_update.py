from collections import Counter

from odoo import api, fields, models
from odoo.tools.translate import LazyTranslate

from ....tools.step_kind import StepKind
from ..mail_thread import BATCH

_lt = LazyTranslate(__name__)


class UpdateKind(StepKind):
    """Writes values into the records: one write for the batch. Numbers that are raised
    take one for each number that is there.
    """

    code = "update"
    label = _lt("Update the Record")
    family = "record"
    icon = "fa-pencil-square-o"
    fields = ("value_ids",)
    # one write; much more would keep others waiting for its locks
    batch_size = 2000

    def get_text(self):
        return ", ".join(self.step.value_ids.mapped("display_name"))

    def get_problems(self):
        if not self.step.value_ids:
            return [self.env._("say what it writes.")]
        return []

    def get_preview(self, record, date):
        record = record.with_company(self.step.company_id)
        return [line._get_preview(record) for line in self.step.value_ids]

    def run(self, tasks):
        campaign = self.step.campaign_id
        # who entered twice is raised twice
        times = Counter(tasks._get_subjects().values())
        records = (
            self.env[campaign._get_model()]
            .with_company(campaign.company_id)
            .with_context(**{BATCH: True})
            .browse(times)
        )
        values = {}
        for line in self.step.value_ids:
            # several lines may add to the same tags
            for name, value in line._get_values(records).items():
                values[name] = (
                    values[name] + value
                    if isinstance(value, list) and name in values
                    else value
                )
        records.write(values)
        for line in self.step.value_ids:
            if difference := line._get_difference():
                # sudo: fields of models are no secret
                name = line.field_id.sudo().name
                groups = records.grouped(lambda r, n=name: (r[n], times[r.id]))
                for (number, count), batch in groups.items():
                    batch.write({name: number + difference * count})
        tasks._done(reason=", ".join(self.step.value_ids.mapped("display_name")))


class CrmCampaignStep(models.Model):
    _inherit = "crm.campaign.step"

    value_ids = fields.One2many(
        "crm.campaign.step.value", "step_id", string="What to Write", copy=True
    )

    @api.model
    def _get_kinds(self):
        return [*super()._get_kinds(), UpdateKind]
