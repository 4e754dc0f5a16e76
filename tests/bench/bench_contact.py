import os
from datetime import timedelta

from tests.bench.runner import Bench


class ContactBench(Bench):
    """May these people be written to: 100,000 contacts asked about in one call.

    Two caps, quiet hours, public holidays; three in ten got a mail last week, one in
    twenty is on hold, people live in twenty countries. "With the log" also notes each
    answer, in one statement.

    ``BENCH_PARTNERS`` makes it smaller, for a machine that has other work to do.
    """

    name = "contact"
    runs = 3
    partner_count = int(os.environ.get("BENCH_PARTNERS", "100000"))

    @property
    def title(self):
        return f"the contact policy asked about {self.partner_count:,} people"

    def prepare(self, env):
        env.company.crm_plus_contact_policy = True
        policy = env["crm.contact.policy"]._get_policy(env.company)
        policy.write({"quiet_from": 20, "quiet_to": 8})
        policy.holiday_ids.unlink()
        policy.holiday_ids = [
            (0, 0, {"calendar_id": env.company.resource_calendar_id.id})
        ]
        kind = env["crm.touchpoint.kind"].create(
            {
                "name": "Bench mail",
                "code": "bench_sent",
                "direction": "out",
                "is_marketing": True,
            }
        )
        env.flush_all()
        env.cr.execute(
            """
            WITH countries AS (
                SELECT array_agg(id) AS ids
                  FROM (SELECT id FROM res_country ORDER BY id LIMIT 20) c
            )
            INSERT INTO res_partner (name, complete_name, active, is_company, ref,
                                     country_id, email, email_normalized,
                                     autopost_bills, create_date, write_date)
            SELECT 'Bench ' || n, 'Bench ' || n, TRUE, TRUE, 'bench',
                   ids[1 + n %% 20], n || '@bench.example', n || '@bench.example',
                   'ask', now() AT TIME ZONE 'UTC', now() AT TIME ZONE 'UTC'
              FROM generate_series(1, %s) n, countries
            """,
            [self.partner_count],
        )
        env.cr.execute(
            "UPDATE res_partner SET commercial_partner_id = id WHERE ref = 'bench'"
        )
        env.cr.execute(
            """
            INSERT INTO crm_touchpoint (kind_id, channel, date, partner_id,
                        commercial_partner_id, is_machine, res_model, res_id,
                        occurrence)
            SELECT %s, 'email', now() AT TIME ZONE 'UTC' - n * interval '30 hours', id,
                   id, FALSE, 'bench', id, n::varchar
              FROM res_partner, generate_series(1, 3) n
             WHERE ref = 'bench' AND id %% 10 < 3
            """,
            [kind.id],
        )
        env.cr.execute(
            """
            INSERT INTO crm_contact_hold (partner_id, company_id, provider, note, scope,
                        date_since)
            SELECT id, %s, 'manual', 'Bench', 'marketing', now()::date
              FROM res_partner WHERE ref = 'bench' AND id %% 20 = 0
            """,
            [env.company.id],
        )
        env.cr.execute("SELECT id FROM res_partner WHERE ref = 'bench' ORDER BY id")
        self.partner_ids = [row[0] for row in env.cr.fetchall()]

    def cases(self):
        return [
            ("answer only", None, lambda env: self._decide(env, dry_run=True)),
            ("with the log", None, self._decide),
            ("asked again", self._decide, self._decide_again),
        ]

    def _decide(self, env, **values):
        partners = env["res.partner"].browse(self.partner_ids)
        decisions = env["crm.contact.policy"]._decide(
            partners, origin=env.company, **values
        )
        return len(decisions)

    def _decide_again(self, env):
        """A day later: what was put off is renewed."""
        at = env.cr.now().replace(microsecond=0) + timedelta(days=1)
        return self._decide(env, at=at)
