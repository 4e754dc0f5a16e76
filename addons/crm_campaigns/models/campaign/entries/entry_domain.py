from odoo import api, fields, models
from odoo.tools import SQL
from odoo.tools.translate import LazyTranslate

from ....tools.entry_kind import EntryKind
from ....tools.event_condition import has_condition

_lt = LazyTranslate(__name__)


class DomainEntry(EntryKind):
    """Records of any model with a person behind them that meet a condition, looked for
    every hour.
    """

    code = "domain"
    label = _lt("Meets a condition")
    icon = "fa-filter"
    is_state = True
    look_minutes = 60
    fields = ("model_id", "entry_domain")

    def get_problems(self):
        if not has_condition(self.campaign.entry_domain):
            return [self.env._("Say which records enter.")]
        return []

    def get_start_candidates(self):
        return self.get_candidates(None)

    def get_candidates(self, since):
        return SQL(
            "SELECT id AS res_id, '' AS event, %s AS date FROM (%s) AS matching(id)",
            fields.Datetime.now(),
            self._get_condition(),
        )


class CrmCampaign(models.Model):
    _inherit = "crm.campaign"

    @api.model
    def _get_entries(self):
        return [*super()._get_entries(), DomainEntry]
