from odoo import SUPERUSER_ID, api


def migrate(cr, version):
    """Of mails sent before, tell what people did from what machines did."""
    env = api.Environment(cr, SUPERUSER_ID, {})
    env["mailing.trace"]._backfill_human()
