from odoo.tests import tagged

from odoo.addons.crm_plus.tests.unit_js import UnitJsCase


@tagged("post_install", "-at_install", "crm_campaigns_canvas")
class TestCampaignCanvasUnitJs(UnitJsCase):
    def test_layout(self):
        self._run_suite("@crm_campaigns/tree_layout")

    def test_canvas(self):
        self._run_suite("@crm_campaigns/campaign_canvas")

    def test_link_choice(self):
        self._run_suite("@crm_campaigns/link_choice_field")
