from odoo.tests import tagged

from .screens import ScreensCase


@tagged("post_install", "-at_install", "crm_plus_screens")
class TestScreens(ScreensCase):
    """Where nothing is yet; ``./config/test demo`` opens them with records too."""

    def test_administrator(self):
        self.open_screens("crm_plus", "admin")
        self.open_screens("crm", "admin")

    def test_manager(self):
        self.open_screens(
            "crm_plus",
            self.get_login("crm_plus.demo_user_owen", "sales_team.group_sale_manager"),
        )

    def test_seller(self):
        self.open_screens(
            "crm_plus",
            self.get_login("crm_plus.demo_user_nora", "sales_team.group_sale_salesman"),
        )
