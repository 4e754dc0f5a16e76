"""What is for one company or for all of them, and may be limited to sales teams.

Odoo's ``check_company`` would leave what is for all companies with teams of none.
"""

from odoo.exceptions import ValidationError

# teams to choose from: those of the company and of none; without a company, all
TEAM_DOMAIN = "[('company_id', 'in', [company_id, False])] if company_id else []"


def check_team_companies(records):
    """Raise unless the teams of each record are of its company, or of none."""
    for record in records:
        foreign = record.team_ids.filtered(
            lambda team, company=record.company_id: (
                company and team.company_id and team.company_id != company
            )
        )
        if foreign:
            raise ValidationError(
                record.env._(
                    "“%(record)s” is for %(company)s, yet these sales teams are of "
                    "another company: %(teams)s.",
                    record=record.display_name,
                    company=record.company_id.name,
                    teams=foreign.mapped("name"),
                )
            )
