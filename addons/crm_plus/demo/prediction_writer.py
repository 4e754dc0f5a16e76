"""What a prediction says of a year of leads."""

from odoo import api, models

from ..tools import prediction


class CrmPlusDemo(models.AbstractModel):
    """A prediction that was asked for, and what came out: nothing is made up."""

    _inherit = "crm.plus.demo"

    @api.model
    def _load_prediction(self):
        """Train on the leads of the story; too few are told to be too few."""
        model = self.env.ref("crm_plus.demo_prediction", raise_if_not_found=False)
        if self._is_demo_database() and model and prediction.is_available():
            model.with_env(self._get_env().env)._train()
