from odoo import api, fields, models

from .res_partner import PROFILE_GROUPS


class CrmCustomerHeaderMixin(models.AbstractModel):
    """The customer of a record in one line, the same wherever it is met: lights, label,
    grade, what is overdue in words. Read with the form, not by a call of its own.
    """

    _name = "crm.customer.header.mixin"
    _description = "Customer Header"

    customer_header = fields.Json(
        string="Customer in Short",
        compute="_compute_customer_header",
        groups=PROFILE_GROUPS,
        export_string_translation=False,
    )

    @api.depends("partner_id")
    @api.depends_context("uid", "company", "lang")
    def _compute_customer_header(self):
        # sudo: whose customer it is, whoever may read the record may know
        customers = {
            record: record.sudo().partner_id.commercial_partner_id._origin
            for record in self
        }
        partners = self.env["res.partner"].union(*customers.values())
        headers = partners.sudo(False)._get_customer_headers() if partners else {}
        for record, customer in customers.items():
            record.customer_header = headers.get(customer.id, False)
