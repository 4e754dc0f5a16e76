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

    def action_start(self):
        result = super().action_start()
        self._offer_by_hand()
        return result

    def _offer_by_hand(self):
        """The lists and forms of the records of these campaigns have the action by
        which somebody puts them in; it goes with this app.
        """
        # sudo: the marketer who starts a campaign does not set up lists
        Action = self.env["ir.actions.act_window"].sudo()
        IrModel = self.env["ir.model"]
        for model in {campaign._get_model() for campaign in self}:
            # few models
            if Action.search_count(
                [
                    ("res_model", "=", "crm.campaign.enter"),
                    ("binding_model_id.model", "=", model),
                ],
                limit=1,
            ):
                continue
            action = self.env.ref("crm_campaigns.crm_campaign_enter_action_lead")
            copied = action.sudo().copy({"binding_model_id": IrModel._get_id(model)})
            # sudo: so that it is uninstalled with the others
            self.env["ir.model.data"].sudo()._update_xmlids(
                [
                    {
                        "xml_id": "crm_campaigns.crm_campaign_enter_action_"
                        + model.replace(".", "_"),
                        "record": copied,
                        "noupdate": True,
                    }
                ]
            )
