"""Which resolutions the system has set by itself is known since 19.0.1.2.0, and what an
earlier closing ended with is kept with it. Until then reports showed the present
resolution of a case at each of its closings: that is what is kept of them. The script
may go when nobody updates from 19.0.1.1.0 any more.
"""

AUTOMATIC = (
    "crm_case_resolution_duplicate",
    "crm_case_resolution_no_answer",
    "crm_case_resolution_withdrawn",
)


def migrate(cr, version):
    if not version:
        return
    cr.execute(
        """
        UPDATE crm_case AS c SET is_resolution_automatic = TRUE
          FROM ir_model_data AS d
         WHERE d.module = 'crm_helpdesk' AND d.model = 'crm.case.resolution'
           AND d.name = ANY(%s) AND d.res_id = c.resolution_id
           AND c.stage_category IN ('solved', 'closed')
        """,
        [list(AUTOMATIC)],
    )
    cr.execute(
        """
        UPDATE crm_case_stage_history AS h SET resolution_id = c.resolution_id
          FROM crm_case AS c
         WHERE c.id = h.case_id AND c.resolution_id IS NOT NULL
           AND h.is_closed AND h.resolution_id IS NULL
           AND EXISTS (SELECT FROM crm_case_stage_history AS again
                        WHERE again.case_id = h.case_id AND again.is_reopened
                          AND again.id > h.id)
        """
    )
