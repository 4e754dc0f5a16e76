"""The lifecycle is a ledger: who wrote a row is not kept, nor asked for.

Needed once, by databases that had 19.0.1.0.0: Odoo keeps indexes and columns that
fields no longer have.
"""


def migrate(cr, version):
    if not version:
        return
    cr.execute(
        """
        DROP INDEX IF EXISTS crm_lead__lifecycle_step_id_index,
                             res_partner__lifecycle_step_id_index
        """
    )
    cr.execute(
        """
        ALTER TABLE IF EXISTS crm_lifecycle_event
         DROP COLUMN IF EXISTS create_uid, DROP COLUMN IF EXISTS create_date,
         DROP COLUMN IF EXISTS write_uid, DROP COLUMN IF EXISTS write_date
        """
    )
