from datetime import timedelta

from dateutil.relativedelta import relativedelta

from odoo import api, fields, models
from odoo.fields import Domain
from odoo.tools import SQL, format_date

from ...tools.sales import SALE_TYPES
from .crm_customer_yardstick import MONEY_GROUPS

# Who had an invoice within so many days is active.
ACTIVE_DAYS = 365
# Filled once for so many months back. Each night again from the month on of which an
# invoice was written since, be it years old, and the latest ones whatever is known.
BACKFILL_MONTHS = 36
RENEWED_MONTHS = 3
# A row may be written long before it is committed.
OVERLAP = timedelta(hours=1)


class CrmCustomerRetention(models.Model):
    """Who stayed, left and came: a row a company and month that is over.

    Active is who had a posted invoice within 365 days (``crm_plus.active_days``).
    Retention (KPI 55) is the share of those active at the start that still are at the
    end. Who is active at the end besides came new, with a first invoice ever, or came
    back.
    """

    _name = "crm.customer.retention"
    _description = "Customer Retention"
    _order = "date desc, company_id"
    _rec_name = "date"
    _log_access = False

    date = fields.Date(string="Month", required=True, readonly=True)
    month_name = fields.Char(compute="_compute_month_name")
    date_counted = fields.Datetime(string="Counted On", readonly=True)
    company_id = fields.Many2one(
        "res.company", required=True, readonly=True, index=True, ondelete="cascade"
    )
    currency_id = fields.Many2one(related="company_id.currency_id")
    start_count = fields.Integer(
        string="Active at Start", readonly=True, aggregator="avg"
    )
    end_count = fields.Integer(string="Active at End", readonly=True, aggregator="avg")
    kept_count = fields.Integer(string="Kept", readonly=True, aggregator="avg")
    lost_count = fields.Integer(string="Lost", readonly=True)
    new_count = fields.Integer(string="New", readonly=True)
    returned_count = fields.Integer(
        string="Came Back", readonly=True, help="Bought before, but not lately."
    )
    retention = fields.Float(
        string="Retention (%)",
        readonly=True,
        digits=(16, 1),
        aggregator="avg",
        help="Kept / active at start.",
    )
    churn = fields.Float(
        string="Churn (%)",
        readonly=True,
        digits=(16, 1),
        aggregator="avg",
        help="Lost / active at start.",
    )
    buyer_count = fields.Integer(
        string="Buyers", readonly=True, help="With an invoice in the month."
    )
    repeat_count = fields.Integer(
        string="Bought Again",
        readonly=True,
        help="With two or more invoices in the 365 days until the end of the month.",
    )
    repeat_rate = fields.Float(
        string="Repeat Purchases (%)",
        readonly=True,
        digits=(16, 1),
        aggregator="avg",
        help="Bought again / active at end.",
    )
    revenue = fields.Monetary(
        string="Net Sales",
        readonly=True,
        groups=MONEY_GROUPS,
        help="Invoiced in the month, untaxed, less credit notes.",
    )
    revenue_mean = fields.Monetary(
        string="Net Sales per Buyer",
        readonly=True,
        aggregator="avg",
        groups=MONEY_GROUPS,
    )

    _month_uniq = models.Constraint(
        "UNIQUE(company_id, date)", "There is one row a month and company."
    )

    @api.depends("date")
    @api.depends_context("lang")
    def _compute_month_name(self):
        for row in self:
            row.month_name = format_date(self.env, row.date, date_format="MMM yyyy")

    @api.model
    def _renew(self, company, today):
        """Count the last months of the company, and those before from the first one
        that changed on; all of them where none was yet.
        """
        this_month = today.replace(day=1)
        # sudo: a setting
        parameters = self.env["ir.config_parameter"].sudo()
        days = int(parameters.get_param("crm_plus.active_days", ACTIVE_DAYS))
        self.env["account.move"].flush_model()
        self.env["res.partner"].flush_model(["commercial_partner_id"])
        first = self._get_first_month(company, this_month)
        self.env.cr.execute(
            SQL(
                """
                WITH months AS (
                    SELECT d::date AS date, (d + interval '1 month')::date AS date_end
                      FROM generate_series(%(first)s::timestamp, %(last)s::timestamp,
                                           interval '1 month') d
                ), buys AS MATERIALIZED (
                    SELECT p.commercial_partner_id AS customer_id,
                           m.invoice_date AS date,
                           count(*) FILTER (WHERE m.move_type = 'out_invoice') AS count,
                           sum(m.amount_untaxed_signed) AS amount,
                           min(min(m.invoice_date) FILTER (
                               WHERE m.move_type = 'out_invoice')) OVER (
                               PARTITION BY p.commercial_partner_id) AS first
                      FROM account_move m
                      JOIN res_partner p ON p.id = m.commercial_partner_id
                     WHERE m.company_id = %(company)s AND m.state = 'posted'
                       AND m.move_type IN %(sale_types)s
                     GROUP BY p.commercial_partner_id, m.invoice_date
                ), seen AS (
                    SELECT n.date, n.date_end, b.customer_id,
                           bool_or(b.count > 0 AND b.date < n.date) AS at_start,
                           bool_or(b.count > 0 AND b.date >= n.date_end - %(days)s)
                               AS at_end,
                           min(b.first) >= n.date AS is_new,
                           sum(b.count) FILTER (WHERE b.date >= n.date) AS in_month,
                           sum(b.count) FILTER (WHERE b.date >= n.date_end - %(days)s)
                               AS in_window,
                           sum(b.amount) FILTER (WHERE b.date >= n.date) AS amount
                      FROM months n
                      JOIN buys b ON b.date >= n.date - %(days)s
                                 AND b.date < n.date_end
                     GROUP BY n.date, n.date_end, b.customer_id
                ), counts AS (
                    SELECT date,
                           count(*) FILTER (WHERE at_start) AS start_count,
                           count(*) FILTER (WHERE at_end) AS end_count,
                           count(*) FILTER (WHERE at_start AND at_end) AS kept_count,
                           count(*) FILTER (WHERE at_start AND NOT at_end)
                               AS lost_count,
                           count(*) FILTER (WHERE at_end AND NOT at_start AND is_new)
                               AS new_count,
                           count(*) FILTER (WHERE at_end AND NOT at_start
                               AND NOT is_new) AS returned_count,
                           count(*) FILTER (WHERE in_month > 0) AS buyer_count,
                           count(*) FILTER (WHERE in_window > 1) AS repeat_count,
                           COALESCE(sum(amount), 0) AS revenue
                      FROM seen
                     GROUP BY date
                ), gone AS (
                    -- months in which, by now, nobody was active
                    DELETE FROM crm_customer_retention d
                     WHERE d.company_id = %(company)s
                       AND d.date >= %(first)s AND d.date <= %(last)s
                       AND NOT EXISTS (SELECT FROM counts c WHERE c.date = d.date)
                )
                INSERT INTO crm_customer_retention AS o (
                    company_id, date, date_counted, start_count, end_count, kept_count,
                    lost_count, new_count, returned_count, retention, churn,
                    buyer_count, repeat_count, repeat_rate, revenue, revenue_mean
                )
                SELECT %(company)s, date, %(now)s, start_count, end_count, kept_count,
                       lost_count, new_count, returned_count,
                       100.0 * kept_count / NULLIF(start_count, 0),
                       100.0 * lost_count / NULLIF(start_count, 0),
                       buyer_count, repeat_count,
                       100.0 * repeat_count / NULLIF(end_count, 0),
                       revenue, round(revenue / NULLIF(buyer_count, 0), 2)
                  FROM counts
           ON CONFLICT (company_id, date) DO UPDATE
                   SET (date_counted, start_count, end_count, kept_count, lost_count,
                        new_count, returned_count, retention, churn, buyer_count,
                        repeat_count, repeat_rate, revenue, revenue_mean)
                     = (EXCLUDED.date_counted,
                        EXCLUDED.start_count, EXCLUDED.end_count, EXCLUDED.kept_count,
                        EXCLUDED.lost_count, EXCLUDED.new_count,
                        EXCLUDED.returned_count, EXCLUDED.retention, EXCLUDED.churn,
                        EXCLUDED.buyer_count, EXCLUDED.repeat_count,
                        EXCLUDED.repeat_rate, EXCLUDED.revenue, EXCLUDED.revenue_mean)
                """,
                sale_types=SALE_TYPES,
                first=first,
                now=self.env.cr.now(),
                last=this_month - relativedelta(months=1),
                company=company.id,
                days=days,
            )
        )
        self.invalidate_model(flush=False)

    @api.model
    def _get_first_month(self, company, this_month):
        """Return the month from which on rows are to be counted again."""
        earliest = this_month - relativedelta(months=BACKFILL_MONTHS)
        of_company = Domain("company_id", "=", company.id)
        [[since]] = self._read_group(of_company, [], ["date_counted:max"])
        if not since:
            return earliest
        [[forgotten]] = self._read_group(
            of_company & Domain("date_counted", "=", False), [], ["date:min"]
        )
        [[changed]] = self.env.execute_query(
            SQL(
                """
                SELECT min(invoice_date) FROM account_move
                 WHERE company_id = %s AND write_date > %s
                   AND move_type IN %s
                """,
                company.id,
                since - OVERLAP,
                SALE_TYPES,
            )
        )
        latest = this_month - relativedelta(months=RENEWED_MONTHS)
        return max(
            earliest,
            min(latest, forgotten or latest, (changed or latest).replace(day=1)),
        )

    @api.model
    def _forget_counts(self):
        """Have all months counted again by the next nightly run: invoices have other
        customers, which writes on no invoice.
        """
        self.search([("date_counted", "!=", False)]).write({"date_counted": False})

    @api.model
    def _forget_from(self, company, day):
        """Have the months from that of ``day`` on counted again by the next nightly
        run: an invoice leaves it, which the row of the invoice does not tell any more.
        """
        month = day.replace(day=1)
        first = self.search(
            [("company_id", "=", company.id), ("date", ">=", month)],
            order="date",
            limit=1,
        )
        # once: whoever corrects another invoice does not wait for the row
        if first.date_counted:
            first.date_counted = False
