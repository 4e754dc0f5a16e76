from datetime import datetime, timedelta, timezone
from email.utils import format_datetime

from odoo import Command
from odoo.tests import HttpCase, new_test_user, tagged

MAIL = """Date: {date}
From: Ida Brandt <ida@kaffee.example>
To: sales@house.example
Subject: Espresso machine for our roastery
Message-ID: <1@kaffee.example>

We need a machine.
"""


@tagged("post_install", "-at_install", "crm_plus_tour")
class TestSellerTour(HttpCase):
    def test_seller_takes_a_scored_lead_to_an_order(self):
        self.env.ref("base.group_user").implied_ids = [
            Command.link(self.env.ref("crm.group_use_lead").id)
        ]
        seller = new_test_user(
            self.env, login="seller", groups="sales_team.group_sale_salesman"
        )
        self.env["product.product"].create(
            {"name": "Espresso machine", "list_price": 2400, "taxes_id": False}
        )
        # of before this test's transaction: what is yet to come does not count
        date = format_datetime(datetime.now(timezone.utc) - timedelta(hours=1))
        lead_id = self.env["mail.thread"].message_process(
            "crm.lead",
            MAIL.format(date=date),
            custom_values={"type": "lead", "user_id": seller.id},
        )
        lead = self.env["crm.lead"].browse(lead_id)
        self.env.flush_all()
        self.env.cr.precommit.run()  # its touchpoints and score, as at a commit

        self.start_tour("/odoo", "crm_plus_seller", login="seller")

        self.assertEqual(lead.type, "opportunity")
        self.assertEqual(lead.order_ids.state, "sale")
        self.assertEqual(lead.partner_id.email, "ida@kaffee.example")
