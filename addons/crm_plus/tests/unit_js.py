from odoo.tests import HttpCase

from odoo.addons.web.tests import test_js


class UnitJsCase(HttpCase):
    """Suites of unit tests in the browser, one of an addon at a time."""

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
