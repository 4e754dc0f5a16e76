from odoo.tools import SQL


def _get_own_source_keys(env):
    return [
        key
        for key in env["crm.touchpoint"]._get_sources_by_key()
        if key.startswith("campaign_")
    ]


def post_init_hook(env):
    """Back-fill the timelines with the mailings that the database already holds."""
    env["link.tracker.click"]._backfill_machine_reason()
    env["crm.touchpoint"]._harvest(_get_own_source_keys(env))


def uninstall_hook(env):
    """Take our rows out of what other apps own, so that our kinds can go."""
    kinds = (
        env["crm.touchpoint.kind"]
        .with_context(active_test=False)
        .search([("code", "=like", "campaign\\_%")])
    )
    if "crm.score.rule" in env:
        env["crm.score.rule"].with_context(active_test=False).search(
            [("kind_id", "in", kinds.ids)]
        ).unlink()
    env["crm.touchpoint.watermark"].search(
        [("source_key", "in", _get_own_source_keys(env))]
    ).unlink()
    # SQL: the ledger may hold millions of them, and nothing depends on a row
    env["crm.touchpoint"].flush_model()
    env.execute_query(
        SQL(
            "DELETE FROM crm_touchpoint WHERE kind_id = ANY(%s) RETURNING id", kinds.ids
        )
    )
    env["crm.touchpoint"].invalidate_model(flush=False)
