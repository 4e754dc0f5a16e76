from tests.bench.runner import Bench

PEER_LEADS = 2_000


class LifecycleBench(Bench):
    """The dated history of leads that the database holds without one, and of a batch
    whose leads take a step.

    One lead in two has a customer, one customer in four has bought since. Odoo keeps a
    date of a change by tracking the field: a tracked write of the stage of a batch is
    the nearest it has.
    """

    name = "lifecycle"
    lead_count = 20_000
    partner_count = 5_000
    batch = 5_000
    runs = 3
    peer_runs = 3
    peer_title = f"write of the tracked stage on {PEER_LEADS:,} leads, flushed"

    @property
    def title(self):
        return (
            f"history of {self.lead_count:,} leads of {self.partner_count:,} customers"
        )

    def prepare(self, env):
        env.cr.execute(
            """
            INSERT INTO res_partner (name, complete_name, active, is_company, type,
                                     autopost_bills, create_date, write_date)
            SELECT 'Bench ' || n, 'Bench ' || n, TRUE, TRUE, 'contact', 'ask',
                   now(), now()
              FROM generate_series(1, %s) n
            """,
            [self.partner_count],
        )
        env.cr.execute(
            """
            UPDATE res_partner SET commercial_partner_id = id
             WHERE name LIKE 'Bench %' RETURNING id
            """
        )
        self.partner_ids = sorted(row[0] for row in env.cr.fetchall())
        stages = env["crm.stage"].search([("is_won", "=", False)])
        env.cr.execute(
            """
            INSERT INTO crm_lead (name, type, active, won_status, stage_id, company_id,
                                  partner_id, create_date, write_date, date_conversion,
                                  date_mql, date_closed, user_id,
                                  date_last_stage_update)
            SELECT 'Bench ' || n, CASE n %% 3 WHEN 0 THEN 'lead' ELSE 'opportunity' END,
                   n %% 5 > 0, CASE WHEN n %% 5 > 0 THEN 'pending' ELSE 'lost' END,
                   (%(stages)s)[1 + n %% %(stage_count)s], %(company)s,
                   CASE WHEN n %% 2 = 0 THEN %(partner)s + (n / 2) %% %(partners)s END,
                   created, created,
                   CASE WHEN n %% 3 = 1 THEN created + interval '9 days' END,
                   CASE WHEN n %% 4 = 0 THEN created + interval '3 days' END,
                   CASE WHEN n %% 5 = 0 THEN created + interval '40 days' END,
                   %(user)s, created
              FROM (SELECT n, date_trunc('second', now() AT TIME ZONE 'UTC')
                              - (50 + n %% 700) * interval '1 day' AS created
                      FROM generate_series(1, %(leads)s) n) rows
         RETURNING id
            """,
            {
                "company": env.company.id,
                "stages": stages.ids,
                "stage_count": len(stages),
                "partner": self.partner_ids[0],
                "partners": self.partner_count,
                "leads": self.lead_count,
                "user": env.ref("base.user_admin").id,
            },
        )
        self.lead_ids = sorted(row[0] for row in env.cr.fetchall())
        env.cr.execute(
            """
            INSERT INTO crm_touchpoint (kind_id, channel, date, partner_id,
                                        commercial_partner_id, company_id, res_model,
                                        res_id, occurrence)
            SELECT k.id, k.channel,
                   now() AT TIME ZONE 'UTC' - n %% 600 * interval '1 day',
                   p.id, p.id, %(company)s, 'bench', n, ''
              FROM generate_series(1, %(partners)s) n
              JOIN crm_touchpoint_kind k ON k.code = 'invoice_posted'
              JOIN res_partner p ON p.id = %(partner)s + (n * 4) %% %(partners)s
            """,
            {
                "company": env.company.id,
                "partner": self.partner_ids[0],
                "partners": self.partner_count,
            },
        )

    def cases(self):
        return [
            ("back-fill", None, self.run),
            ("a batch takes a step", self.qualify, self.run_batch),
            ("a batch, nothing new", self.fill_batch, self.run_batch_again),
        ]

    def run(self, env):
        # other benches may have left leads of theirs
        leads = env["crm.lead"].with_context(active_test=False)
        known = [("id", "in", self.lead_ids), ("lifecycle_step_id", "!=", False)]
        changed = leads.search_count(known)
        env["crm.lifecycle.event"]._backfill()
        done = leads.search_count(known)
        if changed or done != self.lead_count:
            raise ValueError(f"{done} leads have a history, {changed} had one")
        return self.lead_count

    def fill_batch(self, env):
        env["crm.lifecycle.event"]._advance_leads(self.lead_ids[: self.batch])

    def qualify(self, env):
        self.fill_batch(env)
        env.cr.execute(
            "UPDATE crm_lead SET date_mql = now() AT TIME ZONE 'UTC'"
            " WHERE id = ANY(%s) AND date_mql IS NULL",
            [self.lead_ids[: self.batch]],
        )
        env.invalidate_all()

    def run_batch(self, env):
        env["crm.lifecycle.event"]._advance_leads(self.lead_ids[: self.batch])
        return self.batch

    run_batch_again = run_batch

    def run_peer(self, env):
        leads = env["crm.lead"].browse(self.lead_ids[:PEER_LEADS])
        [stage] = env["crm.stage"].search([("is_won", "=", False)], limit=1, offset=2)
        leads.with_context(mail_notrack=False).write({"stage_id": stage.id})
        env.flush_all()
        env.cr.precommit.run()
        return len(leads)
