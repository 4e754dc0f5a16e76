from datetime import time

from odoo import api, fields, models
from odoo.tools import SQL, format_amount, format_date, format_time


class CrmTouchpoint(models.Model):
    _inherit = "crm.touchpoint"

    @api.model
    def _get_profile_kinds(self):
        """Hook: codes of kinds that change the facts of a customer at once. Others
        (messages, calls) are seen by the nightly run; invoices and payments are watched
        where they are made.
        """
        return {"order_confirmed", "delivery_done", "return_done"}

    @api.model
    def _on_harvested(self, touchpoint_ids):
        super()._on_harvested(touchpoint_ids)
        # who never ordered has no profile that anything but an order could change
        rows = self.env.execute_query(
            SQL(
                """
                SELECT DISTINCT t.commercial_partner_id
                  FROM crm_touchpoint t
                  JOIN crm_touchpoint_kind k ON k.id = t.kind_id
                 WHERE t.id = ANY(%s) AND k.code = ANY(%s)
                   AND t.commercial_partner_id IS NOT NULL
                   AND (k.code = 'order_confirmed' OR EXISTS (
                        SELECT FROM crm_customer_profile f
                         WHERE f.partner_id = t.commercial_partner_id))
                """,
                list(touchpoint_ids),
                list(self._get_profile_kinds()),
            )
        )
        self.env["crm.customer.profile"]._queue_rebuild(
            self.env["res.partner"].browse(row[0] for row in rows)
        )

    def _want_customer_timeline_names(self, names):
        # the company is that of the page
        names.want("res.partner", self.partner_id.ids, "name")
        names.want("res.users", self.user_id.ids)
        for column in ("display_name", "icon", "direction"):
            names.want("crm.touchpoint.kind", self.kind_id.ids, column)

    def _get_customer_timeline_item(self, names, sees_ledger):
        """What the timeline of the customer page shows of a touchpoint."""
        self.ensure_one()
        kind_id = self.kind_id.id
        amount = self.amount or (sees_ledger and self.amount_ledger) or 0.0
        # midnight: of invoices and the like only the day is known
        is_day = self.date.time() == time.min
        local = (
            self.date if is_day else fields.Datetime.context_timestamp(self, self.date)
        )
        return {
            "id": self.id,
            "date": fields.Datetime.to_string(self.date),
            "day": format_date(self.env, local.date()),
            "time": ""
            if is_day
            else format_time(self.env, local.time(), time_format="short"),
            "month": format_date(self.env, local.date(), date_format="LLLL y"),
            "kind": names.get("crm.touchpoint.kind", kind_id),
            "icon": names.get("crm.touchpoint.kind", kind_id, "icon") or "fa-circle-o",
            "direction": names.get("crm.touchpoint.kind", kind_id, "direction"),
            "channel": self.channel or "",
            "name": self.name or "",
            "contact": names.get("res.partner", self.partner_id.id, "name"),
            "user": names.get("res.users", self.user_id.id),
            "amount": format_amount(
                self.env, amount, (self.company_id or self.env.company).currency_id
            )
            if amount
            else "",
        }
