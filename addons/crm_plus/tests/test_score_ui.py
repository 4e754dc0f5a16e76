from odoo.tests import tagged

from .unit_js import UnitJsCase


@tagged("post_install", "-at_install", "crm_plus_scoring")
class TestScoreUnitJs(UnitJsCase):
    def test_score(self):
        self._run_suite("@crm_plus/score")

    def test_domain_words(self):
        self._run_suite("@crm_plus/domain_words_field")

    def test_rule_figures(self):
        self._run_suite("@crm_plus/score_rule_figures")
