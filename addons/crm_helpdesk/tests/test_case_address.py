from odoo.exceptions import UserError, ValidationError
from odoo.fields import Command
from odoo.tests import tagged
from odoo.tools import email_split

from .common import CaseCommon


@tagged("post_install", "-at_install", "mail_gateway", "crm_helpdesk")
class TestCaseAddress(CaseCommon):
    """Several addresses of a team: in by one, out by the same."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.address = cls.env["crm.case.address"].create(
            {
                "team_id": cls.team.id,
                "alias_name": "warranty",
                "name": "Warranty",
                "priority": "2",
            }
        )
        cls.warranty = f"warranty@{cls.alias_domain}"

    def _reply_email(self, case):
        return email_split(case._notify_get_reply_to()[case.id])[0]

    def test_case_keeps_by_which_address_it_came(self):
        case = self._receive(to=self.warranty)
        other = self._receive("Other")

        self.assertEqual(case.team_id, self.team)
        self.assertEqual(case.address_id, self.address)
        self.assertEqual(case.priority, "2")
        self.assertFalse(other.address_id)
        self.assertEqual(other.priority, "1")
        self.assertEqual(self.address.case_count, 1)
        self.assertEqual(
            self.address.action_view_cases()["domain"][0][2], self.address.id
        )

    def test_answer_leaves_from_the_address_written_to(self):
        case = self._receive(to=self.warranty)
        self.assertIn(f'"Warranty" <{self.warranty}>', self._new_mails.email_from)

        self._answer(case)

        mail = self._new_mails
        self.assertEqual(mail.email_from, f'"{self.agent.name}" <{self.warranty}>')
        self.assertEqual(mail.author_id, self.agent.partner_id)
        self.assertTrue(email_split(mail.reply_to)[0].startswith("warranty+c"))

    def test_answer_leaves_from_the_address_of_the_team(self):
        case = self._receive()

        self._answer(case)

        self.assertEqual(
            self._new_mails.email_from,
            f'"{self.agent.name}" <help@{self.alias_domain}>',
        )

    def test_name_of_the_sender(self):
        case = self._receive()
        for name, expected in (
            ("agent", f'"{self.agent.name}" <help@{self.alias_domain}>'),
            ("agent_team", f'"{self.agent.name} (Help)" <help@{self.alias_domain}>'),
            ("team", f'"Help" <help@{self.alias_domain}>'),
            ("private", self.agent.email_formatted),
        ):
            with self.subTest(name):
                self.team.sender_name = name
                self._answer(case)
                self.assertEqual(self._new_mails.email_from, expected)

    def test_public_address(self):
        """What customers know is forwarded to us; answers come from what they know."""
        self.address.public_email = "Garantie <Garantie@Shop.example>"
        self.assertEqual(self.address.public_email, "garantie@shop.example")

        case = self._receive(
            to=f"garantie@shop.example, {self.warranty}", cc="jan@brandt.example"
        )

        self.assertEqual(
            case.participant_ids.mapped("email"),
            ["jan@brandt.example"],
            "our own address takes no part in the case",
        )
        self._answer(case)
        self.assertIn("<garantie@shop.example>", self._new_mails.email_from)
        self.assertIn(
            f"@{self.alias_domain}", self._new_mails.reply_to, "where a token arrives"
        )
        from_ourselves = self._receive("Loop", email_from="garantie@shop.example")
        self.assertFalse(self._new_mails, "nobody answers himself")
        self.assertFalse(from_ourselves.partner_id)
        with self.assertRaises(ValidationError):
            self.address.public_email = "nonsense"

    def test_notes_and_customers_keep_their_own_address(self):
        case = self._receive(to=self.warranty)

        note = case.with_user(self.agent).message_post(body="rude customer")
        self.assertEqual(note.email_from, self.agent.email_formatted)
        answer = case.with_user(self.portal_ida).message_post(
            body="and?", message_type="comment", subtype_xmlid="mail.mt_comment"
        )
        self.assertIn("ida@brandt.example", answer.email_from)

    def test_case_that_moved_is_answered_by_its_new_team(self):
        case = self._receive(to=self.warranty)
        other_team = self.team.copy({"name": "Others", "alias_name": "others"})

        case.team_id = other_team

        self._answer(case)
        self.assertIn(f"<others@{self.alias_domain}>", self._new_mails.email_from)
        self.assertTrue(self._reply_email(case).startswith("others+c"))

    def test_address_that_moved(self):
        other_team = self.team.copy({"name": "Others", "alias_name": "others"})

        self.address.team_id = other_team

        self.assertEqual(self._receive(to=self.warranty).team_id, other_team)

    def test_mail_to_two_addresses_of_a_team_opens_one_case(self):
        case = self._receive(to=f"{self.warranty}, help@{self.alias_domain}")

        self.assertEqual(len(case), 1)
        cases = self._receive("both", to=f"{self.warranty}, {self.team_2.alias_email}")
        self.assertEqual(cases.team_id, self.team + self.team_2)

    def test_address_of_another_company_has_its_domain(self):
        address = (
            self.env["crm.case.address"]
            .with_company(self.company)
            .create({"team_id": self.team_2.id, "alias_name": "warranty2"})
        )

        self.assertEqual(address.alias_domain_id, self.company_2.alias_domain_id)
        case = self._receive(to=address.alias_email)
        self.assertEqual(case.company_id, self.company_2)

    def test_address_taken_is_refused(self):
        with self.assertRaises(UserError):
            self.env["crm.case.address"].create(
                {
                    "team_id": self.team_2.id,
                    "alias_name": "help",
                    "alias_domain_id": self.team.alias_domain_id.id,
                }
            )

    def test_addresses_are_set_up_on_the_team_by_managers_only(self):
        self.team.with_user(self.manager).write(
            {"address_ids": [Command.create({"alias_name": "returns"})]}
        )
        self.assertEqual(
            self._receive(to=f"returns@{self.alias_domain}").team_id, self.team
        )
        for user in (self.agent, self.portal_ida):
            self.assertFalse(self.address.with_user(user).has_access("write"))
        self.assertFalse(self.address.with_user(self.agent_c2).has_access("read"))
        self.team.visibility = "members"
        self.assertFalse(self.address.with_user(self.outsider).has_access("read"))
        self.assertTrue(self.address.with_user(self.agent).has_access("read"))

    def test_deleted_address_takes_its_alias_along(self):
        alias = self.address.alias_id
        case = self._receive(to=self.warranty)

        self.address.unlink()

        self.assertFalse(alias.exists())
        self._answer(case)
        self.assertIn(f"<help@{self.alias_domain}>", self._new_mails.email_from)

    # ------------------------------------------------------------
    # The signed reply address
    # ------------------------------------------------------------

    def _emails_of(self, case):
        return case.message_ids.filtered(lambda m: m.message_type == "email")

    def test_reply_address_finds_the_case_without_references(self):
        """D31."""
        case = self._receive()
        address = self._reply_email(case)
        self.assertRegex(address, rf"^help\+c{case.id}-[0-9a-f]{{16}}@")

        self.assertFalse(self._receive("Without a number", to=f"Help <{address}>"))
        self.assertFalse(
            self._receive(
                "By another one", to=address.upper(), email_from="x@y.example"
            )
        )

        mails = self._emails_of(case)
        self.assertEqual(len(mails), 3)
        for mail in mails:
            self.assertNotIn("+c", mail.incoming_email_to or "")
            self.assertNotIn("+c", mail.incoming_email_cc or "")

    def test_signature_of_another_case_is_worth_nothing(self):
        case, other = self._receive("one"), self._receive("two")
        signature = self._reply_email(other).partition("-")[2]

        new = self._receive("forged", to=f"help+c{case.id}-{signature}")

        self.assertEqual(new.team_id, self.team, "the plain address takes it")
        self.assertEqual(len(self._emails_of(case)), 1)
        new = self._receive(
            "junk", to=f"help+c99-zz@{self.alias_domain}, help@{self.alias_domain}"
        )
        self.assertTrue(new)

    def test_deleted_case_opens_a_new_one(self):
        case = self._create_cases()
        address = self._reply_email(case)
        case.unlink()

        new = self._receive("Re: gone", to=f"{address}, help@{self.alias_domain}")

        self.assertEqual(new.team_id, self.team)

    def test_references_come_before_the_address(self):
        """D31: in that order."""
        case, other = self._receive("one"), self._receive("two")
        references = self._emails_of(other)[0].message_id

        self._receive(
            "Re", to=self._reply_email(case), extra=f"In-Reply-To: {references}\n"
        )

        self.assertEqual(len(self._emails_of(other)), 2)
        self.assertEqual(len(self._emails_of(case)), 1)

    def test_address_comes_before_the_subject(self):
        case, other = self._receive("one"), self._receive("two")

        self._receive(f"[{other.number}]", to=self._reply_email(case))

        self.assertEqual(len(self._emails_of(case)), 2)
        self.assertEqual(len(self._emails_of(other)), 1)

    def test_reply_that_copies_the_team_is_taken_in_once(self):
        case = self._receive()

        new = self._receive(
            "Re", to=self._reply_email(case), cc=f"help@{self.alias_domain}"
        )

        self.assertFalse(new)
        self.assertEqual(len(self._emails_of(case)), 2)

    def test_team_without_alias_is_answered_at_the_catchall(self):
        team = self.team.copy({"name": "Silent", "alias_name": False})
        case = self._create_cases(team_id=team.id)
        address = self._reply_email(case)
        self.assertTrue(address.startswith("catchall"))

        self._receive("Re", to=address)

        self.assertEqual(len(self._emails_of(case)), 1)

    def test_reply_address_may_be_plain(self):
        self.team.is_reply_signed = False
        case = self._receive()

        self.assertEqual(self._reply_email(case), f"help@{self.alias_domain}")
        self.assertNotIn("+c", self._new_mails.reply_to)

    def test_token_opens_nothing_on_the_portal(self):
        """Who gets the address may write to the case, not read it."""
        case = self._receive()

        self._receive("Re", to=self._reply_email(case), email_from="eva@nowak.example")

        self.assertFalse(case.with_user(self.portal_eva).has_access("read"))
        self.assertFalse(case.message_partner_ids & self.eva)
