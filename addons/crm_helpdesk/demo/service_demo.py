from datetime import timedelta

from odoo import api, models

from ..models.case.crm_case_stage import DONE

HALF_YEAR = 6
HOURS = (0.5, 1.0, 0.75, 2.0, 0.25)


class CrmPlusDemo(models.AbstractModel):
    """Services that come back, and hours that customers have paid for in advance."""

    _inherit = "crm.plus.demo"

    @api.model
    def _load_case_service(self):
        if not self._is_demo_database():
            return
        env = self._get_env().env
        if env["crm.case.schedule"].with_context(active_test=False).search([], limit=1):
            return
        today = self._get_demo_now().date()
        machine = env.ref("crm_helpdesk.demo_case_team_machine")
        cases = env["crm.case"].search([("team_id", "=", machine.id)], order="id")
        customers = cases.commercial_partner_id[:3]
        env["crm.case.schedule"].create(
            [
                {
                    "template_id": env.ref(
                        "crm_helpdesk.demo_case_template_service"
                    ).id,
                    "team_id": machine.id,
                    "partner_id": customer.id,
                    "date_first": today + timedelta(days=20 + 30 * number),
                    "interval_number": HALF_YEAR,
                    "interval_unit": "month",
                    "is_announced": True,
                }
                for number, customer in enumerate(customers)
            ]
        )
        every = env["crm.case"].search([("commercial_partner_id", "!=", False)])
        by_customer = every.grouped("commercial_partner_id")
        # who asks most has reason to buy hours
        frequent = max(by_customer, key=lambda c: (len(by_customer[c]), -c.id))
        self._load_case_hours(by_customer[frequent].sorted("id"), frequent, today)

    @api.model
    def _load_case_hours(self, cases, customer, today):
        """The customer of one contract has used most of his hours."""
        env = cases.env
        contract = env["crm.case.contract"].create(
            {
                "name": "Prepaid service hours",
                "partner_id": customer.id,
                "company_id": cases[:1].company_id.id,
                "date_start": today - timedelta(days=300),
                "hours_sold": 5,
            }
        )
        cases.contract_id = contract
        env["crm.case.time"].create(
            [
                {
                    "case_id": case.id,
                    "user_id": (case.user_id or case.team_id.member_ids[:1]).id,
                    "date": case.date_opened.date(),
                    "hours": HOURS[number % len(HOURS)],
                    "name": "On the phone, then at the workshop"
                    if case.stage_category in DONE
                    else "On the phone",
                }
                for number, case in enumerate(cases)
                if case.user_id or case.team_id.member_ids
            ]
        )
