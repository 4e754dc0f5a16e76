from dateutil.relativedelta import relativedelta

from odoo import api, fields, models
from odoo.tools import SQL

from .crm_customer_yardstick import MONEY_GROUPS

RETENTION_MONTHS = 36
GC_BATCH_SIZE = 10_000


class CrmCustomerSnapshot(models.Model):
    """What a profile was at the first nightly run of a month, and the label of the
    snapshot before: the moves between labels.
    """

    _name = "crm.customer.snapshot"
    _description = "Customer Move"
    _order = "date desc, id desc"
    _rec_name = "partner_id"
    # nobody edits it, and the system writes them all
    _log_access = False

    date = fields.Date(string="Month", required=True, readonly=True)
    partner_id = fields.Many2one(
        "res.partner",
        string="Customer",
        required=True,
        readonly=True,
        index=True,
        ondelete="cascade",
    )
    company_id = fields.Many2one(
        "res.company", required=True, readonly=True, ondelete="cascade"
    )
    currency_id = fields.Many2one(related="company_id.currency_id")
    user_id = fields.Many2one(
        "res.users", string="Salesperson", readonly=True, ondelete="set null"
    )
    label_id = fields.Many2one(
        "crm.customer.label", string="To", readonly=True, ondelete="set null"
    )
    label_from_id = fields.Many2one(
        "crm.customer.label", string="From", readonly=True, ondelete="set null"
    )
    is_first = fields.Boolean(
        string="First Snapshot", readonly=True, help="There is none before it."
    )
    is_moved = fields.Boolean(string="Moved", readonly=True)
    rfm_revenue = fields.Char(string="RFM by Revenue", readonly=True)
    churn_risk = fields.Float(readonly=True, digits=(16, 0), aggregator="avg")
    health = fields.Float(readonly=True, digits=(16, 0), aggregator="avg")
    revenue_12 = fields.Monetary(
        string="Net Sales, 12 Months", readonly=True, groups=MONEY_GROUPS
    )
    margin_12 = fields.Monetary(
        string="Margin, 12 Months", readonly=True, groups=MONEY_GROUPS
    )
    expected_value = fields.Monetary(readonly=True, groups=MONEY_GROUPS)

    _month_uniq = models.Constraint(
        "UNIQUE(partner_id, company_id, date)", "A customer has one snapshot a month."
    )
    _company_date_idx = models.Index("(company_id, date)")

    @api.model
    def _keep(self, company, today):
        """Remember the profiles of the company, if it was not done this month."""
        month = today.replace(day=1)
        self.env["crm.customer.profile"].flush_model()
        self.env.cr.execute(
            SQL(
                """
                INSERT INTO crm_customer_snapshot (
                    date, partner_id, company_id, user_id, label_id, label_from_id,
                    is_first, is_moved, rfm_revenue, churn_risk, health, revenue_12,
                    margin_12, expected_value
                )
                SELECT %(month)s, p.partner_id, p.company_id, p.user_id, p.label_id,
                       b.label_id, b.id IS NULL,
                       b.id IS NOT NULL AND b.label_id IS DISTINCT FROM p.label_id,
                       p.rfm_revenue, p.churn_risk, p.health, p.revenue_12,
                       p.margin_12, p.expected_value
                  FROM crm_customer_profile p
             LEFT JOIN LATERAL (
                    SELECT s.id, s.label_id
                      FROM crm_customer_snapshot s
                     WHERE s.partner_id = p.partner_id AND s.company_id = p.company_id
                       AND s.date < %(month)s
                     ORDER BY s.date DESC
                     LIMIT 1
                  ) b ON TRUE
                 WHERE p.company_id = %(company)s
                   AND NOT EXISTS (
                       SELECT FROM crm_customer_snapshot s
                        WHERE s.company_id = %(company)s AND s.date = %(month)s)
           ON CONFLICT (partner_id, company_id, date) DO NOTHING
                """,
                month=SQL("%s::date", month),
                company=company.id,
            )
        )
        self.invalidate_model(flush=False)

    @api.model
    def _move_partners(self, from_ids, to_id):
        """Months of merged contacts go on as those of the contact that stays: what they
        bought is added up, their label is that of the contact that stays, else of the
        one that bought more. Where each move came from is told anew.
        """
        self.flush_model()
        values = {"ids": [*from_ids, to_id], "kept": to_id}
        self.env.cr.execute(
            SQL(
                """
                WITH ranked AS (
                    SELECT id,
                           first_value(id) OVER w AS kept_id,
                           sum(revenue_12) OVER m AS revenue_12,
                           sum(margin_12) OVER m AS margin_12,
                           sum(expected_value) OVER m AS expected_value
                      FROM crm_customer_snapshot
                     WHERE partner_id = ANY(%(ids)s)
                    WINDOW m AS (PARTITION BY company_id, date),
                           w AS (PARTITION BY company_id, date
                                     ORDER BY partner_id <> %(kept)s,
                                              revenue_12 DESC NULLS LAST, id)
                ), gone AS (
                    DELETE FROM crm_customer_snapshot s
                     USING ranked r WHERE r.id = s.id AND r.id <> r.kept_id
                )
                UPDATE crm_customer_snapshot s
                   SET revenue_12 = r.revenue_12, margin_12 = r.margin_12,
                       expected_value = r.expected_value
                  FROM ranked r
                 WHERE r.id = s.id AND r.id = r.kept_id
                """,
                **values,
            )
        )
        self.env.cr.execute(
            SQL(
                """
                UPDATE crm_customer_snapshot s
                   SET partner_id = %(kept)s, label_from_id = b.label_id,
                       is_first = b.is_first,
                       is_moved = NOT b.is_first
                           AND b.label_id IS DISTINCT FROM s.label_id
                  FROM (SELECT id, lag(label_id) OVER w AS label_id,
                               lag(id) OVER w IS NULL AS is_first
                          FROM crm_customer_snapshot
                         WHERE partner_id = ANY(%(ids)s)
                        WINDOW w AS (PARTITION BY company_id ORDER BY date)) b
                 WHERE b.id = s.id
                """,
                **values,
            )
        )
        self.invalidate_model(flush=False)

    @api.autovacuum
    def _gc_snapshots(self):
        """Drop snapshots older than the retention setting (months; 0 keeps all)."""
        months = int(
            self.env["ir.config_parameter"]
            # sudo: a number that the engine needs, whoever triggers it
            .sudo()
            .get_param("crm_plus.customer_snapshot_retention_months", RETENTION_MONTHS)
        )
        if months <= 0:
            return None
        limit = fields.Date.today() - relativedelta(months=months)
        # sudo: an autovacuum; nobody may delete a snapshot but this
        old = self.sudo().search(
            [("date", "<", limit)], limit=GC_BATCH_SIZE, order="id"
        )
        count = len(old)
        old.unlink()
        return count, int(count == GC_BATCH_SIZE)

    def action_open_profile(self):
        self.ensure_one()
        profile = self.env["crm.customer.profile"].search(
            [
                ("partner_id", "=", self.partner_id.id),
                ("company_id", "=", self.company_id.id),
            ]
        )
        return {
            "type": "ir.actions.act_window",
            "res_model": "crm.customer.profile",
            "res_id": profile.id,
            "views": [(False, "form")],
        }
