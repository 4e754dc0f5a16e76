from odoo.tests import tagged

from .unit_js import UnitJsCase


@tagged("post_install", "-at_install", "crm_sla")
class TestSlaUnitJs(UnitJsCase):
    def test_desktop(self):
        self._run_suite("@crm_plus/sla_remaining_field")
