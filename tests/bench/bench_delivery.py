from odoo.fields import Domain

from tests.bench.runner import Bench


class DeliveryBench(Bench):
    """The report of deliveries, of a warehouse that has worked for five years.

    Transfers are spread over customers and days, two moves each; one in fifty is still
    open, one in twenty came back. Measured is what screens ask for: the first page of
    the list, a customer's own, the line on documents, the pivot.
    """

    name = "delivery"
    transfer_count = 200_000
    customer_count = 5_000
    page_size = 80
    runs = 5

    @property
    def title(self):
        return (
            f"report of {self.transfer_count:,} transfers to "
            f"{self.customer_count:,} customers"
        )

    def prepare(self, env):
        warehouse = env["stock.warehouse"].search(
            [("company_id", "=", env.company.id)], limit=1
        )
        product = env["product.product"].create(
            {"name": "Bench goods", "is_storable": True}
        )
        env.flush_all()
        params = {
            "company": env.company.id,
            "stock": warehouse.lot_stock_id.id,
            "customers": env.ref("stock.stock_location_customers").id,
            "out": warehouse.out_type_id.id,
            "back": warehouse.in_type_id.id,
            "product": product.id,
            "uom": product.uom_id.id,
            "count": self.customer_count,
            "transfers": self.transfer_count,
        }
        env.cr.execute(
            """
            INSERT INTO res_partner (
                name, complete_name, is_company, active, type, autopost_bills,
                create_date, write_date
            )
            SELECT 'Bench delivery ' || n, 'Bench delivery ' || n, TRUE, TRUE,
                   'contact', 'ask', now(), now()
              FROM generate_series(1, %(count)s) n
         RETURNING id
            """,
            params,
        )
        params["partners"] = [row[0] for row in env.cr.fetchall()]
        env.cr.execute(
            "UPDATE res_partner SET commercial_partner_id = id WHERE id = ANY(%s)",
            [params["partners"]],
        )
        self.partner_ids = params["partners"]
        env.cr.execute(
            """
            WITH plan AS (
                SELECT n, n %% 20 = 0 AS is_return, n %% 50 = 1 AS is_open,
                       date_trunc('second', now() at time zone 'utc')
                           - n * interval '5 years' / %(transfers)s AS promised
                  FROM generate_series(1, %(transfers)s) n
            ), transfers AS (
                INSERT INTO stock_picking (
                    name, state, move_type, priority, partner_id, company_id,
                    location_id, location_dest_id, picking_type_id, scheduled_date,
                    date_deadline, date_done, create_date, write_date
                )
                SELECT 'BENCH/' || n, CASE WHEN is_open THEN 'assigned' ELSE 'done' END,
                       'direct', '0',
                       (%(partners)s::int[])[1 + n %% cardinality(%(partners)s::int[])],
                       %(company)s,
                       CASE WHEN is_return THEN %(customers)s ELSE %(stock)s END,
                       CASE WHEN is_return THEN %(stock)s ELSE %(customers)s END,
                       CASE WHEN is_return THEN %(back)s ELSE %(out)s END,
                       promised, promised,
                       CASE WHEN NOT is_open
                            THEN promised + (n %% 4 - 2) * interval '1 day' END,
                       now(), now()
                  FROM plan
             RETURNING id, state, location_id, location_dest_id, scheduled_date
            )
            INSERT INTO stock_move (
                picking_id, state, product_id, product_uom, product_uom_qty,
                product_qty, location_id, location_dest_id, company_id, date,
                procure_method, sequence, create_date, write_date
            )
            SELECT t.id, t.state, %(product)s, %(uom)s, 3, 3, t.location_id,
                   t.location_dest_id, %(company)s, t.scheduled_date, 'make_to_stock',
                   part, now(), now()
              FROM transfers t
        CROSS JOIN generate_series(1, 2) part
            """,
            params,
        )
        env.invalidate_all()

    def cases(self):
        return [
            ("first page, open", None, self.run),
            ("first page, all", None, self.run_all),
            ("of one customer", None, self.run_customer),
            ("the line on 80 documents", None, self.run_header),
            ("pivot by month and state", None, self.run_pivot),
        ]

    def _report(self, env):
        return env(user=env.ref("base.user_admin"))["crm.delivery.report"]

    def _read_page(self, env, domain):
        found = self._report(env).search_fetch(
            Domain("direction", "=", "delivery") & Domain(domain),
            ["name", "partner_id", "products", "date_promised", "state", "days_late"],
            limit=self.page_size,
        )
        if not found:
            raise ValueError("nothing is delivered")
        return len(found)

    def run(self, env):
        return self._read_page(env, [("state", "in", ("late", "open"))])

    def run_all(self, env):
        return self._read_page(env, [])

    def run_customer(self, env):
        return self._read_page(env, [("partner_id", "=", self.partner_ids[7])])

    def run_header(self, env):
        some = self.partner_ids[: self.page_size]
        counts = self._report(env)._count_by("partner_id", some)
        return len(counts)

    def run_pivot(self, env):
        return len(
            self._report(env)._read_group(
                [("direction", "=", "delivery")],
                ["date_promised:month", "state"],
                ["__count"],
            )
        )
