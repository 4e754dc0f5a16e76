from datetime import timedelta

from odoo import api, models

from odoo.addons.crm_plus.demo.base_writer import BaseWriter

from ..models.case.crm_case_stage import DONE

# of the cases that are over, with the newest ones first: what somebody noted
MINUTES = (20, 35, 15, 60, 25, 45, 90, 30, 20, 50)
HOUR_COST = 42
# opportunities that came up while a customer was helped: name, value, days until won
OPPORTUNITIES = (
    ("Second grinder for the terrace bar", 1450, 9),
    ("Service contract for both machines", 980, 4),
    ("Decaf for the breakfast room", 620, None),
)


class CrmPlusDemo(models.AbstractModel):
    """What the figures of the demo company's service are made of: the products that
    cases are about, time spent, sales that came of it, suggestions that did not help.
    """

    _inherit = "crm.plus.demo"

    @api.model
    def _load_case_figures(self):
        if not self._is_demo_database():
            return
        env = self._get_env().env
        cases = env["crm.case"].search([], order="date_opened desc, id desc")
        if not cases or cases.lead_id:
            return
        writer = BaseWriter(env, self._get_demo_now())
        self._load_case_products(writer, cases)
        self._load_case_time(cases.filtered(lambda case: case.stage_category in DONE))
        self._load_case_opportunities(writer, cases)
        self._load_case_suggestions(writer, cases)
        env["crm.case.agent.day"]._cron_count()

    @api.model
    def _load_case_products(self, writer, cases):
        """Who named an order means, mostly, what there was most of in it."""
        products = {}
        for case in cases.filtered("sale_order_id"):
            lines = case.sale_order_id.order_line.filtered("product_id")
            best = lines.sorted("product_uom_qty", reverse=True)[:1]
            products[case] = best.product_id.id
        writer.put("crm.case", "product_id", products)

    @api.model
    def _load_case_time(self, cases):
        """Minutes that agents noted on what is over by now."""
        env = cases.env
        plan = env["account.analytic.plan"].create({"name": "Service"})
        account = env["account.analytic.account"].create(
            {
                "name": "Customer service",
                "plan_id": plan.id,
                "company_id": env.company.id,
            }
        )
        env["account.analytic.line"].create(
            [
                {
                    "name": case.name,
                    "account_id": account.id,
                    "user_id": case.user_id.id,
                    "date": case.date_closed.date(),
                    "unit_amount": minutes / 60,
                    "amount": -minutes / 60 * HOUR_COST,
                    "case_id": case.id,
                    "company_id": env.company.id,
                }
                for case, minutes in zip(cases, MINUTES, strict=False)
            ]
        )

    @api.model
    def _load_case_opportunities(self, writer, cases):
        """Asked in passing; some were won since."""
        env = cases.env
        old = cases.filtered(
            lambda case: (
                case.stage_category in DONE
                and case.date_closed < writer.now - timedelta(days=12)
                and case.partner_id.parent_id
            )
        )
        created, won, closed = {}, env["crm.lead"], {}
        for case, (name, value, days) in zip(old, OPPORTUNITIES, strict=False):
            lead = env["crm.lead"].create(
                {
                    "name": name,
                    "type": "opportunity",
                    "partner_id": case.partner_id.id,
                    "expected_revenue": value,
                    "user_id": case.commercial_partner_id.user_id.id,
                    "company_id": case.company_id.id,
                }
            )
            case.lead_id = lead
            created[lead] = case.date_closed
            if days:
                won += lead
                closed[lead] = case.date_closed + timedelta(days=days)
        # who was helped well buys again
        won.won_reason_id = env.ref("crm_plus.crm_won_reason_service")
        won.action_set_won()
        for column, moments in (("create_date", created), ("date_closed", closed)):
            writer.put("crm.lead", column, moments)
        writer.forget_today()

    @api.model
    def _load_case_suggestions(self, writer, cases):
        """Who was shown an article that did not help opened a case."""
        search = self.env.ref(
            "crm_helpdesk.demo_article_search_7", raise_if_not_found=False
        )
        asked = cases.filtered(lambda case: case.channel in ("portal", "web"))[:1]
        if search and asked:
            writer.put("crm.case", "article_search_id", {asked: search.id})
