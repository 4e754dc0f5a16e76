from dateutil.relativedelta import relativedelta

from odoo import fields, models
from odoo.tools import format_date


class ProductTemplate(models.Model):
    _inherit = "product.template"

    case_warranty_months = fields.Integer(
        string="Warranty (Months)",
        help="From the delivery on. 0: what the company promises for all goods.",
    )

    _check_case_warranty = models.Constraint(
        "CHECK(case_warranty_months IS NULL"
        " OR case_warranty_months BETWEEN 0 AND 1200)",
        "A warranty is between 0 and 1,200 months.",
    )


class ProductProduct(models.Model):
    _inherit = "product.product"

    def _get_case_warranty_end(self, delivered, company):
        """The last day of the warranty, or False where none is known."""
        months = self.case_warranty_months or company.case_warranty_months
        if not delivered or not months:
            return False
        return fields.Date.to_date(delivered) + relativedelta(months=months)

    def _is_in_case_warranty(self, delivered, day, company):
        end = self._get_case_warranty_end(delivered, company)
        return bool(end) and day <= end

    def _get_case_terms(self, delivered, day, company):
        """Return right and warranty on a day, in words: a hint, no verdict."""
        if not delivered:
            return self.env._("When it was delivered is not known.")
        words = [
            self.env._("Delivered on %s.", format_date(self.env, delivered)),
        ]
        days = company.case_return_days
        if days:
            end = fields.Date.to_date(delivered) + relativedelta(days=days)
            if day <= end:
                words.append(
                    self.env._(
                        "Right to return until %(end)s (%(days)s days).",
                        end=format_date(self.env, end),
                        days=days,
                    )
                )
            else:
                words.append(
                    self.env._(
                        "The right to return (%(days)s days) ended on %(end)s.",
                        end=format_date(self.env, end),
                        days=days,
                    )
                )
        end = self._get_case_warranty_end(delivered, company)
        if end:
            words.append(
                self.env._("Warranty until %s.", format_date(self.env, end))
                if day <= end
                else self.env._("The warranty ended on %s.", format_date(self.env, end))
            )
        return " ".join(words)
