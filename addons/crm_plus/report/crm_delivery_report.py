from odoo import api, fields, models
from odoo.tools import SQL

from ..tools.company_time import ZONES_DEPENDS, day, zones


class CrmDeliveryReport(models.Model):
    """What leaves for customers and comes back, and how late: a row a transfer.

    For who sells: no amounts, no rights of the warehouse are needed. Late is against
    the promise (the deadline, which is the delivery date of the order, else what its
    products take); a transfer without one, against its scheduled date. A day that has
    passed is late, whatever the hour: a day of the company, wherever the reader sits.
    """

    _name = "crm.delivery.report"
    _description = "Delivery to a Customer"
    _auto = False
    # what is on its way first, the oldest promise on top; then the latest done
    _order = "date_done desc nulls first, date_promised, id"
    _rec_name = "name"
    _depends = {
        "stock.picking": [
            "company_id",
            "date_deadline",
            "date_done",
            "location_dest_id",
            "location_id",
            "name",
            "partner_id",
            "sale_id",
            "scheduled_date",
            "state",
        ],
        "stock.move": ["picking_id", "product_id", "product_uom_qty", "state"],
        "stock.location": ["usage"],
        "sale.order": ["name", "opportunity_id", "user_id"],
        **ZONES_DEPENDS,
        "res.partner": ["commercial_partner_id", *ZONES_DEPENDS["res.partner"]],
        "product.product": ["product_tmpl_id"],
        "product.template": ["name"],
    }

    name = fields.Char(string="Transfer", readonly=True)
    picking_id = fields.Many2one("stock.picking", string="Delivery", readonly=True)
    direction = fields.Selection(
        [("delivery", "Delivery"), ("return", "Return")], readonly=True
    )
    state = fields.Selection(
        [
            ("late", "Late"),
            ("open", "Open"),
            ("done_late", "Delivered Late"),
            ("done", "Done"),
        ],
        readonly=True,
    )
    partner_id = fields.Many2one("res.partner", string="Customer", readonly=True)
    contact_id = fields.Many2one("res.partner", string="Delivered To", readonly=True)
    order_id = fields.Many2one("sale.order", readonly=True)
    order_name = fields.Char(string="Order Number", readonly=True)
    lead_id = fields.Many2one("crm.lead", string="Opportunity", readonly=True)
    user_id = fields.Many2one("res.users", string="Salesperson", readonly=True)
    company_id = fields.Many2one("res.company", readonly=True)
    date_promised = fields.Date(string="Promised", readonly=True)
    date_scheduled = fields.Date(string="Scheduled", readonly=True)
    date_done = fields.Date(string="Delivered", readonly=True)
    days_late = fields.Integer(
        readonly=True,
        aggregator="avg",
        help="Against the promise: until it was delivered, else until today.",
    )
    products = fields.Char(readonly=True)

    @property
    def _table_query(self):
        zone = SQL("z.name")
        return SQL(
            """
            SELECT d.id, d.id AS picking_id, d.name, d.direction, d.contact_id,
                   d.partner_id, d.order_id, d.order_name, d.lead_id, d.user_id,
                   d.company_id,
                   d.date_promised, d.date_scheduled, d.date_done,
                   CASE WHEN d.late > 0 THEN d.late END AS days_late,
                   CASE WHEN d.date_done IS NULL AND d.late > 0 THEN 'late'
                        WHEN d.date_done IS NULL THEN 'open'
                        WHEN d.late > 0 THEN 'done_late'
                        ELSE 'done' END AS state,
                   (SELECT string_agg(round(s.product_uom_qty, 2)::float8 || ' x '
                               || COALESCE(t.name ->> %(lang)s, t.name ->> 'en_US'),
                               ', ' ORDER BY s.sequence, s.id)
                      FROM stock_move s
                      JOIN product_product pp ON pp.id = s.product_id
                      JOIN product_template t ON t.id = pp.product_tmpl_id
                     WHERE s.picking_id = d.id AND s.state <> 'cancel') AS products
              FROM (
                SELECT k.id, k.name, k.partner_id AS contact_id,
                       p.commercial_partner_id AS partner_id, k.sale_id AS order_id,
                       o.name AS order_name, l.id AS lead_id, o.user_id,
                       k.company_id,
                       CASE WHEN lt.usage = 'customer' THEN 'delivery'
                            ELSE 'return' END AS direction,
                       %(promised)s AS date_promised, %(scheduled)s AS date_scheduled,
                       CASE WHEN k.state = 'done' THEN %(done)s END AS date_done,
                       -- nobody promised when goods come back
                       CASE WHEN lt.usage = 'customer' THEN
                           CASE WHEN k.state = 'done' THEN %(done)s
                                ELSE %(today)s END - %(promised)s END AS late
                  FROM stock_picking k
                  JOIN stock_location lf ON lf.id = k.location_id
                  JOIN stock_location lt ON lt.id = k.location_dest_id
                  JOIN (%(zones)s) z ON z.company_id = k.company_id
             LEFT JOIN sale_order o ON o.id = k.sale_id
             LEFT JOIN %(leads)s l ON l.id = o.opportunity_id
             LEFT JOIN res_partner p ON p.id = k.partner_id
                 WHERE k.state NOT IN ('draft', 'cancel')
                   AND (lt.usage = 'customer') <> (lf.usage = 'customer')
              ) d
            """,
            lang=self.env.lang or "en_US",
            leads=self._select_readable_leads(),
            zones=zones(),
            promised=day(SQL("COALESCE(k.date_deadline, k.scheduled_date)"), zone),
            scheduled=day(SQL("k.scheduled_date"), zone),
            done=day(SQL("k.date_done"), zone),
            today=day(SQL("%s::timestamp", fields.Datetime.now()), zone),
        )

    def _select_readable_leads(self):
        """A transfer is for all who read it, a deal for who may read deals."""
        Lead = self.env["crm.lead"].with_context(active_test=False)
        if not Lead.has_access("read"):
            return SQL("(SELECT NULL::integer AS id WHERE FALSE)")
        return Lead._search([]).subselect()

    def action_open_picking(self):
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "res_model": "stock.picking",
            "res_id": self.picking_id.id,
            "views": [(False, "form")],
        }

    @api.model
    def _count_by(self, field_name, ids):
        """Return ``{id: {state: count}}`` of deliveries: of customers, of deals."""
        counts = {}
        for record, state, count in self._read_group(
            [(field_name, "in", ids), ("direction", "=", "delivery")],
            [field_name, "state"],
            ["__count"],
        ):
            counts.setdefault(record.id, {})[state] = count
        return counts
