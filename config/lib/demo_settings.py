"""Run by `odoo shell` on a new demo database: nothing of it may reach the outside.

Mail goes to the local sink of ./config/run. The server's own calls (enrichment and
other paid services, update notices) are switched off here; ./config/run also gives it
a dead proxy, so that one that is missed fails at once.
"""

# ruff: noqa: F821 - env is the shell's
CALLERS = (
    "mail.ir_cron_module_update_notification",
    "crm_iap_enrich.ir_cron_lead_enrichment",
    "snailmail.snailmail_print",
    "sms.ir_cron_sms_scheduler_action",
)
for xmlid in CALLERS:
    cron = env.ref(xmlid, raise_if_not_found=False)
    if cron:
        cron.active = False

companies = env["res.company"].search([])
if "iap_enrich_auto_done" in companies._fields:
    companies.iap_enrich_auto_done = True

env["ir.config_parameter"].set_param("digest.default_digest_emails", False)
env["digest.digest"].search([]).action_deactivate()

if not env["mail.alias.domain"].search([], limit=1):
    env["mail.alias.domain"].create({"name": "crm-plus.example"})

env.cr.commit()
