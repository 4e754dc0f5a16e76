from unittest.mock import patch

from odoo.exceptions import AccessError, UserError
from odoo.fields import Command
from odoo.tests import HttpCase, tagged
from odoo.tools import mute_logger

from .common import CaseCommon


class ParticipantCommon(CaseCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.case = cls._create_cases(name="Broken grinder")
        # a second one of the same company, which must stay out of sight
        cls.other_case = cls._create_cases(name="Secret of the company")

    def _add(self, case=None, **values):
        return (
            self.env["crm.case.participant"]
            .with_user(self.agent)
            .create({"case_id": (case or self.case).id, **values})
        )


@tagged("post_install", "-at_install", "mail_gateway", "crm_helpdesk")
class TestCaseParticipant(ParticipantCommon):
    """Who has to do with a case, and what that gives him: nothing by itself."""

    # ------------------------------------------------------------
    # Found in mails
    # ------------------------------------------------------------

    def test_people_in_copy_are_noted(self):
        case = self._receive(
            to=f"help@{self.alias_domain}, Olga <olga@else.example>",
            cc=f"{self.jan.email}, {self.agent.email}, no-reply@else.example, "
            f"{self.alias_catchall}@{self.alias_domain}, ida@brandt.example",
        )

        self.assertEqual(
            {(p.email, p.partner_id, p.role) for p in case.participant_ids},
            {
                ("olga@else.example", self.env["res.partner"], "copied"),
                (self.jan.email, self.jan, "copied"),
                (self.agent.email, self.agent.partner_id, "internal"),
            },
        )
        self.assertEqual(
            case.participant_ids.filtered(lambda p: not p.partner_id).name, "Olga"
        )

    def test_being_in_copy_gives_nothing(self):
        """D33: neither the case nor those of the company."""
        case = self._receive(cc=f"{self.jan.email}, {self.eva.email}")

        for user in (self.portal_jan, self.portal_eva):
            self.assertFalse(case.with_user(user).has_access("read"))
            self.assertFalse(self.env["crm.case"].with_user(user).search([]))
        self.assertFalse(case.message_partner_ids)
        self.assertEqual(self._answer(case).notified_partner_ids, self.ida)

    def test_more_people_in_copy_of_an_answer(self):
        case = self._receive(cc="olga@else.example")
        references = case.message_ids[-1].message_id

        self._receive(
            "Re",
            cc="olga@else.example, petr@else.example",
            extra=f"In-Reply-To: {references}\n",
        )

        self.assertEqual(
            case.participant_ids.mapped("email"),
            ["olga@else.example", "petr@else.example"],
        )

    def test_unknown_who_answers_is_noted(self):
        references = self._receive("x").message_ids[-1]
        case = self.env["crm.case"].browse(references.res_id)

        self._receive(
            "Re",
            email_from="Boss <boss@brandt.example>",
            extra=f"In-Reply-To: {references.message_id}\n",
        )

        self.assertRecordValues(
            case.participant_ids,
            [{"email": "boss@brandt.example", "name": "Boss", "role": "copied"}],
        )

    def test_mail_without_a_sender_adds_people_once(self):
        case = self._receive(cc="olga@else.example")
        reply = f"In-Reply-To: {case.message_ids[-1].message_id}\n"
        for number in range(2):
            self._receive(
                f"Re {number}", email_from="", cc="olga@else.example", extra=reply
            )

        self.assertEqual(case.participant_ids.mapped("email"), ["olga@else.example"])

    def test_machines_add_nobody(self):
        case = self._receive("Alarm", extra="Precedence: bulk\n", cc="x@else.example")
        self.assertFalse(case.participant_ids)
        person = self._receive("Person")
        self._receive(
            "Away",
            cc="x@else.example",
            extra=f"In-Reply-To: {person.message_ids[-1].message_id}\n"
            "Auto-Submitted: auto-replied\n",
        )
        self.assertFalse(person.participant_ids)

    def test_what_fails_keeps_the_mail(self):
        """Or each fetch of the mail server would raise, and take it in anew."""
        with (
            patch.object(
                type(self.env["crm.case"]), "_find_contacts", side_effect=ValueError
            ),
            patch(
                "odoo.addons.crm_helpdesk.models.intake.crm_case_reply.mark_html",
                side_effect=ValueError,
            ),
            self.assertLogs("odoo.addons.crm_helpdesk.models.intake", "ERROR") as log,
        ):
            case = self._receive(cc="olga@else.example")

        self.assertEqual(len(log.records), 2)
        self.assertTrue(case)
        self.assertFalse(case.participant_ids)
        self.assertIn("grinder", case.message_ids[-1].body)

    def test_circulars_do_not_fill_the_list(self):
        case = self._receive(cc=", ".join(f"p{i}@else.example" for i in range(200)))

        self.assertEqual(len(case.participant_ids), 30)

    def test_participant_is_believed_with_the_number(self):
        self._add(email="olga@else.example")

        self.assertFalse(
            self._receive(f"[{self.case.number}]", email_from="olga@else.example")
        )
        self.assertTrue(
            self._receive(f"[{self.case.number}]", email_from="petr@else.example")
        )

    def test_people_in_copy_are_proposed_to_who_answers(self):
        self._add(email="olga@else.example", name="Olga")
        self._add(partner_id=self.agent_2.partner_id.id, role="internal")

        proposed = self.case.with_user(self.agent)._message_get_suggested_recipients()

        emails = {person["email"] for person in proposed}
        self.assertIn("olga@else.example", emails)
        self.assertNotIn(self.agent_2.email, emails)

    # ------------------------------------------------------------
    # Given rights by agents
    # ------------------------------------------------------------

    def test_informed_gets_answers_and_sees_nothing(self):
        person = self._add(partner_id=self.jan.id)

        person.action_inform()

        self.assertEqual(
            self._answer(self.case).notified_partner_ids, self.ida + self.jan
        )
        self.assertFalse(self.case.with_user(self.portal_jan).has_access("read"))

    def test_requester_sees_this_case_only(self):
        person = self._add(partner_id=self.jan.id)

        person.action_make_requester()

        self.assertTrue(person.is_on_portal)
        Case = self.env["crm.case"].with_user(self.portal_jan)
        self.assertEqual(Case.search([]), self.case)
        self.assertFalse(self.other_case.with_user(self.portal_jan).has_access("read"))
        self.assertFalse(self.case.with_user(self.portal_jan).has_access("write"))
        self.assertEqual(
            self._answer(self.case).notified_partner_ids, self.ida + self.jan
        )

    def test_requester_answers_and_reopens(self):
        self._add(partner_id=self.jan.id, role="requester")
        self.case.action_close()

        message = self.case.with_user(self.portal_jan).message_post(
            body="still broken", message_type="comment", subtype_xmlid="mail.mt_comment"
        )

        self.assertEqual(message.author_id, self.jan)
        self.assertEqual(self.case.stage_category, "open")

    def test_requester_reads_no_notes(self):
        self._add(partner_id=self.jan.id, role="requester")
        note = self.case.with_user(self.agent).message_post(body="rude customer")

        self.assertFalse(note.with_user(self.portal_jan).has_access("read"))

    def test_demoted_and_removed_see_nothing_any_more(self):
        person = self._add(partner_id=self.jan.id, role="requester")
        self.assertTrue(self.case.with_user(self.portal_jan).has_access("read"))

        person.action_demote()
        self.assertFalse(self.case.with_user(self.portal_jan).has_access("read"))
        person.role = "requester"
        person.unlink()
        self.assertFalse(self.case.with_user(self.portal_jan).has_access("read"))
        self.assertEqual(self._answer(self.case).notified_partner_ids, self.ida)

    def test_what_was_given_is_on_record(self):
        person = self._add(partner_id=self.jan.id)

        person.action_make_requester()
        self.assertIn("Requester", self.case.message_ids[0].body)
        self.assertIn("Jan Brandt", self.case.message_ids[0].body)
        person.unlink()
        self.assertIn("Jan Brandt", self.case.message_ids[0].body)

    def test_who_is_to_get_answers_becomes_a_contact(self):
        """Of exactly this address; never of a name."""
        known = self._add(email="Ida Brandt <jan@brandt.example>")
        new = self._add(email="Ida Brandt <other@else.example>")
        nobody = self._add(name="Somebody")

        (known + new).role = "informed"

        self.assertEqual(known.partner_id, self.jan)
        self.assertNotIn(new.partner_id, self.ida + self.jan)
        self.assertEqual(new.partner_id.email, "other@else.example")
        with self.assertRaisesRegex(UserError, "no e-mail address"):
            nobody.role = "requester"

    def test_on_the_form(self):
        self.case.with_user(self.agent).write(
            {"participant_ids": [Command.create({"email": "Olga <olga@else.example>"})]}
        )

        self.assertRecordValues(
            self.case.participant_ids,
            [{"email": "olga@else.example", "name": "Olga", "role": "copied"}],
        )

    def test_stay_on_their_case(self):
        person = self._add(partner_id=self.jan.id, role="requester")
        with self.assertRaises(UserError):
            person.case_id = self.other_case

    def test_merged_contacts_keep_their_part(self):
        twin = self.env["res.partner"].create(
            {"name": "Jan B.", "email": "jan.b@brandt.example"}
        )
        self._add(partner_id=twin.id, role="informed")
        self._add(case=self.other_case, partner_id=twin.id)
        self._add(partner_id=self.jan.id)

        self.env["base.partner.merge.automatic.wizard"]._merge(
            (self.jan + twin).ids, self.jan
        )

        self.assertEqual(self.case.participant_ids.partner_id, self.jan)
        self.assertEqual(self.other_case.participant_ids.partner_id, self.jan)
        self.assertIn("informed", self.case.participant_ids.mapped("role"))

    # ------------------------------------------------------------
    # Rights
    # ------------------------------------------------------------

    def test_customers_neither_read_nor_make_participants(self):
        person = self._add(partner_id=self.jan.id)
        Participant = self.env["crm.case.participant"]
        for user in (self.portal_ida, self.portal_jan):
            with self.assertRaises(AccessError):
                person.with_user(user).read(["name"])
            with self.assertRaises(AccessError):
                person.with_user(user).role = "requester"
            with self.assertRaises(AccessError):
                Participant.with_user(user).create(
                    {
                        "case_id": self.other_case.id,
                        "partner_id": user.partner_id.id,
                        "role": "requester",
                    }
                )
        with self.assertRaises(AccessError), mute_logger("odoo.models"):
            self.case.with_user(self.portal_ida).read(["participant_ids"])

    def test_agents_of_other_teams_and_companies(self):
        person = self._add(partner_id=self.jan.id)

        self.assertFalse(person.with_user(self.agent_c2).has_access("read"))
        self.team.visibility = "members"
        self.assertFalse(person.with_user(self.outsider).has_access("read"))
        self.assertTrue(person.with_user(self.manager).has_access("write"))
        with self.assertRaises(AccessError):
            self.env["crm.case.participant"].with_user(self.outsider).create(
                {"case_id": self.case.id, "email": "x@else.example"}
            )

    # ------------------------------------------------------------
    # Customers by their mail domain
    # ------------------------------------------------------------

    def test_sender_of_a_verified_domain_becomes_a_contact_of_the_company(self):
        self.env["crm.case.mail.domain"].create(
            {"name": " @Brandt.example ", "partner_id": self.customer.id}
        )

        case = self._receive(email_from="Olga <olga@brandt.example>")

        self.assertEqual(case.partner_id.parent_id, self.customer)
        self.assertEqual(case.commercial_partner_id, self.customer)
        self.assertEqual(case.partner_id.email, "olga@brandt.example")
        for email in (
            "olga@sub.brandt.example",
            "olga@brandt.example.attacker.example",
            "olga@notbrandt.example",
        ):
            with self.subTest(email):
                case = self._receive(email_from=f"Ida Brandt <{email}>")
                self.assertFalse(case.partner_id.parent_id)
        case = self._receive(
            email_from="petr@brandt.example", to=self.team_2.alias_email
        )
        self.assertFalse(case.partner_id.parent_id, "entered for the other company")

    def test_free_mail_says_nothing(self):
        for name in ("gmail.com", "x@GMX.de", "nonsense", "a b.de"):
            with self.subTest(name), self.assertRaises(UserError):
                self.env["crm.case.mail.domain"].create(
                    {"name": name, "partner_id": self.customer.id}
                )

    def test_domains_are_set_up_by_managers(self):
        domain = self.env["crm.case.mail.domain"].create(
            {"name": "brandt.example", "partner_id": self.customer.id}
        )
        self.assertTrue(domain.with_user(self.manager).has_access("write"))
        self.assertTrue(domain.with_user(self.agent).has_access("read"))
        self.assertFalse(domain.with_user(self.agent).has_access("write"))
        self.assertFalse(domain.with_user(self.agent_c2).has_access("read"))
        self.assertFalse(domain.with_user(self.portal_ida).has_access("read"))


@tagged("post_install", "-at_install", "crm_helpdesk")
class TestCaseParticipantPortal(HttpCase, ParticipantCommon):
    def test_portal_shows_what_was_given(self):
        self.authenticate("case_jan", "case_jan")
        url = f"/my/cases/{self.case.id}"
        self.assertNotIn(self.case.number, self.url_open(url).text)
        self.assertNotIn(self.case.number, self.url_open("/my/cases").text)

        self._add(partner_id=self.jan.id, role="requester")

        self.assertIn(self.case.number, self.url_open(url).text)
        page = self.url_open("/my/cases").text
        self.assertIn(self.case.number, page)
        self.assertNotIn(self.other_case.number, page)
        self.assertNotIn(
            self.other_case.number,
            self.url_open(f"/my/cases/{self.other_case.id}").text,
        )

    def test_participant_of_the_same_company_sees_no_other_attachment(self):
        secret = self.env["ir.attachment"].create(
            {
                "name": "secret.txt",
                "raw": b"secret",
                "res_model": "crm.case",
                "res_id": self.other_case.id,
            }
        )
        self._add(partner_id=self.jan.id, role="requester")
        self.case.write({"tag_ids": [Command.clear()]})

        self.authenticate("case_jan", "case_jan")

        response = self.url_open(f"/web/content/{secret.id}")
        self.assertNotIn("secret", response.text)
        self.assertIn(response.status_code, (403, 404))
