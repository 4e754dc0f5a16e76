from odoo import fields, models
from odoo.fields import Domain
from odoo.tools import SQL, format_datetime

from odoo.addons.crm_plus.tools.customer_panel import CustomerColumn, CustomerPanel

from .crm_case_stage import DONE


class ResPartner(models.Model):
    _inherit = "res.partner"

    case_count = fields.Integer(
        compute="_compute_case_count",
        groups="crm_helpdesk.crm_helpdesk_group_user",
        string="Cases",
    )

    def _compute_case_count(self):
        """Of a company: the cases of all its people; of a person: the own ones."""
        Case = self.env["crm.case"]
        companies = self.filtered(
            lambda partner: partner._origin == partner.commercial_partner_id._origin
        )
        of_company = dict(
            Case._read_group(
                [("commercial_partner_id", "in", companies.ids)],
                ["commercial_partner_id"],
                ["__count"],
            )
        )
        of_person = dict(
            Case._read_group(
                [("partner_id", "in", (self - companies).ids)],
                ["partner_id"],
                ["__count"],
            )
        )
        for partner in self:
            counts = of_company if partner in companies else of_person
            partner.case_count = counts.get(partner._origin, 0)

    def action_view_cases(self):
        self.ensure_one()
        action = self.env["ir.actions.actions"]._for_xml_id(
            "crm_helpdesk.crm_case_action"
        )
        is_company = self == self.commercial_partner_id
        action["domain"] = list(
            Domain(
                "commercial_partner_id" if is_company else "partner_id", "=", self.id
            )
        )
        action["context"] = {"default_partner_id": self.id}
        action["views"] = [(False, "list"), (False, "kanban"), (False, "form")]
        return action

    def _sort_senders(self, company):
        """Of contacts with one address, first whom a mail from it is of: who has a
        login, then those of the company, then persons before companies."""
        return self.sorted(
            lambda partner: (
                not partner.user_ids,
                partner.company_id != company,
                partner.is_company,
                partner.id,
            )
        )

    # ------------------------------------------------------------
    # Customer page
    # ------------------------------------------------------------

    def _get_customer_panels(self):
        return [*super()._get_customer_panels(), self._get_customer_panel_cases()]

    def _get_customer_panel_cases(self):
        def due(case):
            if not case.sla_due:
                return ""
            light = "red" if case.sla_is_overdue else "green"
            return format_datetime(self.env, case.sla_due, dt_format="short"), light

        cases = Domain("commercial_partner_id", "in", self.ids)
        return CustomerPanel(
            key="cases",
            section="service",
            title=self.env._("Open cases"),
            icon="fa-life-ring",
            model="crm.case",
            domain=cases & Domain("stage_category", "not in", DONE),
            all_domain=cases,
            order="priority desc, id desc",
            columns=[
                CustomerColumn(
                    name="name",
                    label=self.env._("Case"),
                    get=lambda case: f"[{case.number}] {case.name}",
                ),
                CustomerColumn(name="stage_id", label=self.env._("Stage")),
                CustomerColumn(
                    name="user_id", label=self.env._("Assignee"), is_wide=True
                ),
                CustomerColumn(name="sla_due", label=self.env._("Promised"), get=due),
            ],
            reads=("number",),
            partner_field="partner_id",
            context={"default_partner_id": self[:1].id},
            empty=self.env._("No open case."),
        )

    def _get_customer_headers(self, profiles=None, names=None):
        """How many cases are open, also for those who may not read them: it is a light
        like the others.
        """
        headers = super()._get_customer_headers(profiles, names)
        for partner_id, count, late in self._count_open_cases():
            if count == 1:
                words = self.env._("One open case")
                if late:
                    words = self.env._("One open case, late")
            else:
                words = self.env._("%s open cases", count)
                if late:
                    words = self.env._(
                        "%(count)s open cases, %(late)s late", count=count, late=late
                    )
            headers[partner_id]["facts"].append(
                {
                    "key": "cases",
                    "icon": "fa-life-ring",
                    "light": "red" if late else "amber",
                    "text": words,
                }
            )
        return headers

    def _count_open_cases(self):
        """``[(customer id, open, of them late)]`` in the current company."""
        if not self.ids:
            return []
        Case = self.env["crm.case"]
        Case.flush_model(
            ["commercial_partner_id", "company_id", "stage_category", "sla_due"]
        )
        return self.env.execute_query(
            SQL(
                """
                SELECT commercial_partner_id, count(*),
                       count(*) FILTER (WHERE sla_due < %(now)s)
                  FROM crm_case
                 WHERE active AND commercial_partner_id = ANY(%(partners)s)
                   AND company_id = %(company)s
                   AND stage_category <> ALL(%(done)s)
                 GROUP BY commercial_partner_id
                """,
                now=fields.Datetime.now(),
                partners=self.ids,
                company=self.env.company.id,
                done=list(DONE),
            )
        )
