from odoo.tests import HttpCase, tagged

from odoo.addons.web.tests import test_js


@tagged("post_install", "-at_install", "crm_sla")
class TestSlaUnitJs(HttpCase):
    def test_desktop(self):
        suite = test_js.HOOTCommon._generate_hash(self, "@crm_plus/sla_remaining_field")
        self.browser_js(
            f"/web/tests?headless&loglevel=2&preset=desktop&timeout=15000&id={suite}",
            "",
            "",
            login="admin",
            timeout=300,
            success_signal="[HOOT] Test suite succeeded",
            error_checker=test_js.unit_test_error_checker,
        )
