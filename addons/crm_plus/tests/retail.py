"""Public data of real shops as posted invoices.

UCI Online Retail II, 2009-2010: a year of a wholesaler, 525,461 lines, 28,816 invoices
with credit notes, 4,383 customers and lines of nobody. CDNOW: 2,357 customers of a
record shop, whose models of buying are published.

They are loaded in SQL, since the ORM would take hours; what profiles must say is
counted here from the file, in Python. Also used by the bench, which loads it all.
"""

import csv
import gzip
import io
import itertools
from collections import defaultdict
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from statistics import median

from odoo.tools import SQL

DATA = Path(__file__).resolve().parents[3].parent / "shared/data/02_rfm_clv_churn"
FILE = DATA / "online_retail_ii_2009_2010/online_retail_ii_2009_2010.csv.gz"
CDNOW = DATA / "cdnow_sample/CDNOW_sample.txt"
# the day after the last invoice
TODAY = date(2010, 12, 10)
CENT = Decimal("0.01")
PRODUCT_COUNT = 20


class Ledger:
    """Invoices that are written past the ORM."""

    # prefix of the customers' names
    name = "Ledger"

    def __init__(self):
        self.invoices = {}  # number: [customer, date, total, is_invoice]
        self.lines = []  # number, product, quantity, price, amount

    # ------------------------------------------------------------
    # Load
    # ------------------------------------------------------------

    def load(self, env, company, journal, income, receivable):
        """Insert the invoices; return ``{customer: partner id}``."""
        names = sorted({invoice[0] for invoice in self.invoices.values()})
        partners = env["res.partner"].create(
            [{"name": f"{self.name} {name}", "is_company": True} for name in names]
        )
        ids = dict(zip(names, partners.ids, strict=True))
        # every fourth product has no cost
        self.costs = [Decimal(n % 4 * 25) / 100 for n in range(PRODUCT_COUNT)]
        products = env["product.product"].create(
            [
                {"name": f"Retail {n}", "standard_price": float(cost)}
                for n, cost in enumerate(self.costs)
            ]
        )
        env.flush_all()
        env.cr.execute("DROP TABLE IF EXISTS retail_move, retail_line")
        self._copy(
            env.cr,
            "retail_move (number varchar, partner_id int, date date, total numeric,"
            " is_invoice bool)",
            (
                (number, ids[customer], day, total, is_invoice)
                for number, (customer, day, total, is_invoice) in self.invoices.items()
            ),
        )
        self._copy(
            env.cr,
            "retail_line (number varchar, product_id int, quantity numeric,"
            " price numeric, amount numeric)",
            (
                (number, products.ids[product], quantity, price, amount)
                for number, product, quantity, price, amount in self.lines
            ),
        )
        env.cr.execute(
            INSERT,
            {
                "company": company.id,
                "currency": company.currency_id.id,
                "journal": journal.id,
                "income": income.id,
                "receivable": receivable.id,
            },
        )
        env.invalidate_all()
        return ids

    @staticmethod
    def _copy(cr, table, rows):
        name = table.split()[0]
        cr.execute(SQL("CREATE TEMP TABLE %s", SQL(table)))
        buffer = io.StringIO()
        csv.writer(buffer).writerows(rows)
        buffer.seek(0)
        cr.copy_expert(f"COPY {name} FROM STDIN WITH CSV", buffer)


class Cdnow(Ledger):
    """The purchases until the day on which the authors of the models stopped."""

    name = "Cdnow"
    TODAY = date(1997, 9, 30)

    def __init__(self):
        super().__init__()
        with CDNOW.open() as file:
            for number, row in enumerate(file):
                _master, customer, day, _count, amount = row.split()
                self.add(
                    number, customer, datetime.strptime(day, "%Y%m%d").date(), amount
                )

    def add(self, number, customer, day, amount):
        if day <= self.TODAY:
            amount = Decimal(amount)
            self.invoices[str(number)] = [customer, day, amount, True]
            self.lines.append((str(number), 0, 1, amount, amount))


