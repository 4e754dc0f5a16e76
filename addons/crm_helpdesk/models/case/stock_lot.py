from odoo import api, fields, models
from odoo.fields import Domain


class StockLot(models.Model):
    _name = "stock.lot"
    _inherit = ["stock.lot", "crm.case.subject.mixin"]

    _case_field = "lot_id"

    delivered_to_ids = fields.Many2many(
        "res.partner",
        string="Delivered to",
        compute="_compute_delivered_to_ids",
        search="_search_delivered_to_ids",
        help="The customers that this lot or serial number was delivered to.",
    )

    def _compute_delivered_to_ids(self):
        customers = dict.fromkeys(self.ids, self.env["res.partner"])
        for move_line in self._get_deliveries():
            partner = move_line.picking_id.partner_id.commercial_partner_id
            customers[move_line.lot_id.id] |= partner
        for lot in self:
            lot.delivered_to_ids = customers.get(lot._origin.id, False)

    @api.model
    def _search_delivered_to_ids(self, operator, value):
        if operator != "in":
            return NotImplemented
        Partner = self.env["res.partner"]
        if any(isinstance(item, str) for item in value):
            customers = Partner.search(
                Domain.OR(
                    Domain("display_name", "ilike", item)
                    for item in value
                    if isinstance(item, str)
                )
            )
        else:
            customers = Partner.browse([item for item in value if item])
        # sudo: which lots went to a customer; the lots found are of the user's rights
        MoveLine = self.env["stock.move.line"].sudo()
        delivered = self.env["crm.case"]._get_delivered_domain(customers)
        query = MoveLine._search(delivered & Domain("lot_id", "!=", False))
        return Domain("id", "in", query.subselect("lot_id"))

    def _get_deliveries(self):
        """Move lines that brought these lots to customers, the last one first."""
        # sudo: an agent need not read transfers to know whose a serial number is
        return (
            self.env["stock.move.line"]
            .sudo()
            .search(
                [
                    ("lot_id", "in", self.ids),
                    ("state", "=", "done"),
                    ("location_dest_id.usage", "=", "customer"),
                    ("picking_id.partner_id", "!=", False),
                    ("company_id", "in", self.env.companies.ids),
                ],
                order="date desc, id desc",
            )
        )

    def _get_case_partner(self):
        """Whoever got it last."""
        picking_sudo = self._get_deliveries()[:1].picking_id
        return picking_sudo.sale_id.partner_id or picking_sudo.partner_id
