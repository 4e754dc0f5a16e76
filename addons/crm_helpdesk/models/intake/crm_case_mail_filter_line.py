from odoo import fields, models


class CrmCaseMailFilterLine(models.AbstractModel):
    """A line of a mail filter, about one part of the mail."""

    _name = "crm.case.mail.filter.line"
    _description = "Line of a Mail Filter"
    _inherit = "crm.cached.mixin"
    _order = "sequence, id"

    filter_id = fields.Many2one(
        "crm.case.mail.filter", required=True, index=True, ondelete="cascade"
    )
    sequence = fields.Integer(default=10)
    part = fields.Selection(
        [
            ("from", "Sender"),
            ("to", "Recipients, also in copy"),
            ("subject", "Subject"),
            ("body", "Text"),
            ("header", "Header"),
        ],
        string="Part of the Mail",
        required=True,
    )
    header = fields.Char(help="Name of the header, e.g. X-Spam-Flag.")

    def _get_header(self):
        """The header to look at; empty: none is named."""
        self.ensure_one()
        return (self.header or "").strip()
