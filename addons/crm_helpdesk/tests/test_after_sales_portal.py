from odoo.tests import HttpCase, tagged

from .after_sales import AfterSalesCommon


@tagged("post_install", "-at_install", "crm_helpdesk")
class TestAfterSalesPortal(HttpCase, AfterSalesCommon):
    """The customer sees how far a return is and how to send it; nobody else does, and
    nobody sees what was said among us.
    """

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.warehouse.partner_id = cls.env["res.partner"].create(
            {
                "name": "Returns desk",
                "street": "Gate 4, Quay Street 12",
                "city": "Bremen",
                "zip": "28195",
            }
        )
        cls.company.case_return_instructions = "<p>Please use the <b>old box</b></p>"
        cls.url = f"/my/cases/{cls.case.id}"

    def _page(self, login="case_ida"):
        self.authenticate(login, login)
        return self.url_open(self.url).text

    def test_nothing_requested_nothing_shown(self):
        page = self._page()
        self.assertIn(self.case.number, page)
        self.assertNotIn("case_claims", page)

    def test_from_the_request_until_it_is_back(self):
        claim = self._request(quantities=[2])
        page = self._page()
        self.assertIn(claim.name, page)
        self.assertIn("We are looking at it", page)
        self.assertNotIn("Quay Street", page, "nobody has agreed yet")

        self._confirm(claim)
        page = self._page()
        self.assertIn("Please send the goods back", page)
        self.assertIn("Returns desk", page)
        self.assertIn("Gate 4, Quay Street 12", page)
        self.assertIn("28195", page)
        self.assertIn("<b>old box</b>", page)

        self._receive_goods(claim.picking_ids, 1)
        page = self._page()
        self.assertIn("1 of 2 received", page)
        self.assertIn("Quay Street", page, "one is still to come")

        self._receive_goods(claim.picking_ids.filtered(lambda one: one.state != "done"))
        page = self._page()
        self.assertIn("2 of 2 received", page)
        self.assertNotIn("Quay Street", page)

    def test_address_of_the_warehouse_that_was_chosen(self):
        other = self.env["stock.warehouse"].create(
            {
                "name": "Second",
                "code": "W2",
                "company_id": self.company.id,
                "partner_id": self.env["res.partner"]
                .create({"name": "Second", "street": "Harbour Lane 3"})
                .id,
            }
        )
        claim = self._request(quantities=[1], warehouse_id=other.id)
        self._confirm(claim)
        page = self._page()
        self.assertIn("Harbour Lane 3", page)
        self.assertNotIn("Quay Street", page)

    def test_company_where_the_warehouse_has_no_address(self):
        self.warehouse.partner_id = False
        self.company.partner_id.street = "Main Street 1"
        self._confirm(self._request(quantities=[1]))
        self.assertIn("Main Street 1", self._page())

    def test_what_is_said_among_us_is_not_told(self):
        claim = self._request(
            quantities=[1], note="He always breaks them", replacement="before"
        )[0]
        claim.with_user(self.clerk)._refuse("A liar")
        gone = self._request(
            quantities=[1], is_return=False, credit="amount", amount=77.5
        )
        gone.with_user(self.agent).action_withdraw()
        page = self._page()
        self.assertIn("We cannot do this", page)
        for text in (
            "always breaks",
            "A liar",
            "77.5",
            gone.name,
            self.clerk.name,
            self.reason.name,
        ):
            self.assertNotIn(text, page)

    def test_words_are_text(self):
        self.machine.name = "<script>alert(1)</script>"
        self.warehouse.partner_id.street = "<img src=x onerror=alert(2)>"
        self.company.case_return_instructions = "<p onclick='alert(3)'>Box</p>"
        self._confirm(self._request(quantities=[1]))
        page = self._page()
        self.assertIn("Box", page)
        for text in ("<script>alert(1)", "<img src=x", "alert(3)"):
            self.assertNotIn(text, page)

    def test_all_remedies(self):
        claims = self._request(quantities=[1], replacement="after", credit="goods")
        self._confirm(claims)
        page = self._page()
        for text in (
            "Replacement",
            "0 of 1 sent, when the goods are back",
            "Credit Note",
            "The credit note is being prepared",
        ):
            self.assertIn(text, page)
        credit = claims.filtered(lambda claim: claim.remedy == "credit")
        credit.credit_move_ids.action_post()
        page = self._page()
        self.assertIn("The credit note is made", page)
        self.assertNotIn("$ 100", page)

    def test_others(self):
        claim = self._confirm(self._request(quantities=[1]))
        for login in ("case_eva", None):
            with self.subTest(login):
                self.authenticate(login, login)
                for query in ("", "?access_token=guess", "?access_token=%C3%A9"):
                    page = self.url_open(self.url + query).text
                    self.assertNotIn(claim.name, page)
                    self.assertNotIn("Quay Street", page)
        # whoever has the link
        self.authenticate(None, None)
        page = self.url_open(self.case.get_portal_url()).text
        self.assertIn(claim.name, page)
        self.assertIn("Quay Street", page)
        # the link of another case is none
        other = self._create_cases(partner_id=self.eva.id)
        page = self.url_open(
            f"{self.url}?access_token={other._portal_ensure_token()}"
        ).text
        self.assertNotIn(claim.name, page)

    def test_requests_are_not_read_over_rpc(self):
        claim = self._request(quantities=[1])
        for user in (self.portal_ida, self.portal_eva):
            with self.subTest(user.login):
                self.assertFalse(claim.with_user(user).has_access("read"))
                self.assertNotIn("claim_ids", self.case.with_user(user).fields_get())
        # the words for the page are no method of the web
        self.authenticate("case_eva", "case_eva")
        response = self.url_open(
            "/web/dataset/call_kw/crm.case/_get_portal_claims",
            json={
                "params": {
                    "model": "crm.case",
                    "method": "_get_portal_claims",
                    "args": [self.case.ids],
                    "kwargs": {},
                }
            },
        )
        self.assertNotIn(claim.name, response.text)
        self.assertIn("error", response.json())
