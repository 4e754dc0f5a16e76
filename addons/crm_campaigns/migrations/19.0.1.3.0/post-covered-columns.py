def migrate(cr, version):
    """What other keys cover is no longer kept with each task and participant."""
    cr.execute(
        """
        ALTER TABLE crm_campaign_task
         DROP CONSTRAINT IF EXISTS crm_campaign_task_campaign_id_fkey;
        DROP INDEX IF EXISTS crm_campaign_task__participant_id_index,
                             crm_campaign_participant__campaign_id_index;
        DELETE FROM ir_model_constraint
         WHERE name = 'crm_campaign_task_campaign_id_fkey';
        """
    )
