from odoo import SUPERUSER_ID, api


def migrate(cr, version):
    """Campaigns from before success was measured mean what new ones do by default."""
    if not version:
        return
    env = api.Environment(cr, SUPERUSER_ID, {})
    Campaign = env["crm.campaign"].with_context(active_test=False)
    default = Campaign.default_get(["result_kind_ids"]).get("result_kind_ids")
    if default:
        Campaign.search([("result_kind_ids", "=", False)]).write(
            {"result_kind_ids": default}
        )
