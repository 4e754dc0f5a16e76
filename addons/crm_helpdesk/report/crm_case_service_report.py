from datetime import datetime, time, timedelta, timezone

from odoo import api, fields, models
from odoo.fields import Domain

from odoo.addons.crm_plus.tools.company_time import company_timezone

from ..models.case.crm_case_stage import WAITING


class ReportCaseService(models.AbstractModel):
    """Service for a customer in a period, as paper, in the customer's language.

    What the reader may see is in it, nothing else; where there is nothing to tell, that
    is said. Days are those of the company's time zone.
    """

    _name = "report.crm_helpdesk.report_case_service"
    _description = "Service Report"

    @api.model
    def _get_report_values(self, docids, data=None):
        data = data or {}
        company = self.env["res.company"].browse(
            int(data.get("company_id") or self.env.company.id)
        )
        partners = self.env["res.partner"].browse(data.get("partner_ids") or docids)
        date_from = fields.Date.to_date(data.get("date_from"))
        date_to = fields.Date.to_date(data.get("date_to"))
        return {
            "doc_ids": partners.ids,
            "doc_model": "res.partner",
            "papers": [
                self._get_paper(partner, company, date_from, date_to)
                for partner in partners.commercial_partner_id
            ],
        }

    @api.model
    def _get_moments(self, company, date_from, date_to):
        """The half-open period in UTC."""
        zone = company_timezone(company)
        return [
            datetime.combine(day, time.min, zone)
            .astimezone(timezone.utc)
            .replace(tzinfo=None)
            for day in (date_from, date_to + timedelta(days=1))
        ]

    @api.model
    def _get_paper(self, customer, company, date_from, date_to):
        lang = customer.lang or company.partner_id.lang or self.env.lang
        start, end = self._get_moments(company, date_from, date_to)
        own = Domain("commercial_partner_id", "=", customer.id) & Domain(
            "company_id", "=", company.id
        )
        report = self.with_context(lang=lang)
        return {
            "customer": customer.with_context(lang=lang),
            # sudo: the company's head stands on each paper
            "company": company.sudo().with_context(lang=lang),
            "lang": lang,
            "date_from": date_from,
            "date_to": date_to,
            "today": fields.Datetime.now(),
            # moments are shown in the company's time, whoever prints
            "tz": str(company_timezone(company)),
            **report._get_volume(own, start, end),
            "cases": report._get_cases(own, start, end),
            "promises": report._get_promises(own, start, end),
            **report._get_times(own, start, end),
            "open_cases": report._get_open_cases(own),
            **report._get_ratings(own, start, end),
        }

    def _in(self, name, start, end):
        return Domain(name, ">=", start) & Domain(name, "<", end)

    def _get_volume(self, own, start, end):
        Flow = self.env["crm.case.flow.report"]
        [(opened, closed, reopened)] = Flow._read_group(
            own & self._in("date", start, end),
            [],
            ["opened:sum", "closed:sum", "reopened:sum"],
        )
        [(backlog,)] = Flow._read_group(
            own & Domain("date", "<", end), [], ["change:sum"]
        )
        return {
            "opened": opened or 0,
            "closed": closed or 0,
            "reopened": reopened or 0,
            "backlog": backlog or 0,
        }

    def _get_cases(self, own, start, end):
        """Opened or closed in the period, in the order of opening."""
        return (
            self.env["crm.case.report"]
            .search(
                own
                & (
                    self._in("date_opened", start, end)
                    | self._in("date_closed", start, end)
                ),
                order="date_opened, id",
            )
            .case_id
        )

    def _get_promises(self, own, start, end):
        """``[(label, fell due, kept, missed, percent kept)]``"""
        Promise = self.env["crm.case.promise.report"]
        labels = dict(Promise._fields["kind"]._description_selection(self.env))
        return [
            (labels[kind], due, met, missed, round(100 * met / due))
            for kind, due, met, missed in Promise._read_group(
                own & self._in("date_due", start, end) & Domain("is_due", "=", 1),
                ["kind"],
                ["is_due:sum", "is_met:sum", "is_missed:sum"],
            )
        ]

    def _get_times(self, own, start, end):
        Report = self.env["crm.case.report"]
        [(response, answered, unanswered)] = Report._read_group(
            own & self._in("date_opened", start, end),
            [],
            ["first_response_median:avg", "is_answered:sum", "is_unanswered:sum"],
        )
        [(resolution, solved)] = Report._read_group(
            own & self._in("date_closed", start, end),
            [],
            ["resolution_median:avg", "__count"],
        )
        return {
            "response_hours": response if answered else False,
            "answered": answered or 0,
            "unanswered": unanswered or 0,
            "resolution_hours": resolution if solved else False,
            "solved": solved,
        }

    def _get_open_cases(self, own):
        """``[(case, label of its stage, whether we wait for the customer)]``"""
        cases = (
            self.env["crm.case.report"]
            .search(own & Domain("is_open", "=", 1), order="date_opened, id")
            .case_id
        )
        return [
            (
                case,
                # what the customer reads on the portal, too
                case.stage_id.portal_name or case.stage_id.name,
                case.stage_category if case.stage_category in WAITING else False,
            )
            for case in cases
        ]

    def _get_ratings(self, own, start, end):
        """Given in the period, to cases that the reader sees."""
        # sudo: a rating is looked at with the right to its case
        ratings = (
            self.env["rating.rating"]
            .sudo()
            .search(
                [
                    ("res_model", "=", "crm.case"),
                    ("consumed", "=", True),
                    ("rating", ">=", 1),
                    ("rated_on", ">=", start),
                    ("rated_on", "<", end),
                    (
                        "res_id",
                        "in",
                        self.env["crm.case"]._search(
                            own & Domain("merged_into_id", "=", False)
                        ),
                    ),
                ]
            )
        )
        values = ratings.mapped("rating")
        return {
            "rating": sum(values) / len(values) if values else False,
            "rating_count": len(values),
            "rating_good": sum(value >= 4 for value in values),
        }
