from odoo.tests import HttpCase, tagged

from odoo.addons.web.tests import test_js


@tagged("post_install", "-at_install", "crm_plus_scoring")
class TestScoreUnitJs(HttpCase):
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

    def test_score(self):
        self._run_suite("@crm_plus/score")

    def test_domain_words(self):
        self._run_suite("@crm_plus/domain_words_field")

    def test_rule_figures(self):
        self._run_suite("@crm_plus/score_rule_figures")
