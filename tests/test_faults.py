"""Two Odoo servers on one database send over 5,000 mails of two campaigns through a
real SMTP server, while everything goes wrong that can.

The tests are in order: each is one kind of fault, in the middle of the work; the last
one counts what has arrived. Where a worker is killed is decided by a lock on the table
that it writes next: it stops right there, and dies there.
"""

import os
import signal
import threading
import time
from collections import Counter
from contextlib import suppress

import psutil
import psycopg2
import pytest
import requests
from harness import MailSink, OdooServer, PrivatePostgres, settings, wait_for
from harness.company import Company

# fewer, for a machine that has other work to do
LEADS = int(os.environ.get("FAULT_LEADS", "2500"))
CONTACTS = 150
REFUSED = 12
FIRST, SECOND, OTHER = "First mail", "Second mail", "The other second mail"
OPEN_STATES = ("planned", "reserved", "sending")
CRONS = (
    ("crm_campaigns", "ir_cron_run_campaigns"),
    ("mail", "ir_cron_mail_scheduler_action"),
)
SHIFTS = (
    """
    UPDATE crm_campaign_task
       SET date_planned = date_planned - %(by)s::interval,
           date_reserved = date_reserved - %(by)s::interval,
           date_done = date_done - %(by)s::interval
    """,
    """
    UPDATE crm_campaign_participant
       SET date_entered = date_entered - %(by)s::interval,
           date_left = date_left - %(by)s::interval
    """,
    """
    UPDATE crm_campaign_delivery
       SET date_reserved = date_reserved - %(by)s::interval
    """,
    "UPDATE ir_cron_trigger SET call_at = call_at - %(by)s::interval",
)
# whose connections end meanwhile, and what the SMTP server says
EXPECTED = (
    r"connection|OperationalError|InterfaceError|could not serialize",
    r"no such mailbox",
    r"try later",
)


