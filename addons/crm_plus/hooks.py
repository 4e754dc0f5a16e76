def post_init_hook(env):
    """Back-fill timelines and lifecycles with the history that the database holds."""
    env["crm.touchpoint"]._harvest()
    env["crm.lifecycle.event"]._backfill()
    env["crm.customer.profile"]._trigger_rebuild()
    env["crm.attribution"]._trigger_freeze()
    while env["crm.sla.clock"]._measure_history():
        pass


def uninstall_hook(env):
    """Junk leads become what Odoo takes them for: lost, when their probability is 0.
    What was chosen in the settings goes, too, and so do pricelists that segments gave.
    """
    env["crm.segment.pricelist"]._take_back_all()
    # favourites that name our fields would fail
    env["ir.filters"].with_context(active_test=False).search(
        [("domain", "=like", "%'segment_ids'%")]
    ).unlink()
    env.flush_all()
    env.cr.execute(
        """
        UPDATE crm_lead SET won_status = 'lost'
         WHERE is_junk AND NOT active AND probability = 0
        """
    )
    env["ir.config_parameter"].search([("key", "=like", "crm_plus.%")]).unlink()
