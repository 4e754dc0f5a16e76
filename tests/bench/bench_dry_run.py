import os

from tests.bench.bench_campaign import CampaignBench


class DryRunBench(CampaignBench):
    """What would become of 100,000 leads, if a campaign was started now: who enters,
    which way each goes, mails a day, and who is left out and why.

    The journey: a mail, a wait for a click, a condition with a mail on each way, a wait
    and a last mail. The contact policy is asked for each mail, one in twenty is
    blocked, a tenth was inside before. It writes nothing.

    ``BENCH_LEADS`` makes it smaller, for a machine that has other work to do.
    """

    name = "dry_run"
    is_long = False
    runs = 3
    apart = ()
    peer_title = None
    lead_count = int(os.environ.get("BENCH_LEADS", "100000"))

    @property
    def title(self):
        return f"the dry run of a campaign for {self.lead_count:,} leads"

    def prepare(self, env):
        self._create_audience(env)
        env.company.crm_plus_contact_policy = True
        body = (
            '<p>Hello <t t-out="object.name"/></p>'
            '<a href="/unsubscribe_from_list">Unsubscribe</a>'
        )
        campaign = env["crm.campaign"].create(
            {
                "name": "Bench dry run",
                "segment_id": self.segment_id,
                "user_id": env.ref("base.user_admin").id,
                "email_from": "bench@bench.example",
            }
        )

        def add(kind, parent=None, branch="next", **values):
            return env["crm.campaign.step"].create(
                {
                    "campaign_id": campaign.id,
                    "name": kind,
                    "kind": kind,
                    "parent_id": parent.id if parent else False,
                    "branch": branch,
                    **({"subject": "Bench", "body": body} if kind == "mail" else {}),
                    **values,
                }
            )

        click = add("wait_click", add("mail"), delay_count=3)
        add("activity", click, "yes")
        condition = add("condition", click, "no", condition="[('priority', '=', '1')]")
        for branch in ("yes", "no"):
            wait = add("wait", add("mail", condition, branch), delay_count=7)
            add("mail", wait)
        env.flush_all()
        env.cr.execute(
            """
            INSERT INTO mail_blacklist (email, active)
            SELECT email_normalized, TRUE FROM crm_lead
             WHERE name LIKE 'Bench %' AND id % 20 = 0
            """
        )
        env.cr.execute(
            """
            INSERT INTO crm_campaign_participant (
                campaign_id, number, res_model, res_id, lead_id, email, person, event,
                parallel, state, date_entered)
            SELECT %s, 1, 'crm.lead', id, id, email_normalized, email_normalized, '',
                   '', 'done', now() AT TIME ZONE 'UTC' - interval '9 days'
              FROM crm_lead WHERE name LIKE 'Bench %%' AND id %% 10 = 1
            """,
            [campaign.id],
        )
        self.campaign_id = campaign.id
        env.cr.precommit.clear()

    def cases(self):
        return [
            ("all ways", None, self.run),
            ("nobody clicks", None, lambda env: self.run(env, "no")),
        ]

    def run(self, env, assumed=""):
        page = env["crm.campaign"].browse(self.campaign_id).get_dry_run(assumed)
        assert page["candidates"] == self.lead_count, page["candidates"]
        return page["candidates"]
