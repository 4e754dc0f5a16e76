from odoo.tests import HttpCase, tagged

from .common import CrmPlusCommon


@tagged("post_install", "-at_install", "crm_plus_tour")
class TestContactTour(CrmPlusCommon, HttpCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.person = cls.env["res.partner"].create(
            {"name": "Tour customer", "email": "tour@test.example.com"}
        )

    def test_person_chooses(self):
        Preference = self.env["crm.consent.preference"]
        self.start_tour(
            Preference._get_url(self.person, self.company), "crm_plus_preferences"
        )
        words = self.env["crm.consent"].search(
            [("partner_id", "=", self.person.id)], order="id"
        )
        self.assertEqual(
            words.mapped(lambda one: (one.purpose_id.code, one.channel, one.state)),
            [
                ("newsletter", "email", "withdrawn"),
                ("marketing", False, "withdrawn"),
            ],
        )
        self.assertEqual(
            Preference.search([("partner_id", "=", self.person.id)]).frequency, "month"
        )

    def test_manager_releases_a_hold(self):
        hold = self.env["crm.contact.hold"].create(
            {
                "partner_id": self.person.id,
                "note": "Complaint about the last delivery",
                "user_id": self.seller.id,
            }
        )
        self.start_tour(
            "/odoo", "crm_plus_release_hold", login="plus_manager", timeout=180
        )
        self.assertFalse(hold.is_open)
        self.assertEqual(hold.released_user_id, self.manager)
