def migrate(cr, version):
    """Indexes whose column another one begins with: each row paid for both."""
    cr.execute(
        "DROP INDEX IF EXISTS crm_campaign_task__participant_id_index,"
        " crm_campaign_participant__campaign_id_index"
    )
