"""The customers as ledger and warehouse know them: what they want, owe, are worth."""

import random

from dateutil.relativedelta import relativedelta

from odoo.tools import SQL

from ..models.customer.crm_customer_profile_rebuild import QUEUE_KEY
from . import pools
from .base_writer import BaseWriter
from .plot import SEED

# of the customers that owe something: one is over the limit, the others are within
CREDIT_LIMITS = (0.6, 1.15, 2.0, 3.0)
# months whose labels can be told from the invoices that there were
PAST_MONTHS = 7


class CustomerWriter(BaseWriter):
    """What a plot comes to for each customer."""

    def write_interests(self):
        """What open deals are about, before anybody wrote a quotation; and what the
        quotations of others began with.
        """
        rnd = random.Random(SEED + 3)
        vals_list = []
        for plan in self.plot.leads:
            lead = self.leads[id(plan)]
            order = self.plot._order_of(plan)
            if plan.type != "opportunity" or plan.stage == "new":
                continue
            if order:
                lines = order.lines
            elif plan.outcome == "open" and rnd.random() < 0.7:
                codes, low, high, (fewest, most) = pools.BASKETS[plan.customer.kind]
                lines = [
                    (code, rnd.randrange(low, high + 1))
                    for code in rnd.sample(codes, rnd.randint(fewest, most))
                ]
            else:
                continue
            vals_list += [
                {
                    "lead_id": lead.id,
                    "product_id": self.products[code].id,
                    "quantity": quantity,
                    "date_expected": plan.deadline and plan.deadline.date(),
                }
                for code, quantity in lines
            ]
        self.env["crm.lead.product.line"].create(vals_list)

    def write_credit_limits(self):
        """Limits for those that owe most; the first one is over it."""
        self.company.account_use_credit_limit = True
        rows = self.env.execute_query(
            SQL(
                """
                SELECT partner_id, sum(amount_residual)
                  FROM account_move_line l
                  JOIN account_account a ON a.id = l.account_id
                 WHERE a.account_type = 'asset_receivable'
                   AND l.parent_state = 'posted' AND l.partner_id = ANY(%s)
                 GROUP BY partner_id
                HAVING sum(amount_residual) > 0
                 ORDER BY sum(amount_residual) DESC, partner_id
                 LIMIT %s
                """,
                [self.partners[id(one)].id for one in self.plot.customers],
                len(CREDIT_LIMITS),
            )
        )
        for (partner_id, owed), share in zip(rows, CREDIT_LIMITS, strict=False):
            self.env["res.partner"].browse(partner_id).credit_limit = round(
                float(owed) * share, -2
            )

    def write_profiles(self):
        """Label the customers as each month would have, then as of now.

        What was owed or said in those months cannot be told any more from open items of
        today: churn risk and health of the past stay empty.
        """
        Profile = self.env["crm.customer.profile"]
        Snapshot = self.env["crm.customer.snapshot"]
        # made below, once; else it would be done again when all is committed
        self.env.cr.precommit.data.pop(QUEUE_KEY, None)
        yardsticks = self.env["crm.customer.yardstick"]._get_all()
        own = yardsticks.filtered(lambda one: one.company_id == self.company)
        self.env.flush_all()
        first = self.now.date().replace(day=1)
        for months in range(PAST_MONTHS, 0, -1):
            day = first - relativedelta(months=months)
            Profile._write_facts(None, day, yardsticks)
            Profile.invalidate_model(flush=False)
            own._renew(day)
            Profile._judge(None, own, day)
            Snapshot._keep(self.company, day)
            # who came later was no customer yet
            self.env.cr.execute(
                "DELETE FROM crm_customer_snapshot"
                " WHERE company_id = %s AND label_id IS NULL",
                [self.company.id],
            )
        self.env.cr.execute(
            "UPDATE crm_customer_snapshot SET churn_risk = NULL, health = NULL"
            " WHERE company_id = %s",
            [self.company.id],
        )
        Snapshot.invalidate_model(flush=False)
        today = self.now.date()
        Profile._rebuild(today=today)
        Profile._compare(own, today)
