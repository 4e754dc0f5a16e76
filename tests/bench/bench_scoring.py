import os
import statistics
import time
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from unittest.mock import patch

from odoo import fields
from odoo.tools import SQL

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
        self._score_first(env)
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
                   (%(countries)s::int[])[1 + n %% 60],
                   (n::bigint * 7919) %% 90000, (n %% 4)::varchar,
                   (%(sources)s::int[])[1 + n %% 4],
                   CASE WHEN n %% 2 = 0 THEN 'correct' END,
                   CASE WHEN n %% 7 > 0 THEN 'correct' END,
                   CASE status WHEN 'won' THEN 100 WHEN 'lost' THEN 0 END,
                   CASE status WHEN 'won' THEN 100 WHEN 'lost' THEN 0 END,
                   now() AT TIME ZONE 'UTC' - n %% 700 * interval '1 day',
                   now() AT TIME ZONE 'UTC' - interval '10 days',
                   CASE WHEN status <> 'pending' THEN now() AT TIME ZONE 'UTC' END
              FROM (
                SELECT n, CASE WHEN n > %(closed)s THEN 'pending'
                               WHEN n %% 3 = 0 THEN 'won' ELSE 'lost' END AS status
                  FROM generate_series(1, %(leads)s) n
              ) rows
            """,
            {
                "company": env.company.id,
                "countries": env["res.country"].search([], order="id", limit=60).ids,
                "sources": env["utm.source"].search([], order="id", limit=4).ids,
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

    def _score_first(self, env):
        engine = ScoringEngine(env, "crm.lead")
        engine.recompute()
        self.scored_on = engine.now
        env.cr.execute("SELECT max(id) FROM crm_touchpoint")
        [self.last_touchpoint_id] = env.cr.fetchone()

    def cases(self):
        return [
            ("a month later", None, self.run),
            ("1 % changed", self.change_few, self.run_few),
            ("one by one", None, self.run_singly),
        ]

    apart = ("one by one",)

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

    def run_singly(self, env):
        """Fifty leads that a seller writes, each in a transaction of its own."""
        leads = env["crm.lead"].search([("priority", "=", "0")], limit=51)
        before = env["crm.score"].search_count([("date", ">", self.scored_on)])
        # read once by whoever is at work
        leads[50].priority = "3"
        env.flush_all()
        env.cr.precommit.run()
        seconds = []
        for lead in leads[:50]:
            lead.priority = "3"
            env.flush_all()
            started = time.perf_counter()
            env["crm.score.model"]._recompute_queued()
            seconds.append(time.perf_counter() - started)
            env.cr.precommit.run()
        found = env["crm.score"].search_count([("date", ">", self.scored_on)])
        if found - before != 51:
            raise ValueError(f"{found - before} scored")
        print(
            f"    of which the score: {statistics.median(seconds) * 1000:.1f} ms a lead"
            f" ({min(seconds) * 1000:.1f}-{max(seconds) * 1000:.1f})"
        )
        return 50

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


class ScoringMillionBench(ScoringBench):
    """A million leads by 20 rules, run as the scheduler runs it: batch by batch, each
    committed. What it costs in memory is printed for each batch.

    Then what people wait for on so many leads: who would move, and the live figures of
    the rules.
    """

    name = "scoring_million"
    is_long = True
    open_count = 800_000
    closed_count = 200_000
    touchpoint_count = 2_500_000
    runs = 1
    peer_title = None

    def prepare(self, env):
        with without_indexes(env, "crm_lead"), without_indexes(env, "crm_touchpoint"):
            super().prepare(env)

    def _score_first(self, env):
        """The first of the runs does it."""

    def cases(self):
        return [
            ("first run", None, self.run_all),
            ("a month later", self.a_month_later, self.run_all),
            ("1 % changed", self.change_few, self.run_changed),
            ("who would move", None, self.run_compare),
            ("live figures", None, self.run_figures),
        ]

    def a_month_later(self, env):
        env.cr.execute("""UPDATE crm_touchpoint SET date = date - interval '30 days'""")

    def run_all(self, env):
        return self._work_off(env, env["crm.score.run"]._start({"crm.lead"}))

    def change_few(self, env):
        # the run knows two nights before it
        Run = env["crm.score.run"]
        now = fields.Datetime.now()
        touchpoint_id = Run.search([], limit=1).touchpoint_id
        Run.create(
            [
                {
                    "target_model": "crm.lead",
                    "is_full": True,
                    "date_start": now - timedelta(days=days),
                    "date_end": now - timedelta(days=days),
                    "touchpoint_id": touchpoint_id,
                }
                for days in (3, 2)
            ]
        )
        self.scored_on = now
        super().change_few(env)

    def run_changed(self, env):
        run = env["crm.score.run"]._start({"crm.lead"}, is_full=False)
        count = self._work_off(env, run)
        # the minutes since the run before take a tenth of a point from some
        if not 0.005 < run.changed_count / count < 0.05 or run.is_full:
            raise ValueError(f"{run.changed_count} changed")
        return count

    def _work_off(self, env, run):
        """Do all batches of a run; print time and memory of each."""
        env.cr.execute("SELECT pg_backend_pid()")
        [backend] = env.cr.fetchone()
        processes = {"Python": os.getpid(), "PostgreSQL": backend}
        before = {name: memory(pid)[0] for name, pid in processes.items()}
        print("    before     " + self._memory_text(before))
        lines = []
        while not run.date_end:
            started = time.perf_counter()
            count = run._step()
            env.cr.commit()
            seconds = time.perf_counter() - started
            now = {name: memory(pid)[0] for name, pid in processes.items()}
            lines.append(now)
            print(
                f"    {count:>9,} in {seconds:6.2f} s  {self._memory_text(now)}",
                flush=True,
            )
        for name, pid in processes.items():
            print(
                f"    {name}: {lines[0][name]:.0f} MiB after the first batch, "
                f"{lines[-1][name]:.0f} after the last, {memory(pid)[1]:.0f} at most"
                " since its start"
            )
        print(f"    {run.changed_count:,} changed")
        return run.record_count

    def _memory_text(self, figures):
        return ", ".join(f"{name} {mib:.0f} MiB" for name, mib in figures.items())

    def run_compare(self, env):
        model = env["crm.score.model"].search([("name", "=", "Bench")])
        draft = model._create_draft()
        draft.rule_ids.filtered(lambda r: r.dimension == "fit")[0].points = 30
        compare = env["crm.score.compare"].create({"model_id": draft.id})
        compare._compare()
        print(f"    {compare.moved_count:,} of {compare.record_count:,} would move")
        return compare.record_count

    def run_figures(self, env):
        model = env["crm.score.model"].search([("name", "=", "Bench")])
        rules = model.rule_ids.read(
            ["dimension", "domain", "kind_id", "touchpoint_domain", "points"], load=None
        )
        figures = env["crm.score.model"].get_rule_figures({"target": "lead"}, rules)
        print(f"    {len(rules)} rules on the newest {figures['records']:,}")
        return figures["records"]


def memory(pid):
    """Return what a process has for itself now and its peak, in MiB; what PostgreSQL's
    processes share is not in the first.
    """
    status = dict(
        line.split(":", 1)
        for line in Path(f"/proc/{pid}/status").read_text().splitlines()
    )
    return [int(status[name].split()[0]) / 1024 for name in ("RssAnon", "VmHWM")]


@contextmanager
def without_indexes(env, table):
    """Fill a table first, index it then: a third of the time."""
    env.cr.execute(
        """SELECT indexname, indexdef FROM pg_indexes
            WHERE tablename = %s AND indexdef NOT LIKE 'CREATE UNIQUE%%'""",
        [table],
    )
    indexes = env.cr.fetchall()
    for name, _definition in indexes:
        env.cr.execute(SQL("DROP INDEX %s", SQL.identifier(name)))
    yield
    for _name, definition in indexes:
        env.cr.execute(definition)
