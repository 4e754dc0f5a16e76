import json

from odoo.tests import HttpCase, new_test_user

BOT = "odoo.loader.modules.get('@crm_plus/../tests/tours/open_screens').openScreens"


class ScreensCase(HttpCase):
    """Every screen of an addon can be opened by those who have a menu to it."""

    def get_login(self, demo_user, groups):
        """The demo user's login, or that of somebody new with ``groups``."""
        user = self.env.ref(demo_user, raise_if_not_found=False)
        return (user or new_test_user(self.env, "screens", groups=groups)).login

    def open_screens(self, addon, login):
        """Open each menu of ``addon`` that ``login`` sees, in all its views.

        :raise AssertionError: an error dialog, an error in the console, no menu at all
        """
        user = self.env["res.users"].search([("login", "=", login)])
        menus = self._get_menus(addon, user)
        self.assertTrue(menus, f"{login} has no menu of {addon}")
        self.browser_js(
            "/odoo",
            f"{BOT}({json.dumps(menus)})",
            "odoo.isReady === true",
            login=login,
            timeout=600,
        )

    def _get_menus(self, addon, user):
        menus = self.env["ir.ui.menu"].with_user(user).load_menus(False)
        return [
            {
                "name": menu["name"],
                "xmlid": menu["xmlid"],
                "action": menu["action_id"],
            }
            for key, menu in menus.items()
            if key != "root"
            and menu["action_id"]
            and (menu["xmlid"] or "").startswith(f"{addon}.")
        ]
