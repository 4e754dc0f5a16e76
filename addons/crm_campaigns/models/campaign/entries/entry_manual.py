from odoo import api, models
from odoo.tools.translate import LazyTranslate

from ....tools.entry_kind import EntryKind

_lt = LazyTranslate(__name__)


class ManualEntry(EntryKind):
    """Whom a person puts in: any list of such records has the action for it."""

    code = "manual"
    label = _lt("Somebody puts them in")
    icon = "fa-hand-o-up"
    fields = ("model_id",)


class CrmCampaign(models.Model):
    _inherit = "crm.campaign"

    @api.model
    def _get_entries(self):
        return [*super()._get_entries(), ManualEntry]
