from odoo.fields import Command
from odoo.tests import new_test_user
from odoo.tools import mute_logger

from odoo.addons.mail.tests.common import MailCommon

MAIL = """\
Return-Path: {return_path}
To: {to}
Cc: {cc}
Message-ID: {msg_id}
Date: Tue, 29 Nov 2022 12:43:21 +0530
From: {email_from}
Subject: {subject}
MIME-Version: 1.0
Content-Type: text/plain; charset=utf-8
{extra}
Hello, the grinder does not start.
"""


class CaseCommon(MailCommon):
    """Two companies with a team each.

    LOGIN            COMPANY          GROUPS         TEAMS
    case_agent       company_admin    agent          team (member)
    case_agent_2     company_admin    agent          team (member)
    case_outsider    company_admin    agent          none
    case_manager     company_admin    administrator  none
    case_agent_c2    company_2        agent          team_2 (member)
    case_ida         company_admin    portal         (contact ``ida`` of ``customer``)
    case_jan         company_admin    portal         (contact ``jan`` of ``customer``)
    case_eva         company_admin    portal         (contact ``eva`` of nobody)

    MAIL    help@<alias domain> -> team, help2@<alias domain of company_2> -> team_2
    STAGES  those of the installation, by the end of their xml id
    """

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company = cls.env.user.company_id
        cls.calendar = cls.env["resource.calendar"].create(
            {
                "name": "Monday to Friday, 8 to 16, UTC",
                "tz": "UTC",
                "company_id": cls.company.id,
                "attendance_ids": [
                    Command.clear(),
                    *(
                        Command.create(
                            {
                                "name": "day",
                                "dayofweek": str(day),
                                "hour_from": 8,
                                "hour_to": 16,
                                "day_period": "morning",
                            }
                        )
                        for day in range(5)
                    ),
                ],
            }
        )
        cls.agent, cls.agent_2, cls.outsider = (
            cls._new_user(login, "crm_helpdesk.crm_helpdesk_group_user", cls.company)
            for login in ("case_agent", "case_agent_2", "case_outsider")
        )
        cls.manager = cls._new_user(
            "case_manager", "crm_helpdesk.crm_helpdesk_group_manager", cls.company
        )
        cls.agent_c2 = cls._new_user(
            "case_agent_c2", "crm_helpdesk.crm_helpdesk_group_user", cls.company_2
        )
        cls.team, cls.team_2 = cls.env["crm.case.team"].create(
            [
                {
                    "name": "Help",
                    "company_id": cls.company.id,
                    "alias_name": "help",
                    "resource_calendar_id": cls.calendar.id,
                    "member_ids": [Command.set((cls.agent + cls.agent_2).ids)],
                },
                {
                    "name": "Help 2",
                    "company_id": cls.company_2.id,
                    "alias_name": "help2",
                    "member_ids": [Command.set(cls.agent_c2.ids)],
                },
            ]
        )
        cls.stages = {
            name: cls.env.ref(f"crm_helpdesk.crm_case_stage_{name}")
            for name in (
                "new",
                "in_progress",
                "waiting_customer",
                "waiting_third",
                "solved",
                "closed",
            )
        }
        cls.customer = cls.env["res.partner"].create(
            {
                "name": "Brandt Kaffee GmbH",
                "is_company": True,
                "email": "info@brandt.example",
            }
        )
        cls.portal_ida, cls.portal_jan, cls.portal_eva = (
            cls._new_user(login, "base.group_portal", cls.company)
            for login in ("case_ida", "case_jan", "case_eva")
        )
        cls.ida, cls.jan, cls.eva = (
            user.partner_id for user in (cls.portal_ida, cls.portal_jan, cls.portal_eva)
        )
        cls.ida.write(
            {
                "name": "Ida Brandt",
                "email": "ida@brandt.example",
                "parent_id": cls.customer.id,
            }
        )
        cls.jan.write(
            {
                "name": "Jan Brandt",
                "email": "jan@brandt.example",
                "parent_id": cls.customer.id,
            }
        )
        cls.eva.write({"name": "Eva Nowak", "email": "eva@nowak.example"})
        cls.product = cls.env["product.product"].create({"name": "Grinder"})

    @classmethod
    def _new_user(cls, login, groups, company):
        return new_test_user(
            cls.env,
            login=login,
            groups=groups,
            company_id=company.id,
            email=f"{login}@test.example.com",
            notification_type="email",
        )

    @classmethod
    def _create_cases(cls, count=1, **values):
        return cls.env["crm.case"].create(
            [
                {
                    "name": f"Grinder {i}",
                    "team_id": cls.team.id,
                    "partner_id": cls.ida.id,
                    **values,
                }
                for i in range(count)
            ]
        )

    @classmethod
    def _create_order(cls, partner, **values):
        order = cls.env["sale.order"].create(
            {
                "partner_id": partner.id,
                "company_id": cls.company.id,
                "order_line": [Command.create({"product_id": cls.product.id})],
                **values,
            }
        )
        order.action_confirm()
        return order

    @classmethod
    def _deliver_serial(cls, partner, name="SN-1", product_name="Espresso machine"):
        """Sell one piece with a serial number to ``partner`` and bring it; return the
        lot, its delivery and its order."""
        product = cls.env["product.product"].create(
            {"name": product_name, "is_storable": True, "tracking": "serial"}
        )
        lot = cls.env["stock.lot"].create(
            {"name": name, "product_id": product.id, "company_id": cls.company.id}
        )
        warehouse = cls.env["stock.warehouse"].search(
            [("company_id", "=", cls.company.id)], limit=1
        )
        cls.env["stock.quant"]._update_available_quantity(
            product, warehouse.lot_stock_id, 1, lot_id=lot
        )
        order = cls._create_order(
            partner, order_line=[Command.create({"product_id": product.id})]
        )
        picking = order.picking_ids
        picking.action_assign()
        picking.move_ids.picked = True
        picking.button_validate()
        return lot, picking, order

    def _receive(
        self,
        subject="The grinder does not start",
        email_from="Ida Brandt <ida@brandt.example>",
        to=None,
        cc="",
        return_path="",
        extra="",
        template=MAIL,
        acknowledge=True,
    ):
        """Take a mail in through the gateway; return the case it opened, if any."""
        Case = self.env["crm.case"]
        self._mail_count = getattr(self, "_mail_count", 0) + 1
        mail = self.format(
            template,
            to=to or f"help@{self.alias_domain}",
            cc=cc,
            subject=subject,
            email_from=email_from,
            return_path=return_path,
            extra=extra,
            msg_id=f"<case-{self._mail_count}-{id(self)}@customer.example>",
        )
        last_id = Case.search([], order="id desc", limit=1).id or 0
        with (
            mute_logger("odoo.addons.mail.models.mail_thread"),
            self.mock_mail_gateway(),
        ):
            # as the mail server's job does: with all rights, for no model in particular
            self.env["mail.thread"].sudo().message_process(None, mail)
            self.env.flush_all()
            if acknowledge:
                # what the scheduler does right after
                Case.search([("is_ack_due", "=", True)])._acknowledge()
        return Case.search([("id", ">", last_id)])

    def _answer(self, case, user=None, body="Please plug it in.", **values):
        with self.mock_mail_gateway():
            return case.with_user(user or self.agent).message_post(
                body=body,
                message_type="comment",
                subtype_xmlid="mail.mt_comment",
                **values,
            )

    def _take_time_off(
        self, user, start="2026-03-01 00:00:00", end="2026-03-05 23:00:00"
    ):
        resource = self.env["resource.resource"].create(
            {
                "name": user.name,
                "user_id": user.id,
                "calendar_id": self.calendar.id,
                "company_id": self.company.id,
                "tz": "UTC",
            }
        )
        self.env["resource.calendar.leaves"].create(
            {
                "resource_id": resource.id,
                "calendar_id": self.calendar.id,
                "company_id": self.company.id,
                "date_from": start,
                "date_to": end,
                "time_type": "leave",
            }
        )

    def _harvest_queued(self):
        """What the commit of the present transaction would do."""
        self.env.flush_all()
        self.env.cr.precommit.run()

    def _get_touchpoints(self, *codes):
        return self.env["crm.touchpoint"].search(
            [("kind_id.code", "in", codes)], order="id"
        )
