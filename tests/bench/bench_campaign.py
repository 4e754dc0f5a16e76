import os
from unittest.mock import patch

from tests.bench.runner import Bench


class CampaignBench(Bench):
    """The engine of campaigns: 100,000 leads enter, wait, are told apart and updated.

    Each step is followed by a wait, which is planned with it: what is measured is all
    that happens between two steps, reserving and reasons to leave included, but for the
    commits, which a bench cannot roll back. Each step is also run for a tenth of the
    people, a server action for parts of a tenth: the time must grow with the work, and
    not with the queue behind it.

    ``BENCH_LEADS`` makes it smaller, for a machine that has other work to do.
    """

    name = "campaign"
    is_long = True
    runs = 3
    lead_count = int(os.environ.get("BENCH_LEADS", "100000"))

    @property
    def title(self):
        return f"a campaign of {self.lead_count:,} leads"

    def prepare(self, env):
        env["crm.campaign"].search([("state", "=", "running")]).action_stop()
        env["crm.segment"].search([]).active = False
        segment = env["crm.segment"].create(
            {"name": "Bench", "domain": "[('id', '=', 0)]", "company_id": False}
        )
        action = env["ir.actions.server"].create(
            {
                "name": "Bench",
                "model_id": env["ir.model"]._get_id("crm.lead"),
                "state": "code",
                "code": "records.write({'referred': 'bench'})",
            }
        )
        field = env["ir.model.fields"]._get("crm.lead", "referred")
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
        self.segment_id = segment.id
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
        }
        self.campaign_ids = {
            name: self._create_campaign(env, name, values)
            for name, values in steps.items()
        }
        env.flush_all()
        env.cr.precommit.clear()

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
        tenth = self.lead_count // 10
        cases = [("enrol", self.start("enrol"), self.enrol)]
        for name in ("wait", "condition", "update"):
            cases += [
                (f"{name}, a tenth", self.enrolled(name), self.step(name, tenth)),
                (name, self.enrolled(name), self.step(name, self.lead_count)),
            ]
        # one after the other: twice the work takes twice the time
        cases += [
            (
                f"server action, {part} %",
                self.enrolled("server_action"),
                self.step("server_action", self.lead_count * part // 100),
            )
            for part in (2, 5, 10)
        ]
        return cases

    def start(self, name):
        def set_up(env):
            self.campaign = env["crm.campaign"].browse(self.campaign_ids[name])
            self.campaign.state = "running"

        return set_up

    def enrolled(self, name):
        def set_up(env):
            self.start(name)(env)
            self.campaign._enrol()
            env.cr.execute(
                "UPDATE crm_campaign_task SET date_planned = now() AT TIME ZONE 'UTC'"
                " - interval '1 hour' WHERE campaign_id = %s",
                [self.campaign.id],
            )
            env.cr.execute("ANALYZE crm_campaign_task, crm_campaign_participant")
            env.invalidate_all()

        return set_up

    def enrol(self, env):
        return len(self.campaign._enrol())

    def step(self, name, count):
        def work(env):
            step = self.campaign.step_ids.filtered(lambda s: not s.parent_id)
            Task = env["crm.campaign.task"]
            done = 0
            with patch.object(
                env.registry["ir.cron"], "_commit_progress", lambda *args, **kwargs: 1
            ):
                while done < count:
                    done += Task._run_step(step)
            waiting = Task.search_count(
                [("campaign_id", "=", self.campaign.id), ("step_id", "!=", step.id)]
            )
            assert waiting == done, f"{waiting} of {done}"
            # what comes with a commit is another bench's
            env.cr.precommit.clear()
            return done

        return work
