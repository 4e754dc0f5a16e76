from odoo import api, models

from ..models.intake.crm_case_mail_domain import FREE_MAIL

# Of the cases that came by mail, every so many had somebody in copy.
COPIED_EACH = 3


class CrmPlusDemo(models.AbstractModel):
    """Who was in copy of the mails of the demo company's cases."""

    _inherit = "crm.plus.demo"

    @api.model
    def _load_case_participants(self):
        """Colleagues of who asked: most were in copy, one of three is informed."""
        if not self._is_demo_database():
            return
        env = self._get_env().env
        cases = env["crm.case"].search(
            [("channel", "=", "email"), ("partner_id.parent_id", "!=", False)],
            order="id",
        )
        if cases.participant_ids:
            return
        roles = ("copied", "copied", "informed")
        env["crm.case.participant"].create(
            [
                {
                    "case_id": case.id,
                    "partner_id": colleagues[0].id,
                    "role": roles[number % len(roles)],
                }
                for number, case in enumerate(cases[::COPIED_EACH])
                if (
                    colleagues := (
                        case.partner_id.parent_id.child_ids - case.partner_id
                    ).filtered("email")
                )
            ]
        )
        domain = env["crm.case.mail.domain"]
        companies = cases.partner_id.parent_id[:3]
        known = set(domain.search([]).mapped("name"))
        names = {}
        for company in companies:
            name = (company.email or "").rpartition("@")[2].lower()
            if name and name not in known:
                names.setdefault(name, company)
        domain.create(
            [
                {"name": name, "partner_id": company.id}
                for name, company in names.items()
                if name not in FREE_MAIL
            ]
        )
