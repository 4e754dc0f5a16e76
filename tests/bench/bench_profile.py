import importlib.util
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

from tests.bench.runner import Bench

RETAIL = Path(__file__).resolve().parents[2] / "addons/crm_plus/tests/retail.py"


def find_accounts(env):
    """Return sales journal, income and receivable account of the company; a database
    without chart of accounts gets the generic one.
    """
    company = env.company
    if not company.chart_template:
        env["account.chart.template"].try_loading("generic_coa", company)
    Account = env["account.account"]
    return (
        env["account.journal"].search(
            [("type", "=", "sale"), ("company_id", "=", company.id)], limit=1
        ),
        Account.search([("account_type", "=", "income")], limit=1),
        Account.search([("account_type", "=", "asset_receivable")], limit=1),
    )


class ProfileBench(Bench):
    """The nightly run: facts of all customers, yardstick, judgement, expectation.

    Invoices of two years, a fifth of them open; the customers differ in how often they
    buy. The second case is one customer, as after posting an invoice.
    """

    name = "profile"
    is_long = True
    customer_count = 100_000
    invoice_count = 400_000
    lines_per_invoice = 5
    product_count = 500
    runs = 3

    @property
    def title(self):
        lines = self.invoice_count * self.lines_per_invoice
        return f"{self.customer_count:,} customers, {lines:,} invoice lines"

    def prepare(self, env):
        journal, income, receivable = find_accounts(env)
        products = env["product.product"].create(
            [
                {"name": f"Bench {n}", "standard_price": n % 4 * 3}
                for n in range(self.product_count)
            ]
        )
        env.flush_all()
        env.cr.execute(
            """
            INSERT INTO res_partner (name, active, is_company, autopost_bills)
            SELECT 'Bench ' || n, TRUE, TRUE, 'ask'
              FROM generate_series(1, %(customers)s) n
            """,
            {"customers": self.customer_count},
        )
        env.cr.execute(
            """
            UPDATE res_partner SET commercial_partner_id = id, complete_name = name
             WHERE name LIKE 'Bench %' AND commercial_partner_id IS NULL
            """
        )
        env.cr.execute(
            """
            WITH moves AS (
                INSERT INTO account_move (
                    name, move_type, state, date, invoice_date, partner_id,
                    commercial_partner_id, company_id, journal_id, currency_id,
                    auto_post, payment_state, amount_untaxed_signed,
                    amount_total_signed, write_date, create_date
                )
                SELECT 'BENCH/' || n,
                       CASE WHEN n %% 25 = 0 THEN 'out_refund' ELSE 'out_invoice' END,
                       'posted', day, day, p.first + customer, p.first + customer,
                       %(company)s, %(journal)s, %(currency)s, 'no',
                       CASE WHEN n %% 5 = 0 THEN 'not_paid' ELSE 'paid' END,
                       CASE WHEN n %% 25 = 0 THEN -1 ELSE 1 END * %(lines)s
                           * (10 + n %% 90),
                       CASE WHEN n %% 25 = 0 THEN -1 ELSE 1 END * %(lines)s
                           * (10 + n %% 90), now(), now()
                  FROM (
                    -- squared: few buy often, many seldom
                    SELECT n, floor(%(customers)s
                                * power((n * 7919 %% %(invoices)s)
                                        / %(invoices)s::float8, 2))::int AS customer,
                           now()::date - (n * 104729 %% 730)::int AS day
                      FROM generate_series(1::bigint, %(invoices)s) n
                  ) rows,
                  (SELECT min(id) AS first FROM res_partner
                    WHERE name LIKE 'Bench %%' AND is_company) p
             RETURNING id, date, partner_id, payment_state,
                       amount_total_signed AS total
            ), entries AS (
                SELECT id, date, partner_id, 'product' AS display_type,
                       %(income)s AS account_id,
                       (%(products)s::int[])[1 + (id + k * 13) %% %(product_count)s]
                           AS product_id,
                       1 AS quantity, -total / %(lines)s AS balance, 0 AS residual
                  FROM moves, generate_series(1, %(lines)s) k
                 UNION ALL
                SELECT id, date, partner_id, 'payment_term', %(receivable)s, NULL,
                       NULL, total,
                       CASE WHEN payment_state = 'paid' THEN 0 ELSE total END
                  FROM moves
            )
            INSERT INTO account_move_line (
                move_id, parent_state, date, company_id, journal_id, currency_id,
                company_currency_id, partner_id, account_id, display_type, product_id,
                quantity, balance, amount_currency, debit, credit, amount_residual,
                date_maturity, reconciled
            )
            SELECT id, 'posted', date, %(company)s, %(journal)s, %(currency)s,
                   %(currency)s, partner_id, account_id, display_type, product_id,
                   quantity, balance, balance, greatest(balance, 0),
                   greatest(-balance, 0), residual, date + 30, residual = 0
              FROM entries
            """,
            {
                "customers": self.customer_count,
                "invoices": self.invoice_count,
                "lines": self.lines_per_invoice,
                "products": products.ids,
                "product_count": self.product_count,
                "company": env.company.id,
                "currency": env.company.currency_id.id,
                "journal": journal.id,
                "income": income.id,
                "receivable": receivable.id,
            },
        )
        env.invalidate_all()
        env["crm.customer.profile"]._rebuild()

    def cases(self):
        return [
            ("all, the next night", None, self.run),
            ("one customer", None, self.run_one),
        ]

    def run(self, env):
        Profile = env["crm.customer.profile"]
        yardstick = env["crm.customer.yardstick"].search(
            [("company_id", "=", env.company.id)]
        )
        today = env.cr.now().date() + timedelta(days=1)
        Profile._rebuild(today=today)
        yardstick._renew(today)
        Profile._judge(None, yardstick, today)
        return Profile.search_count([("company_id", "=", env.company.id)])

    def run_one(self, env):
        Profile = env["crm.customer.profile"]
        profile = Profile.search([], order="invoice_count desc", limit=1)
        Profile._rebuild(profile.partner_id.ids)
        return 1


