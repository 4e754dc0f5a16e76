"""Answers to our mails go to a signed address, by which their case is found. Templates
are nobody's but the users' once they are there (noupdate): those that still have the
address of 19.0.1.0.0 get the new one, those that somebody changed are left alone. The
script may go when nobody updates from 19.0.1.0.0 any more.
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
           AND d.name IN ('mail_template_case_acknowledgement',
                          'mail_template_case_rating')
           AND t.id = d.res_id AND t.reply_to = %s
        """,
        [NEW, OLD],
    )