class Retail(Ledger):
    """The rows of the customers that ``keep`` accepts, and what follows from them.

    Invoices whose number begins with C are credit notes; so are the few others whose
    total is negative, as Odoo would have them.
    """

    name = "Retail"

    def __init__(self, keep=None):
        super().__init__()
        self.raw_total = Decimal(0)
        with gzip.open(FILE, "rt", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                customer = row["Customer ID"] or "nobody"
                if keep and not keep(customer):
                    continue
                self._add(row, customer)
        for number, invoice in self.invoices.items():
            invoice[3] = not number.startswith("C") and invoice[2] >= 0

    def _add(self, row, customer):
        raw = Decimal(row["Quantity"]) * Decimal(row["Price"])
        # a ledger rounds each line to the cent
        amount = raw.quantize(CENT, ROUND_HALF_UP)
        day = date.fromisoformat(row["InvoiceDate"][:10])
        invoice = self.invoices.setdefault(
            row["Invoice"], [customer, day, Decimal(0), True]
        )
        invoice[2] += amount
        self.raw_total += raw
        product = sum(row["StockCode"].encode()) % PRODUCT_COUNT
        self.lines.append(
            (row["Invoice"], product, row["Quantity"], row["Price"], amount)
        )

    # ------------------------------------------------------------
    # What profiles must say
    # ------------------------------------------------------------

    def expect(self):
        """Return ``{customer: {field: value}}`` of the facts as of ``TODAY``."""
        facts = defaultdict(
            lambda: {
                "revenue_total": Decimal(0),
                "revenue_12": Decimal(0),
                "invoice_count": 0,
                "invoice_count_12": 0,
                "refund_count_12": 0,
                "dates": set(),
                "known": Decimal(0),
                "all": Decimal(0),
                "margin": Decimal(0),
            }
        )
        for customer, day, total, is_invoice in self.invoices.values():
            fact = facts[customer]
            recent = day > TODAY - timedelta(days=365)
            fact["revenue_total"] += total
            fact["revenue_12"] += total * recent
            fact["invoice_count"] += is_invoice
            fact["invoice_count_12"] += is_invoice and recent
            fact["refund_count_12"] += recent and not is_invoice
            if is_invoice:
                fact["dates"].add(day)
        for number, product, quantity, _price, amount in self.lines:
            fact = facts[self.invoices[number][0]]
            cost = self.costs[product]
            fact["all"] += abs(amount)
            if cost:
                fact["known"] += abs(amount)
                fact["margin"] += amount - Decimal(quantity) * cost
        for fact in facts.values():
            dates = sorted(fact.pop("dates"))
            gaps = [(b - a).days for a, b in itertools.pairwise(dates)]
            fact["interval_n"] = len(gaps)
            fact["interval_median"] = median(gaps) if len(gaps) >= 2 else 0
            fact["recency_days"] = (TODAY - dates[-1]).days if dates else 0
            fact["date_last"] = dates[-1] if dates else False
        return dict(facts)

    @staticmethod
    def expect_scores(facts, name, sign=1):
        """Return ``{customer: 1 to 5}``, by the rank of all with an invoice in the last
        12 months: a fifth each, ties share the higher one.
        """
        ranked = sorted(
            sign * fact[name] for fact in facts.values() if fact["invoice_count_12"]
        )
        reached = {value: count for count, value in enumerate(ranked, 1)}
        return {
            customer: -(-5 * reached[sign * fact[name]] // len(ranked))
            if fact["invoice_count_12"]
            else 1
            for customer, fact in facts.items()
            if fact["invoice_count"]
        }


INSERT = """
    WITH moves AS (
        INSERT INTO account_move (
            name, move_type, state, date, invoice_date, invoice_date_due, partner_id,
            commercial_partner_id, company_id, journal_id, currency_id, auto_post,
            payment_state, amount_untaxed, amount_untaxed_signed, amount_total,
            amount_total_signed, amount_residual, amount_residual_signed, write_date,
            create_date
        )
        SELECT 'RETAIL/' || number,
               CASE WHEN is_invoice THEN 'out_invoice' ELSE 'out_refund' END,
               'posted', date, date, date + 30, partner_id, partner_id, %(company)s,
               %(journal)s, %(currency)s, 'no', 'not_paid', abs(total), total,
               abs(total), total, abs(total), total, date, date
          FROM retail_move
     RETURNING id, name, partner_id, date, amount_total_signed AS total,
               move_type = 'out_invoice' AS is_invoice
    ), entries AS (
        SELECT m.id, m.name, m.partner_id, m.date, 'product' AS display_type,
               %(income)s AS account_id, l.product_id,
               CASE WHEN m.is_invoice THEN l.quantity ELSE -l.quantity END AS quantity,
               l.price, -l.amount AS balance, 0 AS residual, NULL::date AS due
          FROM moves m
          JOIN retail_line l ON 'RETAIL/' || l.number = m.name
         UNION ALL
        SELECT id, name, partner_id, date, 'payment_term', %(receivable)s, NULL, NULL,
               0, total, total, date + 30
          FROM moves
    )
    INSERT INTO account_move_line (
        move_id, move_name, parent_state, date, invoice_date, company_id, journal_id,
        company_currency_id, currency_id, partner_id, account_id, display_type,
        product_id, quantity, price_unit, price_subtotal, price_total, balance,
        amount_currency, debit, credit, amount_residual, amount_residual_currency,
        date_maturity, reconciled
    )
    SELECT id, name, 'posted', date, date, %(company)s, %(journal)s, %(currency)s,
           %(currency)s, partner_id, account_id, display_type, product_id, quantity,
           price, abs(balance), abs(balance), balance, balance, greatest(balance, 0),
           greatest(-balance, 0), residual, residual, due, residual = 0
      FROM entries
"""