class RetailBench(Bench):
    """Profiles of a real wholesaler's year, each compared with the file to the cent."""

    name = "profile_retail"
    title = "UCI Online Retail II 2009-2010 as posted invoices, figures compared"
    is_long = True
    runs = 1

    def prepare(self, env):
        spec = importlib.util.spec_from_file_location("retail", RETAIL)
        self.module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(self.module)
        if not self.module.FILE.is_file():
            raise FileNotFoundError(f"public data not here: {self.module.FILE}")
        self.retail = self.module.Retail()
        self.ids = self.retail.load(env, env.company, *find_accounts(env))

    def run(self, env):
        Profile = env["crm.customer.profile"]
        Profile._rebuild(list(self.ids.values()), today=self.module.TODAY)
        facts = self.retail.expect()
        wrong = []
        net = Decimal(0)
        for profile in Profile.search([("partner_id", "in", list(self.ids.values()))]):
            fact = facts[profile.partner_id.name.removeprefix("Retail ")]
            total = Decimal(str(profile.revenue_total)).quantize(self.module.CENT)
            net += total
            if total != fact["revenue_total"] or any(
                profile[name] != fact[name]
                for name in ("invoice_count_12", "recency_days", "interval_median")
            ):
                wrong.append(profile.partner_id.name)
        expected = (
            (len(self.retail.invoices), 28_816),
            (len(facts) - 1, 4_383),
            (self.retail.raw_total, Decimal("9539484.634")),
            # each line is rounded to the cent
            (net, Decimal("9539484.62")),
        )
        if wrong or any(found != wanted for found, wanted in expected):
            raise ValueError(f"{expected}, wrong: {wrong[:10]} of {len(wrong)}")
        return len(facts)
