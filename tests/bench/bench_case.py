import os
from datetime import timedelta

from tests.bench.runner import Bench

MAIL = """\
Return-Path: <{sender}>
To: {to}
Message-ID: <{message_id}>
{headers}Date: Mon, 02 Mar 2026 09:00:00 +0000
From: {name} <{sender}>
Subject: {subject}
MIME-Version: 1.0
Content-Type: text/plain; charset=utf-8

Hello, the grinder does not start: there is a click, and then nothing.

> On Sunday you wrote that it works again.
"""
DOMAIN = "bench-house.example"
BATCH = 100  # cases of one ``create``, as an import or an API makes them


def size(variable, default):
    """How many, for a machine that has other work to do."""
    return int(os.environ.get(variable, default))


def prepare_house(env):
    """A team of cases and a sales team, each with an address of its own."""
    domain = env["mail.alias.domain"].search([("name", "=", DOMAIN)])
    if not domain:
        domain = env["mail.alias.domain"].create({"name": DOMAIN})
        env["res.company"].search([]).alias_domain_id = domain
    team = env["crm.case.team"].create(
        {"name": "Bench", "alias_name": "bench-help", "alias_domain_id": domain.id}
    )
    leads = env["crm.team"].create(
        {
            "name": "Bench",
            "alias_name": "bench-sales",
            "alias_domain_id": domain.id,
            "use_leads": True,
        }
    )
    return team, leads


class CaseMailBench(Bench):
    """Mails taken in by the gateway, to a team of cases and to a sales team.

    Each is committed alone, as when mail is fetched: with clocks, touchpoints and, for
    cases, the acknowledgement, whose mails are queued in batches. Both take turns, so
    that both meet the same machine. ``BENCH_CASE_MAILS`` is how many of each.
    """

    name = "case_mail"
    runs = 3
    mail_count = size("BENCH_CASE_MAILS", 500)

    @property
    def title(self):
        return f"{self.mail_count:,} mails of new senders and as many replies"

    def prepare(self, env):
        prepare_house(env)
        env["ir.mail_server"].search([]).active = False
        for kind in ("help", "sales"):
            self._receive(env, kind, "old", range(self.mail_count))
        env["crm.case"].search([("is_ack_due", "=", True)])._acknowledge()

    def _receive(self, env, kind, label, numbers, is_reply=False):
        gateway = env["mail.thread"].sudo()
        for number in numbers:
            opening = f"old-{kind}-{number}@bench-customer.example"
            message_id = f"{label}-{kind}-{number}@bench-customer.example"
            sender = f"{'old' if is_reply else label}-{kind}-{number}"
            gateway.message_process(
                None,
                MAIL.format(
                    to=f"bench-{kind}@{DOMAIN}",
                    sender=f"{sender}@bench-customer.example",
                    name=f"Ida {number}",
                    message_id=message_id,
                    subject=f"{'Re: ' if is_reply else ''}Grinder {number}",
                    headers=f"In-Reply-To: <{opening}>\n" if is_reply else "",
                ),
            )
            # what a commit does before it commits
            env.cr.flush()

    def cases(self):
        return [
            ("cases, new senders", None, lambda env: self._new(env, "help")),
            ("leads, new senders", None, lambda env: self._new(env, "sales")),
            ("cases, replies", None, lambda env: self._replies(env, "help")),
            ("leads, replies", None, lambda env: self._replies(env, "sales")),
        ]

    def _new(self, env, kind):
        model = "crm.case" if kind == "help" else "crm.lead"
        before = env[model].search_count([])
        self._receive(env, kind, "new", range(self.mail_count))
        if kind == "help":
            cases = env["crm.case"].search([("is_ack_due", "=", True)])
            assert len(cases._acknowledge()) == self.mail_count
        assert env[model].search_count([]) - before == self.mail_count
        return self.mail_count

    def _replies(self, env, kind):
        model = "crm.case" if kind == "help" else "crm.lead"
        before = env[model].search_count([])
        self._receive(env, kind, "reply", range(self.mail_count), is_reply=True)
        assert env[model].search_count([]) == before
        return self.mail_count

    def conclude(self, figures):
        for what, ours, theirs in (
            ("new senders", figures[0], figures[1]),
            ("replies", figures[2], figures[3]),
        ):
            yield (
                f"{what}: {ours.rate / theirs.rate:.2f} x the leads' mails per second,"
                f" {ours.queries / ours.rows:.1f} queries a mail against"
                f" {theirs.queries / theirs.rows:.1f}"
            )


