"""Teams that gave their cases in turn get the assignment rule that does so now."""

from odoo import SUPERUSER_ID, api
from odoo.tools.sql import column_exists


def migrate(cr, version):
    # the column is kept by Odoo, and filled by none since
    if not version or not column_exists(cr, "crm_case_team", "assignment"):
        return
    cr.execute("SELECT id FROM crm_case_team WHERE assignment = 'round_robin'")
    env = api.Environment(cr, SUPERUSER_ID, {"active_test": False})
    teams = env["crm.case.team"].browse([row[0] for row in cr.fetchall()])
    teams.filtered(lambda team: not team.assignment_rule_ids).assignment = "round_robin"
    cr.execute("ALTER TABLE crm_case_team DROP COLUMN assignment")
