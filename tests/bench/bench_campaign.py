import os
import time

from tests.bench.runner import Bench

PEER_ROWS = 10_000


class CampaignBench(Bench):
    """The engine of campaigns: 100,000 leads enter, wait, are told apart and updated.

    Each step is followed by a wait, which is planned with it: what is measured is all
    that happens between two steps, commits included, in a database where the others
    are in campaigns too. The first tenth and the last are printed beside: the time must
    grow with the work, and not with the queue.

    ``BENCH_LEADS`` makes it smaller, for a machine that has other work to do.
    """

    name = "campaign"
    is_long = True
    runs = 1
    apart = ("wait", "condition", "update", "server_action")
    peer_title = (
        f"create() of the same participants and tasks by the ORM, {PEER_ROWS:,} leads"
    )
    lead_count = int(os.environ.get("BENCH_LEADS", "100000"))

    def __init__(self):
        # {case: seconds of each tenth}; none where a subclass has cases of its own
        self.tenths = {}

    @property
    def title(self):
        return f"a campaign of {self.lead_count:,} leads"

    def prepare(self, env):
        self._create_audience(env)
        action = env["ir.actions.server"].create(
            {
                "name": "Bench",
                "model_id": env["ir.model"]._get_id("crm.lead"),
                "state": "code",
                "code": "records.write({'referred': 'bench'})",
            }
        )
        field = env["ir.model.fields"]._get("crm.lead", "referred")
        steps = {
            "enrol": {"kind": "wait"},
            "wait": {"kind": "wait"},
            "condition": {
                "kind": "condition",
                "condition": "[('priority', '=', '1')]",
            },
            "update": {
                "kind": "update",
                "value_ids": [(0, 0, {"field_id": field.id, "value": "bench"})],
            },
            "server_action": {"kind": "server_action", "server_action_id": action.id},
            "peer": {"kind": "wait"},
        }
        self.campaign_ids = {
            name: self._create_campaign(env, name, values)
            for name, values in steps.items()
        }
        campaigns = env["crm.campaign"].browse(self.campaign_ids.values())
        campaigns.state = "running"
        for campaign in campaigns[1:-1]:
            assert len(campaign._enrol()) == self.lead_count
        env.flush_all()
        env.cr.execute(
            "UPDATE crm_campaign_task SET date_planned = now() AT TIME ZONE 'UTC'"
            " - interval '1 hour' WHERE campaign_id = ANY(%s)",
            [campaigns.ids],
        )
        env.cr.precommit.clear()

    def _create_audience(self, env):
        """A segment of leads, none of which anything has happened to."""
        env["crm.campaign"].search([("state", "=", "running")]).action_stop()
        env["crm.segment"].search([]).active = False
        segment = env["crm.segment"].create(
            {"name": "Bench", "domain": "[('id', '=', 0)]", "company_id": False}
        )
        env.flush_all()
        env.cr.execute(
            """
            INSERT INTO crm_lead (name, type, active, priority, email_from,
                                  email_normalized, referred, won_status, company_id,
                                  create_date, write_date)
            SELECT 'Bench ' || n, 'lead', TRUE, (n %% 2)::text,
                   'p' || n || '@bench.example', 'p' || n || '@bench.example', '',
                   'pending', %(company)s,
                   now() AT TIME ZONE 'UTC', now() AT TIME ZONE 'UTC'
              FROM generate_series(1, %(count)s) n
            """,
            {"count": self.lead_count, "company": env.company.id},
        )
        env.cr.execute(
            """
            INSERT INTO crm_segment_member (segment_id, res_model, res_id, lead_id,
                                            date_joined)
            SELECT %s, 'crm.lead', id, id, now() AT TIME ZONE 'UTC'
              FROM crm_lead WHERE name LIKE 'Bench %%'
            """,
            [segment.id],
        )
        # as they will be found: nobody enters a second after the table was filled
        env.cr.execute("ANALYZE crm_lead, crm_segment_member")
        self.segment_id = segment.id

    def _create_campaign(self, env, name, values):
        campaign = env["crm.campaign"].create(
            {
                "name": f"Bench {name}",
                "segment_id": self.segment_id,
                "user_id": env.ref("base.user_admin").id,
            }
        )
        first = env["crm.campaign.step"].create(
            {"campaign_id": campaign.id, "name": name, **values}
        )
        for branch, _way, _label in first._get_kind().get_ways():
            env["crm.campaign.step"].create(
                {
                    "campaign_id": campaign.id,
                    "name": "Then",
                    "kind": "wait",
                    "parent_id": first.id,
                    "branch": branch,
                }
            )
        return campaign.id

    def cases(self):
        steps = (
            ("wait", self.lead_count),
            ("condition", self.lead_count),
            ("update", self.lead_count),
            ("server_action", self.lead_count // 10),
        )
        return [("enrol", self._warm_up, self._enrol)] + [
            (name, None, self._do(name, count)) for name, count in steps
        ]

    def _warm_up(self, env):
        """Once before, and rolled back; then without what that has left behind."""
        with env.registry.cursor() as cr:
            self._enrol(env(cr=cr))
            cr.rollback()
        with env.registry.cursor() as cr:
            cr._cnx.autocommit = True
            cr.execute("VACUUM ANALYZE crm_campaign_participant, crm_campaign_task")
            cr._cnx.autocommit = False

    def _enrol(self, env):
        campaign = env["crm.campaign"].browse(self.campaign_ids["enrol"])
        return len(campaign._enrol())

    def _do(self, name, count):
        def work(env):
            self.tenths[name] = []
            with env.registry.cursor() as cr:
                own = env(cr=cr)
                campaign = own["crm.campaign"].browse(self.campaign_ids[name])
                step = campaign.step_ids.filtered(lambda s: not s.parent_id)
                Task = own["crm.campaign.task"]
                following = [
                    ("campaign_id", "=", campaign.id),
                    ("step_id", "!=", step.id),
                ]
                before = Task.search_count(following)
                done = 0
                for part in range(1, 11):
                    started = time.perf_counter()
                    while done < count * part // 10:
                        done += Task._run_step(step)
                    self.tenths[name].append(time.perf_counter() - started)
                waiting = Task.search_count(following) - before
            assert waiting == done, f"{waiting} of {done}"
            return done

        return work

    def run_peer(self, env):
        """What each engine on the ORM does at best: all of them in two calls."""
        campaign = env["crm.campaign"].browse(self.campaign_ids["peer"])
        step = campaign.step_ids.filtered(lambda s: not s.parent_id)
        leads = (
            env["crm.segment.member"]
            .search([("segment_id", "=", self.segment_id)], limit=PEER_ROWS)
            .lead_id
        )
        now = env.cr.now().replace(microsecond=0)
        participants = env["crm.campaign.participant"].create(
            [
                {
                    "campaign_id": campaign.id,
                    "number": 1,
                    "res_model": "crm.lead",
                    "res_id": lead.id,
                    "lead_id": lead.id,
                    "email": lead.email_normalized,
                    "state": "running",
                    "date_entered": now,
                }
                for lead in leads
            ]
        )
        env["crm.campaign.task"].create(
            [
                {
                    "participant_id": participant.id,
                    "campaign_id": campaign.id,
                    "step_id": step.id,
                    "date_planned": now,
                }
                for participant in participants
            ]
        )
        env.flush_all()
        return len(participants)

    def conclude(self, figures):
        for name, seconds in self.tenths.items():
            yield (
                f"{name}: the first tenth {seconds[0]:.2f} s, the last "
                f"{seconds[-1]:.2f} s, the slowest {max(seconds):.2f} s"
            )
