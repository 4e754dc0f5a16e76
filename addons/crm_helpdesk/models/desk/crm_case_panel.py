"""What the customer bought and got, beside the case. Only shown, never written."""

from odoo import api, fields, models
from odoo.fields import Domain
from odoo.tools.misc import format_amount, format_date

# the latest of each kind
LIMIT = 8


class CrmCase(models.Model):
    _inherit = "crm.case"

    def get_goods(self):
        """Sections of the panel: orders, serial numbers, deliveries, returns, invoices
        of the customer's company, the latest first.

        Each section is read by the user's own rights; who may not read a kind of
        document gets no such section.
        """
        self.ensure_one()
        self.check_access("read")
        # sudo: whose case it is; what is found is read by the user's rights
        customer = self.sudo().commercial_partner_id.sudo(False)
        if not customer:
            return []
        sections = [
            self._get_goods_orders(customer),
            self._get_goods_lots(customer),
            *self._get_goods_pickings(customer),
            self._get_goods_invoices(customer),
            *self._get_goods_more(customer),
        ]
        return [section for section in sections if section]

    def _get_goods_more(self, customer):
        """Hook: further sections."""
        sections = []
        if "repair.order" in self.env and self.env["repair.order"].has_access("read"):
            sections.append(
                self._get_goods_section(
                    "repair",
                    self.env._("Repairs"),
                    "repair.order",
                    Domain("partner_id", "child_of", customer.ids),
                    lambda repair: {
                        "text": repair.product_id.display_name or "",
                        "state": repair._fields["state"].convert_to_export(
                            repair.state, repair
                        ),
                        "date": repair.create_date,
                    },
                )
            )
        return sections

    @api.model
    def _get_goods_section(self, key, label, model, domain, prepare, order=None):
        Model = self.env[model]
        if not Model.has_access("read"):
            return None
        domain = Domain(domain)
        if "company_id" in Model._fields:
            domain &= Domain("company_id", "in", self.company_id.ids)
        records = Model.search(domain, limit=LIMIT + 1, order=order)
        rows = []
        for record in records[:LIMIT]:
            row = prepare(record)
            date = row.get("date")
            rows.append(
                {
                    "id": record.id,
                    "name": record.display_name,
                    "model": model,
                    "text": row.get("text", ""),
                    "state": row.get("state") or "",
                    "is_bad": bool(row.get("is_bad")),
                    "is_this": record == row.get("this"),
                    "date": format_date(self.env, date) if date else "",
                }
            )
        return {
            "key": key,
            "label": label,
            "model": model,
            "rows": rows,
            "is_more": len(records) > LIMIT,
            "domain": list(domain),
        }

    def _get_goods_orders(self, customer):
        return self._get_goods_section(
            "order",
            self.env._("Orders"),
            "sale.order",
            Domain("partner_id", "child_of", customer.ids)
            & Domain("state", "=", "sale"),
            lambda order: {
                "text": format_amount(self.env, order.amount_total, order.currency_id),
                "state": self._get_goods_label(order, "delivery_status"),
                "date": order.date_order,
                "this": self.sale_order_id,
            },
            order="date_order desc, id desc",
        )

    def _get_goods_pickings(self, customer):
        mine = Domain("partner_id", "child_of", customer.ids)
        for key, label, codes in (
            ("delivery", self.env._("Deliveries"), "outgoing"),
            ("return", self.env._("Returns"), "incoming"),
        ):
            yield self._get_goods_section(
                key,
                label,
                "stock.picking",
                mine
                & Domain("picking_type_id.code", "=", codes)
                & Domain("state", "!=", "cancel"),
                lambda picking: {
                    "text": picking.origin or "",
                    "state": self._get_goods_label(picking, "state"),
                    "date": picking.date_done or picking.scheduled_date,
                    "is_bad": picking.state not in ("done", "cancel")
                    and picking.scheduled_date < fields.Datetime.now(),
                    "this": self.picking_id,
                },
                order="scheduled_date desc, id desc",
            )

    def _get_goods_invoices(self, customer):
        return self._get_goods_section(
            "invoice",
            self.env._("Invoices"),
            "account.move",
            Domain("commercial_partner_id", "in", customer.ids)
            & Domain("move_type", "in", ("out_invoice", "out_refund"))
            & Domain("state", "=", "posted"),
            lambda move: {
                "text": format_amount(self.env, move.amount_total, move.currency_id),
                "state": self._get_goods_label(move, "payment_state"),
                "date": move.invoice_date,
                "is_bad": bool(
                    move.payment_state in ("not_paid", "partial")
                    and move.invoice_date_due
                    and move.invoice_date_due < fields.Date.context_today(move)
                ),
                "this": self.invoice_id,
            },
            order="invoice_date desc, id desc",
        )

    def _get_goods_lots(self, customer):
        """Serial numbers that were delivered to the customer and did not come back."""
        Line = self.env["stock.move.line"]
        if not (Line.has_access("read") and self.env["stock.lot"].has_access("read")):
            return None
        lines = Line.search(
            Domain("state", "=", "done")
            & Domain("lot_id", "!=", False)
            & Domain("picking_id.partner_id", "child_of", customer.ids)
            & Domain("company_id", "=", self.company_id.id)
            & (
                Domain("location_dest_id.usage", "=", "customer")
                | Domain("location_id.usage", "=", "customer")
            ),
            order="date desc, id desc",
            limit=20 * LIMIT,
        )
        last = {}
        for line in lines:
            last.setdefault(line.lot_id, line)
        there = {
            lot: line
            for lot, line in last.items()
            if line.location_dest_id.usage == "customer"
        }
        return self._get_goods_section(
            "lot",
            self.env._("Lots and Serial Numbers"),
            "stock.lot",
            Domain("id", "in", [lot.id for lot in list(there)[: LIMIT + 1]]),
            lambda lot: {
                "text": lot.product_id.display_name,
                "state": self._get_goods_warranty(lot, there[lot].date),
                "is_bad": self._is_goods_expired(lot),
                "date": there[lot].date,
                "this": self.lot_id,
            },
        )

    @api.model
    def _get_goods_expiry(self, lot):
        """Hook: until when the piece is good or under warranty, where that is known."""
        for fname in ("warranty_date", "expiration_date"):
            if fname in lot._fields and lot[fname]:
                return fields.Date.to_date(lot[fname])
        return None

    @api.model
    def _is_goods_expired(self, lot):
        until = self._get_goods_expiry(lot)
        return bool(until) and until < fields.Date.context_today(lot)

    @api.model
    def _get_goods_warranty(self, lot, date):
        until = self._get_goods_expiry(lot)
        if not until:
            return ""
        return self.env._("until %s", format_date(self.env, until))

    @api.model
    def _get_goods_label(self, record, fname):
        field = record._fields.get(fname)
        if field is None or not record[fname]:
            return ""
        return dict(field._description_selection(self.env)).get(record[fname], "")
