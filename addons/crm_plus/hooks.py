def post_init_hook(env):
    """Back-fill the timelines with the history that the database already holds."""
    env["crm.touchpoint"]._harvest()
