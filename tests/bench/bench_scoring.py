from datetime import timedelta
from unittest.mock import patch

from odoo.addons.crm_plus.tools.scoring import ScoringEngine

from tests.bench.runner import Bench

FIT_DOMAINS = [
    "[('email_from', '!=', False)]",
    "[('email_from', 'ilike', '@brandt')]",
    "[('phone', '!=', False)]",
    "[('partner_name', '!=', False)]",
    "[('function', 'ilike', 'director')]",
    "[('country_id.code', 'in', ['DE', 'AT', 'CH'])]",
    "[('country_id', '=', False)]",
    "[('expected_revenue', '>=', 10000)]",
    "[('expected_revenue', '>=', 50000)]",
    "[('priority', 'in', ['2', '3'])]",
    "[('source_id', '!=', False)]",
    "[('type', '=', 'opportunity')]",
]
KINDS = ["email_in", "email_out", "call_done", "meeting_done"]


class ScoringBench(Bench):
    """20 rules, 12 of fit and 8 of engagement, on leads with touchpoints.

    Two nights. The first is the one after a holiday: all leads have a score, which a
    month of silence lowers for every one that ever did something. Rows that change are
    counted. The second is any other: one lead in a hundred was changed since the last
    run, all are brought up to date. So are they by Odoo's own run, which knows no other
    way; rows are leads brought up to date.
    """

    name = "scoring"
    open_count = 100_000
    closed_count = 20_000
    touchpoint_count = 300_000
    runs = 3
    peer_runs = 3

    @property
    def title(self):
        return (
            f"{self.lead_count:,} leads by 20 rules, "
            f"{self.touchpoint_count:,} touchpoints"
        )

    @property
    def peer_title(self):
        return (
            "_cron_update_automated_probabilities on the "
            f"{self.open_count:,} that are open"
        )

    @property
    def lead_count(self):
        return self.open_count + self.closed_count

    def prepare(self, env):
        self._make_leads(env)
        self._make_touchpoints(env)
        env["crm.score.model"].search([]).action_archive()
        self._make_model(env)
        env["ir.config_parameter"].set_param("crm.pls_start_date", "2015-01-01")

    def _make_leads(self, env):
        stages = env["crm.stage"].search([])
        env.flush_all()
        env.cr.execute(
            """
            INSERT INTO crm_lead (
                name, type, active, won_status, stage_id, company_id, email_from, phone,
                partner_name, function, country_id, expected_revenue, priority,
                source_id, phone_state, email_state, probability,
                automated_probability, create_date, write_date, date_closed
            )
            SELECT 'Bench ' || n, CASE n %% 3 WHEN 0 THEN 'lead' ELSE 'opportunity' END,
                   status <> 'lost', status,
                   CASE status WHEN 'won' THEN %(won)s
                               ELSE (%(stages)s::int[])[1 + n %% %(stage_count)s] END,
                   %(company)s,
                   CASE WHEN n %% 7 > 0
                        THEN 'p' || n || '@brandt' || n %% 9 || '.example' END,
                   CASE WHEN n %% 2 = 0 THEN '+49 30 ' || n END,
                   CASE WHEN n %% 5 > 1 THEN 'Company ' || n END,
                   CASE n %% 4 WHEN 0 THEN 'Managing director' WHEN 1 THEN 'Buyer' END,
                   (SELECT id FROM res_country ORDER BY id OFFSET n %% 60 LIMIT 1),
                   (n * 7919) %% 90000, (n %% 4)::varchar,
                   (SELECT id FROM utm_source ORDER BY id OFFSET n %% 4 LIMIT 1),
                   CASE WHEN n %% 2 = 0 THEN 'correct' END,
                   CASE WHEN n %% 7 > 0 THEN 'correct' END,
                   CASE status WHEN 'won' THEN 100 WHEN 'lost' THEN 0 END,
                   CASE status WHEN 'won' THEN 100 WHEN 'lost' THEN 0 END,
                   now() AT TIME ZONE 'UTC' - n %% 700 * interval '1 day',
                   now() AT TIME ZONE 'UTC',
                   CASE WHEN status <> 'pending' THEN now() AT TIME ZONE 'UTC' END
              FROM (
                SELECT n, CASE WHEN n > %(closed)s THEN 'pending'
                               WHEN n %% 3 = 0 THEN 'won' ELSE 'lost' END AS status
                  FROM generate_series(1, %(leads)s) n
              ) rows
            """,
            {
                "company": env.company.id,
                "stages": stages.filtered(lambda stage: not stage.is_won).ids,
                "stage_count": len(stages.filtered(lambda stage: not stage.is_won)),
                "won": stages.filtered("is_won")[:1].id,
                "leads": self.lead_count,
                "closed": self.closed_count,
            },
        )

    def _make_touchpoints(self, env):
        env.cr.execute(
            """
            INSERT INTO crm_touchpoint (kind_id, channel, date, lead_id, company_id,
                                        res_model, res_id, occurrence, is_machine)
            SELECT k.id, k.channel,
                   now() AT TIME ZONE 'UTC' - n %% 365 * interval '1 day',
                   l.first + (n * 31) %% %(leads)s, %(company)s,
                   'bench', n, '', n %% 10 = 0
              FROM generate_series(1, %(touchpoints)s) n
              JOIN crm_touchpoint_kind k ON k.code = (%(kinds)s)[1 + n %% 4]
             CROSS JOIN (SELECT min(id) AS first FROM crm_lead
                          WHERE name LIKE 'Bench %%') l
            """,
            {
                "company": env.company.id,
                "leads": self.lead_count,
                "touchpoints": self.touchpoint_count,
                "kinds": KINDS,
            },
        )

    def _make_model(self, env):
        kind_ids = {
            kind.code: kind.id
            for kind in env["crm.touchpoint.kind"].search([("code", "in", KINDS)])
        }
        rules = [
            {"name": domain, "dimension": "fit", "domain": domain, "points": 5 + i}
            for i, domain in enumerate(FIT_DOMAINS)
        ] + [
            {
                "name": f"{code} {half_life}",
                "dimension": "engagement",
                "kind_id": kind_ids[code],
                "points": 6,
                "max_times": 3,
                "half_life_days": half_life,
            }
            for code in KINDS
            for half_life in (14, 90)
        ]
        env["crm.score.model"].create(
            {
                "name": "Bench",
                "target": "lead",
                "rule_ids": [(0, 0, rule) for rule in rules],
            }
        )
        env.flush_all()
        env.cr.precommit.clear()
        engine = ScoringEngine(env, "crm.lead")
        engine.recompute()
        self.scored_on = engine.now
        env.cr.execute("SELECT max(id) FROM crm_touchpoint")
        [self.last_touchpoint_id] = env.cr.fetchone()

    def cases(self):
        return [
            ("a month later", None, self.run),
            ("1 % changed", self.change_few, self.run_few),
        ]

    def run(self, env):
        engine = ScoringEngine(env, "crm.lead", now=env.cr.now() + timedelta(days=30))
        return len(self._recompute(engine))

    def change_few(self, env):
        env.cr.execute(
            """
            UPDATE crm_lead
               SET priority = ((priority::int + 2) %% 4)::varchar,
                   write_date = %s
             WHERE id %% 100 = 0
            """,
            [self.scored_on + timedelta(hours=1)],
        )

    def run_few(self, env):
        engine = ScoringEngine(env, "crm.lead", now=self.scored_on)
        changed_ids = self._recompute(
            engine, since=(self.scored_on, self.last_touchpoint_id)
        )
        if not 0.005 < len(changed_ids) / self.lead_count < 0.015:
            raise ValueError(f"{len(changed_ids)} changed")
        return self.lead_count

    def _recompute(self, engine, **options):
        changed_ids = engine.recompute(**options)
        if engine.errors:
            raise ValueError(engine.errors)
        return changed_ids

    def run_peer(self, env):
        # without it Odoo commits, and the next run would have nothing to change
        with patch("odoo.modules.module.current_test", new=True):
            env["crm.lead"]._cron_update_automated_probabilities()
        return self.open_count
