import os
from contextlib import closing

from tests.bench.mail_sink import MailSink
from tests.bench.runner import Bench

BODY = (
    '<p>Hello <t t-out="object.name"/>,</p><p>the autumn roast is here: '
    '<a href="https://brandt.example/autumn">have a look</a>.</p>'
    '<p><a href="/unsubscribe_from_list">Unsubscribe</a></p>'
)


class MailBench(Bench):
    """The mail step of a campaign beside a plain mailing of the same body.

    Both compose, send through a real SMTP server, and note what became of each mail,
    until nothing is left to do; both commit as they do in production. Each goes to
    people of its own, half of the mails at a time and in turn: mailing, campaign,
    campaign, mailing. A few mails of both go before, and do not count.

    ``BENCH_MAILS`` makes it smaller, for a machine that has other work to do.
    """

    name = "mail"
    is_long = True
    runs = 1
    mail_count = int(os.environ.get("BENCH_MAILS", "5000"))
    warm_up = (("mailing", 100), ("campaign", 100))

    def __init__(self):
        half = self.mail_count // 2
        kinds = ("mailing", "campaign", "campaign", "mailing")
        self.turns = (*self.warm_up, *((kind, half) for kind in kinds))

    @property
    def title(self):
        return f"{self.mail_count:,} mails of a campaign's step, and of a mailing"

    def prepare(self, env):
        env["crm.campaign"].search([("state", "=", "running")]).action_stop()
        env["crm.segment"].search([]).active = False
        env["ir.mail_server"].search([]).active = False
        env["mail.mail"].search([("state", "=", "outgoing")]).state = "cancel"
        env.flush_all()
        self.ids = [
            getattr(self, f"_create_{what}")(env, number, count)
            for number, (what, count) in enumerate(self.turns)
        ]
        # the policy, segments and scores are other benches'
        env.cr.precommit.clear()

    def _create_leads(self, env, number, count):
        env.cr.execute(
            """
            INSERT INTO crm_lead (name, type, active, priority, email_from,
                                  email_normalized, won_status, company_id,
                                  create_date, write_date)
            SELECT 'Bench ' || n, 'lead', TRUE, '0',
                   'p' || n || '@bench' || %(number)s || '.example',
                   'p' || n || '@bench' || %(number)s || '.example',
                   'pending', %(company)s,
                   now() AT TIME ZONE 'UTC', now() AT TIME ZONE 'UTC'
              FROM generate_series(1, %(count)s) n
         RETURNING id
            """,
            {
                "count": count,
                "company": env.company.id,
                "number": number,
            },
        )
        return [row[0] for row in env.cr.fetchall()]

    def _create_mailing(self, env, number, count):
        lead_ids = self._create_leads(env, number, count)
        mailing = env["mailing.mailing"].create(
            {
                "subject": f"Autumn {number}",
                "mailing_model_id": env["ir.model"]._get_id("crm.lead"),
                "mailing_domain": repr([("id", "in", lead_ids)]),
                "body_arch": BODY,
                "body_html": BODY,
                "email_from": "Bench <bench@house.example>",
                "user_id": env.ref("base.user_admin").id,
            }
        )
        return mailing.id

    def _create_campaign(self, env, number, count):
        segment = env["crm.segment"].create(
            {
                "name": f"Bench {number}",
                "domain": "[('id', '=', 0)]",
                "company_id": False,
            }
        )
        env.flush_all()
        env.cr.execute(
            """
            INSERT INTO crm_segment_member (segment_id, res_model, res_id, lead_id,
                                            date_joined)
            SELECT %s, 'crm.lead', id, id, now() AT TIME ZONE 'UTC'
              FROM unnest(%s) id
            """,
            [segment.id, self._create_leads(env, number, count)],
        )
        campaign = env["crm.campaign"].create(
            {
                "name": f"Bench {number}",
                "segment_id": segment.id,
                "email_from": "Bench <bench@house.example>",
                "user_id": env.ref("base.user_admin").id,
            }
        )
        env["crm.campaign.step"].create(
            {
                "campaign_id": campaign.id,
                "name": "Mail",
                "kind": "mail",
                "subject": f"Autumn {number}",
                "body": BODY,
            }
        )
        return campaign.id

    def cases(self):
        cases = []
        for number, (what, count) in enumerate(self.turns):
            label = f"{what}, {number - 1}"
            if number < len(self.warm_up):
                label = f"{what}, warming up"
            cases.append((label, self._set_up(what, number), self._work(what, count)))
        return cases

    def _set_up(self, what, number):
        def set_up(env):
            self.sink = MailSink()
            with env.registry.cursor() as cr:
                own = env(cr=cr)
                if what == "mailing":
                    own["mailing.mailing"].browse(
                        self.ids[number]
                    ).action_put_in_queue()
                else:
                    own["crm.campaign"].browse(self.ids[number]).action_start()

        return set_up

    def _work(self, what, count):
        def work(env):
            from odoo.tools import config

            config["smtp_server"], config["smtp_port"] = "127.0.0.1", self.sink.port
            with closing(self.sink), env.registry.cursor() as cr:
                getattr(self, f"_send_{what}")(env(cr=cr), count)
                taken = self.sink.count()
            assert taken == count, taken
            return taken

        return work

    def _send_mailing(self, env, count):
        env["mailing.mailing"]._process_mass_mailing_queue()
        env.cr.commit()
        outgoing = [("state", "=", "outgoing")]
        for _round in range(count):
            if not env["mail.mail"].search_count(outgoing, limit=1):
                break
            env["mail.mail"].process_email_queue()
            env.cr.commit()

    def _send_campaign(self, env, count):
        todo = [("state", "in", ("planned", "reserved", "sending"))]
        for _round in range(count):
            if not env["crm.campaign.task"].search_count(todo, limit=1):
                break
            env["crm.campaign.task"]._cron_run()
            env.cr.commit()

    def conclude(self, figures):
        seconds = dict.fromkeys(("mailing", "campaign"), 0)
        queries, mails = dict(seconds), dict(seconds)
        skipped = len(self.warm_up)
        for (what, count), figure in zip(
            self.turns[skipped:], figures[skipped:], strict=True
        ):
            seconds[what] += figure.median
            queries[what] += figure.queries
            mails[what] += count
        ratio = seconds["campaign"] / seconds["mailing"]
        per_mail = {what: queries[what] / mails[what] for what in queries}
        yield f"time of the campaign / time of the mailing: {ratio:.2f}"
        yield (
            f"queries per participant: {per_mail['campaign']:.1f}, of the mailing per "
            f"recipient: {per_mail['mailing']:.1f}"
        )