class Faults:
    def __init__(self, postgres, sink, servers):
        self.postgres = postgres
        self.sink = sink
        self.servers = servers
        self.server = servers[0]
        self.company = Company(self.server)
        self.deaths = 0
        self.started = time.monotonic()
        self._create_people()
        self._create_campaigns()

    def sql(self, query, parameters=None):
        return self.server.sql(query, parameters)

    # ------------------------------------------------------------
    # The world
    # ------------------------------------------------------------

    def _create_people(self):
        (company_id,) = self.company.admin.context["allowed_company_ids"]
        self.sql(
            """
            INSERT INTO crm_lead (name, type, active, priority, email_from,
                                  email_normalized, won_status, company_id,
                                  create_date, write_date)
            SELECT 'Lead ' || n, 'lead', TRUE, (n %% 2)::text,
                   'p' || n || '@lead.example', 'p' || n || '@lead.example',
                   'pending', %s, now() AT TIME ZONE 'UTC', now() AT TIME ZONE 'UTC'
              FROM generate_series(1, %s) n
            """,
            [company_id, LEADS],
        )
        self.sql(
            """
            INSERT INTO res_partner (name, complete_name, is_company, active, type,
                                     autopost_bills, email, email_normalized,
                                     create_date, write_date)
            SELECT 'Contact ' || n, 'Contact ' || n, TRUE, TRUE, 'contact', 'ask',
                   'p' || n || '@contact.example', 'p' || n || '@contact.example',
                   now() AT TIME ZONE 'UTC', now() AT TIME ZONE 'UTC'
              FROM generate_series(1, %s) n
            """,
            [CONTACTS],
        )
        self.sql(
            "UPDATE res_partner SET commercial_partner_id = id"
            " WHERE email LIKE '%@contact.example'"
        )
        self.refused = [f"p{n}@lead.example" for n in range(100, 100 + REFUSED)]
        self.put_off = [f"p{n}@lead.example" for n in range(200, 200 + REFUSED)]
        for address in self.refused:
            self.sink.refuse(address)
        for address in self.put_off:
            self.sink.refuse(address, "450 4.2.0 try later")

    def _create_campaigns(self):
        marketer = self.company.marketer
        self.campaign_ids = []
        for target, domain in (
            ("crm.lead", "[('email_from', 'ilike', '@lead.example')]"),
            ("res.partner", "[('email', 'ilike', '@contact.example')]"),
        ):
            segment_id = marketer.create(
                "crm.segment", {"name": target, "target": target, "domain": domain}
            )
            marketer.press("crm.segment", segment_id, "action_refresh")
            self.campaign_ids.append(
                marketer.create(
                    "crm.campaign", {"name": target, "segment_id": segment_id}
                )
            )
        leads, contacts = self.campaign_ids
        first = self._add_mail(leads, FIRST)
        update = self._add_step(
            leads,
            "update",
            "Note",
            parent_id=first,
            value_ids=[
                (
                    0,
                    0,
                    {
                        "field_id": self.sql(
                            "SELECT id FROM ir_model_fields"
                            " WHERE model = 'crm.lead' AND name = 'referred'"
                        )[0][0],
                        "value": "has got the first mail",
                    },
                )
            ],
        )
        which = self._add_step(
            leads,
            "condition",
            "Which",
            parent_id=update,
            condition="[('priority', '=', '1')]",
        )
        self._add_mail(leads, SECOND, parent_id=which, branch="yes")
        self._add_mail(leads, OTHER, parent_id=which, branch="no")
        first = self._add_mail(contacts, FIRST)
        wait = self._add_step(
            contacts, "wait", "Wait", parent_id=first, delay_count=2, delay_unit="days"
        )
        self._add_mail(contacts, SECOND, parent_id=wait)

    def _add_step(self, campaign_id, kind, name, **values):
        return self.company.marketer.create(
            "crm.campaign.step",
            {"campaign_id": campaign_id, "kind": kind, "name": name, **values},
        )

    def _add_mail(self, campaign_id, subject, **values):
        body = f"<p>{subject}: Hello <t t-out='object.name'/></p>"
        return self._add_step(
            campaign_id, "mail", subject, subject=subject, body=body, **values
        )

    # ------------------------------------------------------------
    # Time passes
    # ------------------------------------------------------------

    def nudge(self):
        """Both jobs are to run, and every worker hears of it."""
        self.sql(
            """
            INSERT INTO ir_cron_trigger (cron_id, call_at)
            SELECT res_id, date_trunc('second', now() AT TIME ZONE 'UTC')
              FROM ir_model_data
             WHERE model = 'ir.cron' AND (module, name) IN %s
               AND NOT EXISTS (
                   SELECT FROM ir_cron_trigger t
                    WHERE t.cron_id = res_id
                      AND t.call_at <= now() AT TIME ZONE 'UTC')
            """,
            [CRONS],
        )
        self.server.notify_cron()

    def wait_for(self, what, condition, timeout=120):
        def look():
            with suppress(psutil.Error):
                value = condition()
                if value:
                    return value
            self.nudge()
            return False

        return wait_for(what, look, timeout=timeout, every=0.3)

    def pass_time(self, interval):
        """What was planned, begun and done lies so much farther back."""
        for statement in SHIFTS:
            while True:
                # workers write the same rows, in their own order
                with suppress(psycopg2.errors.DeadlockDetected):
                    self.sql(statement, {"by": interval})
                    break

    def received(self):
        """``{(address, subject): number of mails}``"""
        return Counter(
            (mail.recipient, mail.subject) for mail in list(self.sink.received)
        )

    def count_tasks(self, states):
        [(count,)] = self.sql(
            "SELECT count(*) FROM crm_campaign_task"
            " WHERE state IN %s AND date_planned <= now() AT TIME ZONE 'UTC'",
            [tuple(states)],
        )
        return count

    def finish(self):
        """All that is due is done."""
        self.wait_for(
            "all that is due", lambda: not self.count_tasks(OPEN_STATES), timeout=300
        )

    def report(self, received, states):
        """For people to read, beside the logs."""
        seconds = time.monotonic() - self.started
        (settings.artefacts / "faults.txt").write_text(
            f"{sum(received.values()):,} mails in the sink, {self.deaths} processes "
            f"killed, {seconds:.0f} s; tasks of mails: {dict(states)}\n",
            encoding="utf-8",
        )

    # ------------------------------------------------------------
    # Somebody dies
    # ------------------------------------------------------------

    def workers(self):
        return {
            process.pid
            for server in self.servers
            for process in server.cron_processes()
        }

    def kill(self, pids):
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
                self.deaths += 1

    def kill_where(self, table):
        """SIGKILL the next worker that is about to write to a table."""
        with self.postgres.lock(self.server.database, table) as waiters:
            pids = self.wait_for(
                f"worker that writes {table}",
                lambda: self.workers() & set(waiters.find()),
            )
            self.kill(pids)

    def kill_when_sending(self, at, nth=5):
        hold = self.sink.hold("example", nth=nth, at=at)
        self.wait_for(f"a mail at {at}", hold.reached.is_set)
        self.kill(self.workers())
        assert hold.gone.wait(10), "the SMTP server has lost its client"


