from odoo.tests import tagged

from odoo.addons.crm_plus.tests.screens import ScreensCase


@tagged("post_install", "-at_install", "crm_campaigns_screens")
class TestScreens(ScreensCase):
    """Where nothing is yet; ``./config/test demo`` opens them with records too."""

    def test_administrator(self):
        self.open_screens("crm_campaigns", "admin")

    def test_marketer(self):
        self.open_screens(
            "crm_campaigns",
            self.get_login(
                "crm_campaigns.demo_user_ines", "crm_campaigns.crm_campaigns_group_user"
            ),
        )