class CaseCreateBench(Bench):
    """Cases created in batches, each with its clocks, number, history and touchpoint;
    beside them leads of the same contacts, with their clock and touchpoint.

    ``BENCH_CASES`` is how many.
    """

    name = "case_create"
    runs = 3
    case_count = size("BENCH_CASES", 2_000)
    peer_title = "crm.lead.create of as many leads in the same batches"

    @property
    def title(self):
        return f"{self.case_count:,} cases with clocks, {BATCH} at a time"

    def prepare(self, env):
        team, leads = prepare_house(env)
        self.team_id, self.lead_team_id = team.id, leads.id
        self.partner_ids = (
            env["res.partner"]
            .create(
                [
                    {"name": f"Bench {n}", "email": f"c{n}@bench-customer.example"}
                    for n in range(self.case_count)
                ]
            )
            .ids
        )

    def _create(self, env, model, **values):
        for start in range(0, self.case_count, BATCH):
            env[model].create(
                [
                    {"name": f"Grinder {id_}", "partner_id": id_, **values}
                    for id_ in self.partner_ids[start : start + BATCH]
                ]
            )
            env.cr.flush()
        return self.case_count

    def run(self, env):
        return self._create(env, "crm.case", team_id=self.team_id)

    def run_peer(self, env):
        return self._create(
            env, "crm.lead", team_id=self.lead_team_id, type="lead", user_id=False
        )


class CaseMoveBench(CaseCreateBench):
    """Cases moved from one stage to the next, all their notes, clocks and history with
    them; beside them opportunities."""

    name = "case_move"
    peer_title = "as many opportunities moved through a stage"

    @property
    def title(self):
        return f"{self.case_count:,} cases through a stage, {BATCH} at a time"

    def prepare(self, env):
        super().prepare(env)
        super().run(env)
        self._create(env, "crm.lead", team_id=self.lead_team_id, type="opportunity")

    def _move(self, env, model, domain, stages):
        records = env[model].search(domain, order="id")
        assert len(records) == self.case_count
        for start in range(0, self.case_count, BATCH):
            for stage in stages:
                records[start : start + BATCH].stage_id = stage
                env.cr.flush()
        return self.case_count

    def cases(self):
        def stage(name):
            return f"crm_helpdesk.crm_case_stage_{name}"

        def work(name):
            return lambda env: self._move(
                env,
                "crm.case",
                [("team_id", "=", self.team_id)],
                env.ref(stage(name)),
            )

        return [
            ("into the next stage", None, work("in_progress")),
            ("into waiting: clocks pause", None, work("waiting_customer")),
            ("solved: clocks stop", None, work("solved")),
        ]

    def run_peer(self, env):
        stage = env["crm.stage"].search([("is_won", "=", False)], order="sequence")[1]
        return self._move(env, "crm.lead", [("team_id", "=", self.lead_team_id)], stage)


