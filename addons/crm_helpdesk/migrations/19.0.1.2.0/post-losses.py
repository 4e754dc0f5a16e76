"""Automatic mails are answered to the signed address by which their case is found: the
reminder and the refusal had been forgotten. Templates are nobody's but the users' once
they are there (noupdate): those that somebody changed are left alone.

Subjects with a line feed kept acknowledgements and reminders from being sent.

The script may go when nobody updates from 19.0.1.1.0 any more.
"""

OLD = "{{ object._get_sender_address() }}"
NEW = "{{ object._get_reply_address() }}"


def migrate(cr, version):
    if not version:
        return
    cr.execute(
        """
        UPDATE mail_template AS t SET reply_to = %s
          FROM ir_model_data AS d
         WHERE d.module = 'crm_helpdesk' AND d.model = 'mail.template'
           AND d.name IN ('mail_template_case_silence', 'mail_template_case_refusal')
           AND t.id = d.res_id AND t.reply_to = %s
        """,
        [NEW, OLD],
    )
    cr.execute(
        r"""
        UPDATE crm_case SET name = trim(regexp_replace(name, '\s+', ' ', 'g'))
         WHERE name ~ '[\n\r]'
        """
    )
