import random
from datetime import datetime, timedelta

from tests.bench.runner import Bench

PROMISES = 20_000
PEER_PROMISES = 2_000
FIRST = datetime(2026, 1, 5)


class ClocksBench(Bench):
    name = "clocks"
    title = "due times of 20,000 promises in working time"
    peer_title = (
        f"resource.calendar.plan_hours, once a record, {PEER_PROMISES:,} records"
    )

    def prepare(self, env):
        draw = random.Random(19)
        self.promises = [
            (FIRST + timedelta(minutes=draw.randrange(365 * 1440)), draw.randint(1, 40))
            for _promise in range(PROMISES)
        ]
        self.calendar_id = env.company.resource_calendar_id.id
        calendar = self._calendar(env)
        calendar.tz = "Europe/Warsaw"
        env["resource.calendar.leaves"].create(
            [
                {
                    "name": "Closed",
                    "calendar_id": calendar.id,
                    "date_from": FIRST + timedelta(days=30 * month),
                    "date_to": FIRST + timedelta(days=30 * month, hours=23),
                }
                for month in range(12)
            ]
        )
        self._check(env)

    def _calendar(self, env):
        return env["resource.calendar"].browse(self.calendar_id)

    def _ours(self, env, promises):
        from odoo.addons.crm_plus.tools import calendar_time

        # what a transaction remembers would make the second run a different one
        calendar_time.forget(env)
        return calendar_time.plan_due(
            self._calendar(env), [(start, hours * 3600) for start, hours in promises]
        )

    def _peers(self, env, promises):
        calendar = self._calendar(env)
        return [
            calendar.plan_hours(hours, start, compute_leaves=True)
            for start, hours in promises
        ]

    def _check(self, env):
        """Speed counts for nothing where the answers differ."""
        sample = self.promises[:500]
        ours = self._ours(env, sample)
        for promise, mine, theirs in zip(
            sample, ours, self._peers(env, sample), strict=True
        ):
            if abs(mine - theirs) > timedelta(seconds=1):
                raise AssertionError(f"{promise}: {mine} is not {theirs}")

    def run(self, env):
        return len(self._ours(env, self.promises))

    def run_peer(self, env):
        return len(self._peers(env, self.promises[:PEER_PROMISES]))


class ClockRowsBench(Bench):
    name = "clock_rows"
    title = "first-response clocks opened on 20,000 leads, policy and all"
    runs = 3

    def prepare(self, env):
        self.lead_ids = (
            env["crm.lead"]
            .with_context(tracking_disable=True, mail_create_nolog=True)
            .create([{"name": f"Clock {n}", "type": "lead"} for n in range(PROMISES)])
            .ids
        )
        env.flush_all()
        clocks = env["crm.sla.clock"].sudo().search([("res_model", "=", "crm.lead")])
        clocks.unlink()

    def run(self, env):
        leads = env["crm.lead"].browse(self.lead_ids)
        return len(leads._sla_start("first_response"))
