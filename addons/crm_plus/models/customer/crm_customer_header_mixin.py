from odoo import api, fields, models

from .res_partner import PROFILE_GROUPS


class CrmCustomerHeaderMixin(models.AbstractModel):
    """The customer of a record in one line, the same wherever it is met: lights, label,
    grade, what is overdue in words. Read with the form, not by a call of its own.

    It is that of the company of the record, whichever the reader has chosen.
    """

    _name = "crm.customer.header.mixin"
    _description = "Customer Header"

    customer_header = fields.Json(
        string="Customer in Short",
        compute="_compute_customer_header",
        groups=PROFILE_GROUPS,
        export_string_translation=False,
    )

    def _get_header_company(self):
        """The company whose header is shown; none where the reader is not in it."""
        # sudo: whose it is, whoever may read the record may know
        record = self.sudo()
        company = record["company_id"] if "company_id" in self._fields else None
        company = (company or self.env.company).sudo(False)
        is_own = self.env.su or company in self.env.user.company_ids
        return company._origin if is_own else company.browse()

    @api.depends(
        lambda self: (
            ["partner_id", "company_id"]
            if "company_id" in self._fields
            else ["partner_id"]
        )
    )
    @api.depends_context("uid", "company", "lang")
    def _compute_customer_header(self):
        # sudo: whose customer it is, whoever may read the record may know
        customers = {
            record: record.sudo().partner_id.commercial_partner_id._origin
            for record in self
        }
        by_company = self.grouped(lambda record: record._get_header_company())
        for company, records in by_company.items():
            partners = self.env["res.partner"].union(*map(customers.get, records))
            headers = {}
            if company and partners:
                partners = partners.sudo(False).with_company(company)
                headers = partners._get_customer_headers()
            for record in records:
                record.customer_header = headers.get(customers[record].id, False)
