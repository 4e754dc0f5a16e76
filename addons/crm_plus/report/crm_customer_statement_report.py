from odoo import api, fields, models

# what the wizard and the mail template hand on; without: today, the current company
DATE_KEY = "crm_plus_statement_date"
COMPANY_KEY = "crm_plus_statement_company_id"


class ReportCustomerStatement(models.AbstractModel):
    """The statement of customers as paper, each in the language of the customer."""

    _name = "report.crm_plus.report_customer_statement"
    _description = "Customer Statement"

    @api.model
    def _get_report_values(self, docids, data=None):
        data = data or {}
        partners = self.env["res.partner"].browse(docids or data.get("partner_ids"))
        at = fields.Date.to_date(data.get("date") or self.env.context.get(DATE_KEY))
        company_id = data.get("company_id") or self.env.context.get(COMPANY_KEY)
        company = (
            self.env["res.company"].browse(int(company_id))
            if company_id
            else self.env.company
        )
        statements = partners._get_statements(company, at)
        return {
            "doc_ids": partners.ids,
            "doc_model": "res.partner",
            "papers": [
                self._get_paper(partner, company, statements)
                # one paper a customer, whatever contacts were chosen
                for partner in partners.commercial_partner_id
            ]
            if data.get("partner_ids")
            else [self._get_paper(one, company, statements) for one in partners],
        }

    @api.model
    def _get_paper(self, partner, company, statements):
        """What the template needs of one customer."""
        customer = partner.commercial_partner_id
        # sudo: the address is printed on the paper, as on each invoice
        address_id = customer.sudo().address_get(["invoice"])["invoice"]
        lang = partner.lang or company.sudo().partner_id.lang or self.env.lang
        statement = statements[customer.id]
        # sudo: our own bank accounts and currencies stand on each invoice
        company_sudo = company.sudo().with_context(lang=lang)
        currencies = self.env["res.currency"].sudo()
        return {
            # whose paper it is, for the attachment: the record that was asked for
            "partner": partner,
            "customer": customer.with_context(lang=lang),
            "address": customer.browse(address_id).sudo().with_context(lang=lang),
            "lang": lang,
            "company": company_sudo,
            "statement": statement,
            "currencies": {
                part.currency_id: currencies.browse(part.currency_id)
                for part in statement.sections
            },
            "banks": {
                part.currency_id: self._get_bank_words(
                    company_sudo, currencies.browse(part.currency_id)
                )
                for part in statement.sections
            },
            "pending": customer._get_pending_payments(company, statement.date),
        }

    @api.model
    def _get_bank_words(self, company, currency):
        """Where to pay to, in words: the number, and what a bank asks for besides."""
        banks = company.partner_id._get_statement_banks(company, currency)
        return [
            {
                "number": bank.acc_number,
                "rest": ", ".join(
                    part
                    for part in (
                        bank.bank_id.name,
                        bank.bank_bic and f"BIC {bank.bank_bic}",
                        bank.acc_holder_name or company.name,
                    )
                    if part
                ),
            }
            for bank in banks
        ]