class CaseReplanBench(CaseCreateBench):
    """The clocks of all cases planned again, as when a policy or the hours change.

    ``BENCH_CLOCKS`` is how many clocks: two a case, a few of them with a pause.
    """

    name = "case_replan"
    clock_count = size("BENCH_CLOCKS", 20_000)
    case_count = clock_count // 2
    peer_title = None

    @property
    def title(self):
        return f"{self.clock_count:,} running clocks planned again"

    def prepare(self, env):
        super().prepare(env)
        super().run(env)
        cases = self._get_cases(env)
        some = cases[: self.case_count // 10]
        now = env.cr.now().replace(microsecond=0)
        some._sla_pause("bench", date=now)
        some._sla_resume(date=now + timedelta(hours=3))

    def _get_cases(self, env):
        return env["crm.case"].search([("team_id", "=", self.team_id)], order="id")

    def cases(self):
        return [
            ("nothing changes", None, self.run),
            ("all are due later", self._change_target, self.run),
        ]

    def _change_target(self, env):
        targets = env["crm.sla.policy"].search([("res_model", "=", "crm.case")])
        for target in targets.target_ids:
            target.hours += 1

    def run(self, env):
        cases = self._get_cases(env)
        cases._sla_replan("bench")
        return env["crm.sla.clock"].search_count(
            [
                ("res_model", "=", "crm.case"),
                ("res_id", "in", cases.ids),
                ("date_stop", "=", False),
            ]
        )


class CaseBoardBench(Bench):
    """The board opened, as the client does: the columns with their first cards.

    Half of the cases are open, in four stages. The peer's board has as many
    opportunities in its stages. ``BENCH_BOARD`` is how many.
    """

    name = "case_board"
    runs = 5
    row_count = size("BENCH_BOARD", 100_000)
    peer_title = "the board of as many opportunities"

    @property
    def title(self):
        return f"board of {self.row_count:,} cases opened"

    def prepare(self, env):
        from odoo.tools import SQL

        team, leads = prepare_house(env)
        self.team_id, self.lead_team_id = team.id, leads.id
        partners = env["res.partner"].create(
            [{"name": f"Bench {n}"} for n in range(1_000)]
        )
        self._fill(
            env,
            env["crm.case"].create({"name": "Grinder", "team_id": team.id}),
            env["crm.case.stage"].search([("team_ids", "=", False)]),
            partners,
            # opened over the last years, due soon where they are open
            date_opened=SQL("now() - n * interval '11 minutes'"),
            sla_due=SQL("now() + (n %% 500 - 250) * interval '1 hour'"),
            number=SQL("'BENCH' || n"),
        )
        env.cr.execute(
            """UPDATE crm_case SET stage_category = s.category,
                      sla_due = CASE WHEN s.category NOT IN ('solved', 'closed')
                                     THEN sla_due END
                 FROM crm_case_stage s WHERE s.id = stage_id AND team_id = %s""",
            [team.id],
        )
        self._fill(
            env,
            env["crm.lead"].create(
                {"name": "Grinder", "team_id": leads.id, "type": "opportunity"}
            ),
            env["crm.stage"].search([("team_ids", "=", False)]),
            partners,
        )

    def _fill(self, env, record, stages, partners, **columns):
        """Copies of ``record`` by SQL, over stages and partners."""
        from odoo.tools import SQL

        env.flush_all()
        names = env.execute_query(
            SQL(
                """SELECT column_name FROM information_schema.columns
                    WHERE table_name = %s AND column_name <> 'id'""",
                record._table,
            )
        )
        values = {name: SQL.identifier("r", name) for (name,) in names}
        values |= {
            name: SQL("(%s)[1 + n %% %s]", list(ids), len(ids))
            for name, ids in (("stage_id", stages.ids), ("partner_id", partners.ids))
        }
        values |= columns
        env.cr.execute(
            SQL(
                """INSERT INTO %(table)s (%(names)s) SELECT %(values)s
                     FROM %(table)s AS r, generate_series(2, %(count)s) AS n
                    WHERE r.id = %(id)s""",
                table=SQL.identifier(record._table),
                names=SQL(", ").join(map(SQL.identifier, values)),
                values=SQL(", ").join(values.values()),
                count=self.row_count,
                id=record.id,
            )
        )
        env.invalidate_all()

    def _open(self, env, model, domain, specification):
        env.invalidate_all()
        result = env[model].web_read_group(
            domain,
            ["stage_id"],
            ["__count"],
            auto_unfold=True,
            unfold_read_specification=specification,
            unfold_read_default_limit=80,
        )
        cards = sum(len(group.get("__records", ())) for group in result["groups"])
        assert cards >= 80, cards
        return 1

    def _specification(self, env, model, view):
        """The fields that the board's cards show, read as the client reads them."""
        views = env[model].get_views([(env.ref(view).id, "kanban")])
        return {
            name: {"fields": {"display_name": {}}}
            if field["type"] in ("many2one", "many2many", "one2many")
            else {}
            for name, field in views["models"][model]["fields"].items()
        }

    def cases(self):
        def board(env, domain=()):
            return self._open(
                env,
                "crm.case",
                [("team_id", "=", self.team_id), *domain],
                self._specification(
                    env, "crm.case", "crm_helpdesk.crm_case_view_kanban"
                ),
            )

        open_only = [("stage_category", "not in", ("solved", "closed"))]
        return [
            ("all cases", None, board),
            ("open ones", None, lambda env: board(env, open_only)),
        ]

    def run_peer(self, env):
        return self._open(
            env,
            "crm.lead",
            [("team_id", "=", self.lead_team_id), ("type", "=", "opportunity")],
            self._specification(env, "crm.lead", "crm.crm_case_kanban_view_leads"),
        )
