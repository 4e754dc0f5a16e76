from odoo.fields import Domain
from odoo.http import request

from .portal import CasePortal


class CaseParticipantPortal(CasePortal):
    """Who was made a requester of somebody else's case sees it among his own."""

    def _prepare_cases_domain(self):
        # by number: the portal's rules let nobody read who takes part
        shared = (
            request.env["crm.case.participant"]
            # sudo: only in which cases the user himself is a requester
            .sudo()
            ._search(
                [
                    ("partner_id", "=", request.env.user.partner_id.id),
                    ("role", "=", "requester"),
                ]
            )
            .select("case_id")
        )
        return super()._prepare_cases_domain() | Domain("id", "in", shared)