@pytest.fixture(scope="module")
def faults():
    with (
        MailSink() as sink,
        PrivatePostgres(settings.template) as postgres,
        OdooServer("faults", smtp_port=sink.port, expected=EXPECTED) as first,
        OdooServer(
            "faults-beside", smtp_port=sink.port, beside=first, expected=EXPECTED
        ) as second,
    ):
        yield Faults(postgres, sink, [first, second])


def test_killed_while_people_enter(faults):
    """Participants without a task would be lost: both are one commit."""
    leads, contacts = faults.campaign_ids

    def start():
        with suppress(requests.RequestException, ValueError):
            faults.company.marketer.press("crm.campaign", leads, "action_start")

    request = threading.Thread(target=start)
    with faults.postgres.lock(faults.server.database, "crm_campaign_task") as waiters:
        request.start()
        pids = wait_for("web worker that plans tasks", waiters.find, timeout=60)
        faults.kill(pids)
    request.join()

    assert faults.sql("SELECT count(*) FROM crm_campaign_participant") == [(0,)]

    def restart():
        with suppress(requests.RequestException, ValueError):
            return not faults.company.marketer.press(
                "crm.campaign", [leads, contacts], "action_start"
            )

    wait_for("another web worker", restart, timeout=60)
    assert faults.sql(
        "SELECT count(*), count(DISTINCT participant_id) FROM crm_campaign_task"
    ) == [(LEADS + CONTACTS, LEADS + CONTACTS)]


@pytest.mark.parametrize(
    "table",
    [
        "crm_campaign_task",  # reserving
        "mail_mail",  # reserved, before the mails are composed
        "mailing_mailing",  # composed, before that is committed
        "crm_campaign_delivery",  # before a mail goes on record
        "mailing_trace",  # the server has the mail, or traces are made
        "crm_campaign_participant",  # settled and planned what follows
    ],
)
def test_worker_killed_where_it_writes(faults, table):
    faults.kill_where(table)


def test_worker_killed_before_a_mail_is_handed_over(faults):
    faults.kill_when_sending("RCPT")


def test_worker_killed_while_the_mail_server_takes_a_mail(faults):
    faults.kill_when_sending("DATA")


def test_worker_killed_at_the_update(faults):
    faults.kill_where("crm_lead")


def test_records_are_deleted_and_archived(faults):
    faults.sql("UPDATE crm_lead SET active = FALSE WHERE email_from LIKE 'p24_1@%'")
    faults.company.manager.write(
        "res.partner",
        faults.company.manager.search(
            "res.partner", [("email", "=like", "p1_@contact.example")]
        ),
        {"active": False},
    )
    ids = faults.company.admin.search(
        "crm.lead", [("email_from", "=like", "p23_2@lead.example")]
    )
    assert ids
    faults.company.admin.call("crm.lead", "unlink", ids)


def test_database_crashes(faults):
    before = len(faults.sink.received)
    faults.wait_for("mails", lambda: len(faults.sink.received) > before + 50)

    faults.postgres.crash(seconds=2)

    before = len(faults.sink.received)
    faults.wait_for("mails after it", lambda: len(faults.sink.received) > before + 50)


