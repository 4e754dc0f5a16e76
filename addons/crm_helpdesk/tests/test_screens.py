from odoo.tests import tagged

from odoo.addons.crm_plus.tests.screens import ScreensCase


@tagged("post_install", "-at_install", "crm_helpdesk_screens")
class TestScreens(ScreensCase):
    """Where nothing is yet; ``./config/test demo`` opens them with records too."""

    def test_administrator(self):
        self.open_screens("crm_helpdesk", "admin")

    def test_agent(self):
        self.open_screens(
            "crm_helpdesk",
            self.get_login(
                "crm_helpdesk.demo_user_tomas", "crm_helpdesk.crm_helpdesk_group_user"
            ),
        )
