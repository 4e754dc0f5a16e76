from datetime import date

from odoo.exceptions import AccessError
from odoo.fields import Command
from odoo.tests import freeze_time, tagged

from .test_sla import SlaCommon, at


@tagged("post_install", "-at_install", "crm_sla")
class TestActivityVolume(SlaCommon):
    """Monday, January 5, to Friday, January 9, 2026: five working days.

    The seller does two calls for two contacts of one customer, and writes one message;
    the leader does a to-do on the seller's lead.
    """

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        contacts = cls.env["res.partner"].create(
            [{"name": name, "parent_id": cls.customer.id} for name in ("Ida", "Ole")]
        )
        cls.customer.is_company = True
        cls.leads = cls._create_leads(start=at(9), partner_id=contacts[0].id)
        cls.leads |= cls._create_leads(start=at(9), partner_id=contacts[1].id)
        call = cls.env.ref("mail.mail_activity_data_call")
        todo = cls.env.ref("mail.mail_activity_data_todo")
        for moment, user, lead, activity_type in (
            (at(10), cls.seller, cls.leads[0], call),
            (at(11, day=1), cls.seller, cls.leads[1], call),
            (at(12, day=2), cls.leader, cls.leads[0], todo),
            # the week after
            (at(9, day=7), cls.seller, cls.leads[0], call),
        ):
            with freeze_time(moment):
                activity = lead.with_user(user).activity_schedule(
                    activity_type_id=activity_type.id,
                    date_deadline=date(2026, 1, 5),
                    user_id=user.id,
                )
                activity.action_feedback()
        with freeze_time(at(13)):
            lead = cls.leads[0]
            lead.with_user(cls.seller).message_post(
                body="Hello", message_type="comment", subtype_xmlid="mail.mt_comment"
            )
            # none of these is work of a person for the customer
            lead.with_user(cls.seller).message_post(body="Note")
            lead.message_post(
                body="Thanks",
                message_type="auto_comment",
                subtype_xmlid="mail.mt_comment",
                author_id=cls.seller.partner_id.id,
            )
            lead.message_post(
                body="Question",
                message_type="comment",
                subtype_xmlid="mail.mt_comment",
                author_id=contacts[0].id,
            )
        cls.env.flush_all()

    def setUp(self):
        super().setUp()
        freezer = freeze_time(at(20, day=20))
        freezer.start()
        self.addCleanup(freezer.stop)

    def _overview(self, user=None, **kwargs):
        values = {"date_from": "2026-01-05", "date_to": "2026-01-12", **kwargs}
        Volume = self.env["crm.activity.volume"].with_user(user or self.leader)
        return Volume.get_overview(**values)

    def test_activities_per_person_and_working_day(self):
        data = self._overview()

        self.assertEqual(data["days"], 5)
        figures = {
            person["label"]: (
                person["activities"],
                person["per_day"],
                person["messages"],
                person["customers"],
                person["leads"],
            )
            for person in data["people"]
        }
        self.assertEqual(
            figures,
            {self.seller.name: (2, 0.4, 1, 1, 2), self.leader.name: (1, 0.2, 0, 1, 1)},
        )

    def test_figures_open_what_they_count(self):
        for person in self._overview()["people"]:
            rows = self.env["crm.activity.volume"].search(person["domain"])
            self.assertEqual(sum(rows.mapped("activities")), person["activities"])
            self.assertEqual(sum(rows.mapped("messages")), person["messages"])

    def test_time_off_of_the_company_is_no_working_day(self):
        self.env["resource.calendar.leaves"].create(
            {
                "name": "Holiday",
                "calendar_id": self.calendar.id,
                "company_id": self.company.id,
                "date_from": at(0, day=1),
                "date_to": at(23, day=1),
            }
        )
        self.assertEqual(self._overview()["days"], 4)

    def test_no_working_day_gives_no_rate(self):
        self.calendar.attendance_ids = [Command.clear()]
        data = self._overview()

        self.assertEqual(data["days"], 0)
        self.assertEqual({person["per_day"] for person in data["people"]}, {None})

    def test_a_period_that_runs_counts_to_today(self):
        with freeze_time(at(12, day=1)):
            self.assertEqual(self._overview()["days"], 2)
        with freeze_time(at(12, day=-7)):
            self.assertEqual(self._overview()["days"], 0)

    def test_junk_stays_out(self):
        before = self.env["crm.activity.volume"].search([])
        junk = before.lead_id[0]
        junk.action_set_junk()
        self.env.flush_all()
        after = self.env["crm.activity.volume"].search([])
        self.assertTrue(after < before)
        self.assertNotIn(junk, after.lead_id)

    def test_reader_sees_the_own_scope(self):
        self.assertEqual(len(self._overview(self.seller)["people"]), 2)
        self.assertFalse(self._overview(self.colleague)["people"])
        self.assertFalse(self._overview(self.stranger)["people"])
        with self.assertRaises(AccessError):
            self._overview(self.env.ref("base.public_user"))
