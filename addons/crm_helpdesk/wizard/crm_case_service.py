from dateutil.relativedelta import relativedelta

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import format_date

from odoo.addons.crm_plus.tools.company_time import company_today

# longer than anybody has had cases
MAX_YEARS = 50


class CrmCaseService(models.TransientModel):
    """Which customer and which days the service report is about."""

    _name = "crm.case.service"
    _description = "Print Service Report"

    partner_ids = fields.Many2many(
        "res.partner", string="Customers", required=True, help="A paper for each."
    )
    company_id = fields.Many2one(
        "res.company", required=True, default=lambda self: self.env.company
    )
    date_from = fields.Date(
        string="From", required=True, default=lambda self: self._default_days()[0]
    )
    date_to = fields.Date(
        string="Until", required=True, default=lambda self: self._default_days()[1]
    )

    @api.model
    def _default_days(self):
        """Last month."""
        first = company_today(self.env.company).replace(day=1)
        return first - relativedelta(months=1), first - relativedelta(days=1)

    @api.model
    def default_get(self, fields):
        values = super().default_get(fields)
        if self.env.context.get("active_model") == "res.partner":
            values.setdefault("partner_ids", self.env.context.get("active_ids", []))
        return values

    def action_print(self):
        self.ensure_one()
        if self.date_to < self.date_from:
            raise UserError(self.env._("The last day is before the first one."))
        today = company_today(self.company_id)
        first = today - relativedelta(years=MAX_YEARS)
        last = today + relativedelta(years=1)
        if self.date_from < first or self.date_to > last:
            raise UserError(
                self.env._(
                    "Choose days between %(first)s and %(last)s.",
                    first=format_date(self.env, first),
                    last=format_date(self.env, last),
                )
            )
        return self.env.ref("crm_helpdesk.action_report_case_service").report_action(
            None,
            data={
                "partner_ids": self.partner_ids.commercial_partner_id.ids,
                "company_id": self.company_id.id,
                "date_from": fields.Date.to_string(self.date_from),
                "date_to": fields.Date.to_string(self.date_to),
            },
        )
