from odoo.tests import HttpCase, tagged

from odoo.addons.web.tests import test_js


@tagged("post_install", "-at_install", "crm_campaigns_canvas")
class TestCampaignCanvasUnitJs(HttpCase):
    def _run_suite(self, name):
        suite = test_js.HOOTCommon._generate_hash(self, name)
        self.browser_js(
            f"/web/tests?headless&loglevel=2&preset=desktop&timeout=15000&id={suite}",
            "",
            "",
            login="admin",
            timeout=300,
            success_signal="[HOOT] Test suite succeeded",
            error_checker=test_js.unit_test_error_checker,
        )

    def test_layout(self):
        self._run_suite("@crm_campaigns/tree_layout")

    def test_canvas(self):
        self._run_suite("@crm_campaigns/campaign_canvas")

    def test_link_choice(self):
        self._run_suite("@crm_campaigns/link_choice_field")