def test_clock_is_set_back_and_ahead(faults):
    """What lies an hour ahead all at once waits; then it is done, once."""
    faults.pass_time("-1 hour")
    time.sleep(2)
    faults.pass_time("1 hour")


def test_one_of_the_servers_loses_power(faults):
    before = len(faults.sink.received)
    faults.wait_for("mails", lambda: len(faults.sink.received) > before + 50)

    faults.servers[1].kill()
    faults.deaths += 1

    before = len(faults.sink.received)
    faults.wait_for("the other goes on", lambda: len(faults.sink.received) > before)
    faults.servers[1].start()


def test_workers_killed_again_and_again(faults):
    for _time in range(6):
        before = len(faults.sink.received)
        with suppress(AssertionError):
            faults.wait_for(
                "mails",
                lambda b=before: len(faults.sink.received) > b + 150,
                timeout=20,
            )
        faults.kill(list(faults.workers())[:1])


def test_refused_for_now_goes_out_later(faults):
    faults.finish()
    for address in faults.put_off:
        assert not faults.sink.to(address)
        faults.sink.accept(address)

    faults.pass_time("6 minutes")
    faults.finish()

    assert {len(faults.sink.to(address, FIRST)) for address in faults.put_off} == {1}


def test_days_go_by(faults):
    faults.pass_time("3 days")
    faults.finish()


def test_each_mail_has_arrived_once(faults):
    tasks = faults.sql(
        """
        SELECT p.email, s.name, k.state, COALESCE(k.reason, '')
          FROM crm_campaign_task k
          JOIN crm_campaign_participant p ON p.id = k.participant_id
          JOIN crm_campaign_step s ON s.id = k.step_id AND s.kind = 'mail'
        """
    )
    received = faults.received()
    states = Counter(state for _email, _name, state, _reason in tasks)
    faults.report(received, states)

    assert sum(received.values()) >= 2 * LEADS
    assert set(received.values()) == {1}, "none twice"
    lost = [
        (email, name, state, reason)
        for email, name, state, reason in tasks
        if state == "done" and not received[email, name]
    ]
    assert not lost, "none is lost that counts as sent"
    assert set(received) <= {(email, name) for email, name, *_rest in tasks}
    not_sent = {
        (email, name): (state, reason)
        for email, name, state, reason in tasks
        if not received[email, name]
    }
    assert all(
        state in ("failed", "skipped", "unknown") and reason
        for state, reason in not_sent.values()
    ), "who got none is listed, with the reason"
    assert {
        email
        for (email, _name), (_state, reason) in not_sent.items()
        if "550" in reason
    } == set(faults.refused)
    unknown = sum(state == "unknown" for _email, _name, state, _reason in tasks)
    assert unknown <= faults.deaths + 2, "at most one for each death"


def test_each_journey_has_ended(faults):
    assert faults.sql(
        "SELECT count(*) FROM crm_campaign_participant WHERE state = 'running'"
    ) == [(0,)]
    reasons = Counter(
        faults.sql(
            "SELECT state, exit_reason FROM crm_campaign_participant"
            " WHERE state <> 'done'"
        )
    )
    assert set(reasons) <= {
        ("exited", "deleted"),
        ("exited", "archived"),
        ("failed", None),
    }
    # after the refused one, each has all steps of the way that was theirs
    [(odd,)] = faults.sql(
        """
        SELECT count(*)
          FROM crm_campaign_participant p
         WHERE p.state = 'done' AND p.res_model = 'crm.lead'
           AND (SELECT count(*) FROM crm_campaign_task k
                 WHERE k.participant_id = p.id
                   AND k.state IN ('done', 'unknown')) <> 4
        """
    )
    assert not odd
    assert faults.sql(
        """
        SELECT count(*) FROM crm_lead l
          JOIN crm_campaign_participant p ON p.lead_id = l.id
         WHERE p.state = 'done'
           AND l.referred IS DISTINCT FROM 'has got the first mail'
        """
    ) == [(0,)]
