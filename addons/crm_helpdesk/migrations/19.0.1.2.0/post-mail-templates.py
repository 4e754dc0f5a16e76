"""Teams that were there before a mail of ours have none chosen: what the field begins
with was looked up before the mail was loaded. They get ours, as new teams do; those
that chose one are left alone. The script may go when nobody updates from 19.0.1.1.0
any more.
"""

from odoo.tools import SQL

TEMPLATES = {
    "rating_reminder_template_id": "mail_template_case_rating_reminder",
    "refusal_template_id": "mail_template_case_refusal",
    "silence_template_id": "mail_template_case_silence",
}


def migrate(cr, version):
    if not version:
        return
    for column, name in TEMPLATES.items():
        cr.execute(
            SQL(
                """
                UPDATE crm_case_team SET %(column)s = d.res_id
                  FROM ir_model_data AS d
                 WHERE %(column)s IS NULL AND d.module = 'crm_helpdesk'
                   AND d.model = 'mail.template' AND d.name = %(name)s
                """,
                column=SQL.identifier(column),
                name=name,
            )
        )
