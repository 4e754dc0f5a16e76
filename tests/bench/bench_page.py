from tests.bench.bench_profile import find_accounts
from tests.bench.runner import Bench


class PageBench(Bench):
    """Opening the page of a customer about whom there is very much.

    Touchpoints are spread over five years and six channels; there are as many invoices,
    orders and deals as a large account has, and the profile is built. Printed queries
    are those of opening the page once, panels of all addons that are installed with it.
    """

    name = "page"
    touchpoint_count = 50_000
    document_count = 2_000
    runs = 7

    @property
    def title(self):
        return (
            f"customer with {self.touchpoint_count:,} touchpoints, "
            f"{self.document_count:,} invoices and deals"
        )

    def prepare(self, env):
        journal, _income, receivable = find_accounts(env)
        self.customer_id = (
            env["res.partner"].create({"name": "Bench page", "is_company": True}).id
        )
        contacts = env["res.partner"].create(
            [
                {"name": f"Bench contact {n}", "parent_id": self.customer_id}
                for n in range(20)
            ]
        )
        kinds = env["crm.touchpoint.kind"].search(
            [("channel", "in", ("email", "phone", "sales", "delivery", "accounting"))]
        )
        env.flush_all()
        params = {
            "customer": self.customer_id,
            "contacts": contacts.ids,
            "company": env.company.id,
            "currency": env.company.currency_id.id,
            "journal": journal.id,
            "receivable": receivable.id,
            "kinds": kinds.ids,
            "touchpoints": self.touchpoint_count,
            "documents": self.document_count,
        }
        env.cr.execute(
            """
            INSERT INTO crm_touchpoint (
                kind_id, channel, date, name, partner_id, commercial_partner_id,
                company_id, is_machine, res_model, res_id, occurrence
            )
            SELECT k.id, k.channel,
                   date_trunc('second', now() at time zone 'utc')
                       - n * interval '52 minutes',
                   'Bench ' || n,
                   (%(contacts)s::int[])[1 + n %% cardinality(%(contacts)s::int[])],
                   %(customer)s, %(company)s, FALSE, 'res.partner', %(customer)s,
                   'bench ' || n
              FROM generate_series(1, %(touchpoints)s) n
              JOIN crm_touchpoint_kind k
                ON k.id = (%(kinds)s::int[])[1 + n %% cardinality(%(kinds)s::int[])]
            """,
            params,
        )
        env.cr.execute(
            """
            WITH moves AS (
                INSERT INTO account_move (
                    name, move_type, state, date, invoice_date, invoice_date_due,
                    partner_id, commercial_partner_id, company_id, journal_id,
                    currency_id, auto_post, payment_state, amount_untaxed_signed,
                    amount_total_signed, amount_residual_signed, write_date, create_date
                )
                SELECT 'BENCHPAGE/' || n, 'out_invoice', 'posted', day, day, day + 30,
                       %(customer)s, %(customer)s, %(company)s, %(journal)s,
                       %(currency)s, 'no',
                       CASE WHEN n %% 5 = 0 THEN 'not_paid' ELSE 'paid' END, 100, 100,
                       CASE WHEN n %% 5 = 0 THEN 100 ELSE 0 END, now(), now()
                  FROM (SELECT n, now()::date - n AS day
                          FROM generate_series(1, %(documents)s) n) days
             RETURNING id, date, payment_state
            )
            INSERT INTO account_move_line (
                move_id, parent_state, date, company_id, journal_id, currency_id,
                company_currency_id, partner_id, account_id, display_type, balance,
                amount_currency, debit, credit, amount_residual, date_maturity,
                reconciled
            )
            SELECT id, 'posted', date, %(company)s, %(journal)s, %(currency)s,
                   %(currency)s, %(customer)s, %(receivable)s, 'payment_term', 100, 100,
                   100, 0, CASE WHEN payment_state = 'paid' THEN 0 ELSE 100 END,
                   date + 30, payment_state = 'paid'
              FROM moves
            """,
            params,
        )
        env.cr.execute(
            """
            INSERT INTO crm_lead (
                name, type, active, won_status, partner_id, company_id, stage_id,
                expected_revenue, probability, create_date, write_date
            )
            SELECT 'Bench ' || n, 'opportunity', TRUE, 'pending', %(customer)s,
                   %(company)s, (SELECT min(id) FROM crm_stage), 100, 50, now(), now()
              FROM generate_series(1, %(documents)s) n
            """,
            params,
        )
        env.invalidate_all()
        env["crm.customer.profile"]._rebuild([self.customer_id])

    def cases(self):
        return [
            ("open the page", None, self.run),
            ("filter by channel", None, self.run_channel),
            ("far back in the timeline", None, self.run_far_back),
        ]

    def _customer(self, env):
        admin = env.ref("base.user_admin")
        return env(user=admin)["res.partner"].browse(self.customer_id)

    def run(self, env):
        page = self._customer(env).get_customer_page()
        if not page["timeline"]["has_more"]:
            raise ValueError("the timeline is too short")
        return 1

    def run_channel(self, env):
        self._customer(env).get_customer_timeline(channel="phone")
        return 1

    def run_far_back(self, env):
        env.cr.execute(
            """SELECT min(date) + interval '30 days' FROM crm_touchpoint
                WHERE commercial_partner_id = %s""",
            [self.customer_id],
        )
        [date] = env.cr.fetchone()
        self._customer(env).get_customer_timeline(before=[str(date), 0])
        return 1
