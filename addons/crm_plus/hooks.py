def post_init_hook(env):
    """Back-fill timelines and lifecycles with the history that the database holds."""
    env["crm.touchpoint"]._harvest()
    env["crm.lifecycle.event"]._backfill()
