from odoo.tools import SQL


def _get_own_source_keys(env):
    return [
        key
        for key in env["crm.touchpoint"]._get_sources_by_key()
        if key.startswith("campaign_")
    ]


# Opens earn nothing: mail programs open mails by themselves.
SCORE_RULES = {
    "campaign_clicked": {"name": "Clicks in our mails", "points": 10, "max_times": 3},
    "campaign_replied": {"name": "Answers our mails", "points": 15, "max_times": 3},
    "campaign_unsubscribed": {"name": "Unsubscribes", "points": -30, "max_times": 1},
}


def _add_score_rules(env):
    """Let the scoring model that comes with CRM Plus count what people do with mails,
    unless somebody has deleted it."""
    model = env.ref("crm_plus.crm_score_model_lead", raise_if_not_found=False)
    if not model:
        return
    env["crm.score.rule"]._load_records(
        [
            {
                "xml_id": f"crm_campaigns.crm_score_rule_{code}",
                "noupdate": True,
                "values": {
                    "model_id": model.id,
                    "dimension": "engagement",
                    "kind_id": env.ref(f"crm_campaigns.crm_touchpoint_kind_{code}").id,
                    "half_life_days": 30,
                    "sequence": 200,
                    **values,
                },
            }
            for code, values in SCORE_RULES.items()
        ]
    )


def post_init_hook(env):
    """Back-fill the timelines with the mailings that the database already holds."""
    _add_score_rules(env)
    env["link.tracker.click"]._backfill_machine_reason()
    env["crm.touchpoint"]._harvest(_get_own_source_keys(env))


def uninstall_hook(env):
    """Take our rows out of what other apps own, so that our kinds can go, and our
    mailings and lists off segments that go with us.
    """
    env.flush_all()
    env.cr.execute("UPDATE mailing_mailing SET segment_id = NULL")
    env.cr.execute("UPDATE mailing_list SET segment_id = NULL")
    env.invalidate_all()
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
