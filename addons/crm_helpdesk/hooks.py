from odoo.tools import SQL

SOURCES = ("case_opened", "case_closed", "case_rated")
MESSAGE_SOURCES = tuple(f"{k}/crm.case" for k in ("email_in", "email_out", "call_done"))
KINDS = SOURCES


def post_init_hook(env):
    """Give the first team its address, and back-fill timelines with cases that are
    there already (of a database whose addon was installed before).
    """
    team = env.ref("crm_helpdesk.crm_case_team_care")
    taken = env["mail.alias"].search_count([("alias_name", "=", "support")], limit=1)
    if not taken and not team.alias_name:
        team.alias_name = "support"
    team.member_ids |= env.ref("base.user_admin")
    env["crm.touchpoint"]._harvest([*SOURCES, *MESSAGE_SOURCES])


def uninstall_hook(env):
    """Leave neither touchpoints, nor promises, nor their settings about what is gone.

    The ledger and the clocks are of crm_plus, which stays: nothing there would ever
    drop rows about cases, and their kinds could not be deleted while rows name them.
    """
    queries = (
        SQL(
            """DELETE FROM crm_touchpoint t USING crm_touchpoint_kind k
                WHERE k.id = t.kind_id AND k.code = ANY(%s)""",
            list(KINDS),
        ),
        SQL(
            """DELETE FROM crm_touchpoint t USING mail_message m
                WHERE t.res_model = 'mail.message' AND m.id = t.res_id
                  AND m.model = 'crm.case'"""
        ),
        SQL(
            "DELETE FROM crm_touchpoint_watermark WHERE source_key = ANY(%s)",
            [*SOURCES, *MESSAGE_SOURCES],
        ),
        SQL(
            """DELETE FROM crm_sla_pause p USING crm_sla_clock c
                WHERE c.id = p.clock_id AND c.res_model = 'crm.case'"""
        ),
        SQL("DELETE FROM crm_sla_clock WHERE res_model = 'crm.case'"),
        SQL("DELETE FROM crm_sla_policy WHERE res_model = 'crm.case'"),
        SQL("DELETE FROM crm_contact_hold WHERE provider = 'case_rating'"),
        SQL("DELETE FROM crm_contact_hold_rule WHERE provider = 'case_rating'"),
        # their types could not be deleted while activities name them
        SQL(
            """DELETE FROM mail_activity
                WHERE res_model IN ('crm.case', 'crm.case.article')"""
        ),
        SQL("DELETE FROM crm_assignment_log WHERE res_model = 'crm.case'"),
        SQL("DELETE FROM crm_assignment_rule WHERE res_model = 'crm.case'"),
    )
    env.flush_all()
    for query in queries:
        env.cr.execute(query)
    env.invalidate_all()
