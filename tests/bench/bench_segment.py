import os

from tests.bench.bench_profile import find_accounts
from tests.bench.runner import Bench


class SegmentBench(Bench):
    """A segment of a million contacts: who joins and who leaves, in one statement.

    The condition asks for a field and for a product bought in the last year, which half
    of the customers did. "Those that changed" is what a change in the screen does, a
    batch of contacts at a time; the other cases are the scheduler's.

    ``BENCH_PARTNERS`` makes it smaller, for a machine that has other work to do.
    """

    name = "segment"
    is_long = True
    runs = 3
    partner_count = int(os.environ.get("BENCH_PARTNERS", "1000000"))
    changed_part = 100
    batch_size = 1000

    @property
    def title(self):
        return f"a segment of {self.partner_count:,} contacts"

    def prepare(self, env):
        product = env["product.product"].create({"name": "Bench product"})
        env.flush_all()
        env.cr.execute(
            """
            INSERT INTO res_partner (name, complete_name, active, is_company, ref, city,
                                     autopost_bills, create_date, write_date)
            SELECT 'Bench ' || n, 'Bench ' || n, TRUE, TRUE, 'bench',
                   CASE n %% 10 WHEN 0 THEN 'Ulm' ELSE 'Berlin' END, 'ask',
                   now() AT TIME ZONE 'UTC', now() AT TIME ZONE 'UTC'
              FROM generate_series(1, %s) n
            """,
            [self.partner_count],
        )
        env.cr.execute(
            "UPDATE res_partner SET commercial_partner_id = id WHERE ref = 'bench'"
        )
        journal, income, _receivable = find_accounts(env)
        env.flush_all()
        env.cr.execute(
            """
            WITH moves AS (
                INSERT INTO account_move (
                    name, move_type, state, date, invoice_date, partner_id,
                    commercial_partner_id, company_id, journal_id, currency_id,
                    auto_post, payment_state, amount_untaxed_signed
                )
                SELECT 'BENCHSEG/' || id, 'out_invoice', 'posted', now()::date - 30,
                       now()::date - 30, id, id, %(company)s, %(journal)s,
                       %(currency)s, 'no', 'paid', 100
                  FROM res_partner WHERE ref = 'bench' AND id %% 2 = 0
             RETURNING id, partner_id
            )
            INSERT INTO account_move_line (
                move_id, partner_id, company_id, journal_id, currency_id, date,
                parent_state, display_type, product_id, quantity, balance, account_id
            )
            SELECT id, partner_id, %(company)s, %(journal)s, %(currency)s,
                   now()::date - 30, 'posted', 'product', %(product)s, 1, -100,
                   %(income)s
              FROM moves
            """,
            {
                "company": env.company.id,
                "currency": env.company.currency_id.id,
                "income": income.id,
                "journal": journal.id,
                "product": product.id,
            },
        )
        env["crm.segment"].search([]).active = False
        field, bought = env["crm.segment"].create(
            [
                {
                    "name": "Bench field",
                    "target": "res.partner",
                    "domain": "[('ref', '=', 'bench'), ('city', '=', 'Berlin')]",
                },
                {
                    "name": "Bench bought",
                    "target": "res.partner",
                    "domain": "[('ref', '=', 'bench')]",
                    "fact_ids": [
                        (
                            0,
                            0,
                            {
                                "kind": "bought",
                                "product_ids": [(6, 0, product.ids)],
                                "days": 365,
                            },
                        )
                    ],
                },
            ]
        )
        env.flush_all()
        env.cr.precommit.clear()
        self.field_id, self.bought_id = field.id, bought.id

    def cases(self):
        return [
            # statistics of the member table say that it is empty
            ("all join", None, self.refresh_field),
            ("all join by what they bought", None, self.refresh_bought),
            ("nothing changed", self.fill, self.refresh_field),
            ("1 % changed", self.fill_and_change, self.refresh_field),
            ("1 % changed, those that did", self.fill_and_change, self.refresh_changed),
        ]

    def fill(self, env):
        self._refresh(env, self.field_id)

    def fill_and_change(self, env):
        self.fill(env)
        env.cr.execute(
            """
            UPDATE res_partner
               SET city = CASE city WHEN 'Ulm' THEN 'Berlin' ELSE 'Ulm' END
             WHERE ref = 'bench' AND id %% %s = 0 RETURNING id
            """,
            [self.changed_part],
        )
        self.changed_ids = [row[0] for row in env.cr.fetchall()]
        env.invalidate_all()

    def _refresh(self, env, segment_id):
        [(joined, left)] = env["crm.segment"].browse(segment_id)._refresh().values()
        env.cr.precommit.clear()
        return len(joined) + len(left)

    def refresh_field(self, env):
        self._refresh(env, self.field_id)
        return self.partner_count

    def refresh_bought(self, env):
        found = self._refresh(env, self.bought_id)
        if abs(found - self.partner_count / 2) > 2:
            raise ValueError(f"{found} found")
        return self.partner_count

    def refresh_changed(self, env):
        segment = env["crm.segment"].browse(self.field_id)
        for start in range(0, len(self.changed_ids), self.batch_size):
            segment._refresh_records(
                "res.partner",
                self.changed_ids[start : start + self.batch_size],
                segment,
            )
        env.cr.precommit.clear()
        return len(self.changed_ids)
