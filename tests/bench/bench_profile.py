import importlib.util
import os
import time
from contextlib import contextmanager
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


@contextmanager
def bare_tables(cr, *tables):
    """Fill tables faster: their indexes and foreign keys are made afterwards, in one go
    each; then count the rows for the planner.
    """
    cr.execute(
        """
        SELECT conrelid::regclass::text, quote_ident(conname), pg_get_constraintdef(oid)
          FROM pg_constraint
         WHERE conrelid = ANY(%s::regclass[]) AND contype = 'f'
        """,
        [list(tables)],
    )
    keys = cr.fetchall()
    cr.execute(
        """
        SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid)
          FROM pg_index
         WHERE indrelid = ANY(%s::regclass[]) AND NOT indisunique
        """,
        [list(tables)],
    )
    indexes = cr.fetchall()
    for table, name, _definition in keys:
        cr.execute(f"ALTER TABLE {table} DROP CONSTRAINT {name}")
    for name, _definition in indexes:
        cr.execute(f"DROP INDEX {name}")
    yield
    cr.execute("SET LOCAL maintenance_work_mem = '256MB'")
    for _name, definition in indexes:
        cr.execute(definition)
    for table, name, definition in keys:
        cr.execute(f"ALTER TABLE {table} ADD CONSTRAINT {name} {definition}")
    for table in tables:
        cr.execute(f"ANALYZE {table}")


class ProfileBench(Bench):
    """The nightly run: facts of customers, yardstick, judgement, expectation, offers.

    Invoices of two years, a fifth of them open; the customers differ in how often they
    buy. Cases: everything read anew; the night after a day on which one customer in a
    hundred was invoiced; one customer, as after posting an invoice.

    ``CRM_BENCH_CUSTOMERS`` sets another size; there are four invoices a customer and
    five lines an invoice.
    """

    name = "profile"
    is_long = True
    customer_count = int(os.environ.get("CRM_BENCH_CUSTOMERS", "100000"))
    invoice_count = 4 * customer_count
    lines_per_invoice = 5
    product_count = 500
    runs = 1

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
        started = time.perf_counter()
        with bare_tables(env.cr, "res_partner", "account_move", "account_move_line"):
            self._fill(env, products, journal, income, receivable)
        print(f"  filled in {time.perf_counter() - started:.1f} s")
        env.invalidate_all()
        started = time.perf_counter()
        env["crm.customer.profile"]._rebuild()
        print(f"  first rebuild in {time.perf_counter() - started:.1f} s")

    def _fill(self, env, products, journal, income, receivable):
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
                       -- each customer buys a dozen products again and again
                       (%(products)s::int[])[1 + (partner_id * 37
                           + (id + k * 5) %% 12 * 41) %% %(product_count)s]
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

    def cases(self):
        return [
            ("all, read anew", None, self.run),
            ("the next night", self.touch, self.run_night),
            ("one customer", None, self.run_one),
        ]

    def run(self, env):
        Profile = env["crm.customer.profile"]
        yardsticks = Profile._read_facts(None, env.cr.now().date() + timedelta(days=1))
        return self._compare(env, yardsticks, env.cr.now().date() + timedelta(days=1))

    def touch(self, env):
        """Some were written long ago, some today."""
        env.cr.execute(
            """
            UPDATE crm_customer_profile
               SET date_read = now() - interval '1 day',
                   date_rebuilt = now() - interval '1 day'
            """
        )
        env.cr.execute(
            """
            UPDATE account_move SET write_date = now() - interval '5 days'
             WHERE commercial_partner_id % 100 <> 0;
            UPDATE res_partner SET write_date = now() - interval '5 days';
            UPDATE product_product SET write_date = now() - interval '5 days'
            """
        )

    def run_night(self, env):
        Profile = env["crm.customer.profile"]
        today = env.cr.now().date()
        due_ids = Profile._get_due_ids(today)
        yardsticks = Profile._read_facts(due_ids, today)
        Profile._age(today, yardsticks)
        print(f"  read for {len(due_ids):,} customers")
        return self._compare(env, yardsticks, today)

    def _compare(self, env, yardsticks, today):
        Profile = env["crm.customer.profile"]
        for yardstick in yardsticks:
            Profile._compare(yardstick, today)
        return Profile.search_count([])

    def run_one(self, env):
        """Twenty, one after the other."""
        Profile = env["crm.customer.profile"]
        profiles = Profile.search([], order="invoice_count desc", limit=20)
        for profile in profiles:
            Profile._rebuild(profile.partner_id.ids)
        return len(profiles)


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
        accounts = find_accounts(env)
        with bare_tables(env.cr, "account_move", "account_move_line"):
            self.ids = self.retail.load(env, env.company, *accounts)

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
