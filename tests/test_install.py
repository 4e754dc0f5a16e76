"""Each addon installs alone, upgrades, and leaves Odoo as it was when it goes."""

import re
import subprocess

import pytest
from harness import Browser, MailSink, OdooServer, Person
from harness.database import psql
from harness.server import loud_records

ADDONS = ("crm_plus", "crm_campaigns", "crm_helpdesk")
# What an addon must not name: its siblings, and the models that belong to them.
# utm.campaign and campaign_id are Odoo's, and so is crm_case_tree_view_leads.
CAMPAIGN = r"crm[._]campaign([._](step|task|participant|delivery)\w*)?"
CASE = r"crm[._]case([._](team|stage|tag)\w*)?"
FOREIGN_NAMES = {
    "crm_plus": rf"crm_campaigns|crm_helpdesk|{CAMPAIGN}|{CASE}",
    "crm_campaigns": rf"crm_helpdesk|helpdesk|{CASE}",
    "crm_helpdesk": rf"crm_campaigns|{CAMPAIGN}",
}
# What people leave behind, made in a shell.
WORK = """
ida = env["res.partner"].create({"name": "Ida", "email": "ida@kaffee.example"})
lead = env["crm.lead"].create(
    {"name": "Espresso", "type": "opportunity", "partner_id": ida.id, "user_id": 2}
)
segment = env["crm.segment"].create({"name": "Leads", "target": "crm.lead"})
segment.action_refresh()
assert segment.member_count
case = env["crm.case"].create({"name": "It leaks", "partner_id": ida.id})
case.message_post(body="Tighten", message_type="comment", subtype_xmlid="mail.mt_note")
case.activity_schedule("mail.mail_activity_data_todo", user_id=2)
env["ir.attachment"].create(
    {"name": "photo", "raw": b"x", "res_model": "crm.case", "res_id": case.id}
)
case.action_close()
campaign = env["crm.campaign"].create({"name": "News", "segment_id": segment.id})
env["crm.campaign.step"].create(
    {"campaign_id": campaign.id, "name": "Mail", "kind": "mail", "subject": "News",
     "body": "<p>News</p>"}
)
campaign.action_start()
assert campaign.participant_count
env["crm.touchpoint"]._harvest()
assert env["crm.touchpoint"].search_count([("partner_id", "=", ida.id)]) >= 3
env.cr.commit()
"""
# Rows about what is Odoo's own: the lead, its contact and the mailing stay.
OWN_WORK = ("partners", "messages", "followers", "utm sources", "utm campaigns")
CODE = {".json", ".py", ".xml", ".js", ".csv", ".scss", ".sql"}
# What a database holds: each query names it in one row. Not counted are the modules on
# the addons path, and what Odoo leaves of any module that it uninstalls (sale_crm as
# well): names that other modules gave to what is gone, and notes on foreign keys that
# are gone.
CONTENTS = {
    "tables": """
        SELECT table_type, table_name FROM information_schema.tables
         WHERE table_schema = 'public'""",
    "columns": """
        SELECT table_name, column_name, data_type, is_nullable, column_default
          FROM information_schema.columns WHERE table_schema = 'public'""",
    "constraints": """
        SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid)
          FROM pg_constraint WHERE connamespace = 'public'::regnamespace""",
    "indexes": """
        SELECT tablename, indexname, indexdef FROM pg_indexes
         WHERE schemaname = 'public'""",
    "database sequences": """
        SELECT sequencename FROM pg_sequences WHERE schemaname = 'public'""",
    "triggers": """
        SELECT tgrelid::regclass::text, tgname FROM pg_trigger
         WHERE NOT tgisinternal""",
    "functions": """
        SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace""",
    "names": """
        SELECT module, name, model FROM ir_model_data
         WHERE model <> 'ir.module.module'
           AND (model <> 'ir.model.inherit'
                OR res_id IN (SELECT id FROM ir_model_inherit))
           AND (model <> 'ir.model.fields.selection'
                OR res_id IN (SELECT id FROM ir_model_fields_selection))""",
    "models": "SELECT model FROM ir_model",
    "fields": "SELECT model, name, ttype, store FROM ir_model_fields",
    "selections": """
        SELECT f.model, f.name, s.value FROM ir_model_fields_selection s
          JOIN ir_model_fields f ON f.id = s.field_id""",
    "model constraints": """
        SELECT c.name, c.type, m.name FROM ir_model_constraint c
          JOIN ir_module_module m ON m.id = c.module
         WHERE c.type <> 'f'
            OR c.name IN (SELECT conname FROM pg_constraint)""",
    "relations": "SELECT name FROM ir_model_relation",
    "inheritance": """
        SELECT m.model, p.model FROM ir_model_inherit i
          JOIN ir_model m ON m.id = i.model_id JOIN ir_model p ON p.id = i.parent_id""",
    "jobs": "SELECT cron_name, active, interval_number, interval_type FROM ir_cron",
    "server actions": "SELECT name::text, state, code FROM ir_act_server",
    "window actions": "SELECT name::text, res_model, domain FROM ir_act_window",
    "client actions": "SELECT name::text, tag FROM ir_act_client",
    "reports": "SELECT name::text, report_name FROM ir_act_report_xml",
    "actions": "SELECT id, type FROM ir_actions",
    "menus": "SELECT id, name::text, parent_path, active FROM ir_ui_menu",
    "views": "SELECT id, name, active, md5(arch_db::text) FROM ir_ui_view",
    "assets": "SELECT bundle, path FROM ir_asset",
    "parameters": """
        SELECT key FROM ir_config_parameter
         WHERE key NOT IN ('base.default_max_email_size')""",
    "groups": "SELECT id, name::text, privilege_id FROM res_groups",
    "privileges": "SELECT id, name::text FROM res_groups_privilege",
    "module categories": "SELECT id, name::text FROM ir_module_category",
    "implied groups": "SELECT gid, hid FROM res_groups_implied_rel",
    "members of groups": "SELECT gid, uid FROM res_groups_users_rel",
    "access rights": "SELECT id, name FROM ir_model_access",
    "rules": "SELECT id, name, domain_force FROM ir_rule",
    "mail templates": "SELECT id, name::text FROM mail_template",
    "aliases": "SELECT id, alias_name FROM mail_alias",
    "sequences": "SELECT id, code FROM ir_sequence",
    "message subtypes": "SELECT id, name::text FROM mail_message_subtype",
    "activity types": "SELECT id, name::text FROM mail_activity_type",
    "defaults": "SELECT field_id, json_value FROM ir_default",
    "filters": "SELECT name::text, model_id FROM ir_filters",
    "utm sources": "SELECT name FROM utm_source",
    "utm mediums": "SELECT name FROM utm_medium",
    "utm campaigns": "SELECT name FROM utm_campaign",
    "partners": "SELECT id, name FROM res_partner",
    "users": "SELECT id, login, active FROM res_users",
    "messages": "SELECT id, model, res_id FROM mail_message",
    "followers": "SELECT res_model, res_id, partner_id FROM mail_followers",
    "attachments": """
        SELECT res_model, res_id, name FROM ir_attachment
         WHERE url IS NULL OR url NOT LIKE '/web/assets/%'""",
    "modules": "SELECT name FROM ir_module_module WHERE state = 'installed'",
}


def contents(database):
    return {what: set(psql(database, query)) for what, query in CONTENTS.items()}


def assert_same(before, after, but=()):
    """Fail with one line for each thing that is there too much or too little.

    :param but: what may differ
    """
    differences = [
        f"{sign} {what}: {row}"
        for what in before.keys() - set(but)
        for sign, rows in (
            ("+", after[what] - before[what]),
            ("-", before[what] - after[what]),
        )
        for row in sorted(rows, key=str)
    ]
    assert not differences, "\n".join(differences)


class Administrator:
    """Installs and uninstalls in one database, by Odoo's commands."""

    def __init__(self, settings, database, folder):
        self.odoo = settings.odoo
        self.database = database
        self.log = folder / "odoo.log"
        self.conf = folder / "odoo.conf"
        self.conf.write_text(
            "[options]\n"
            f"addons_path = {settings.addons_path}\n"
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

    def upgrade(self, addon):
        self._run("-c", self.conf, "--no-http", "--stop-after-init", "-u", addon)

    def uninstall(self, addon):
        self._run("module", "uninstall", "-c", self.conf, addon)

    def shell(self, code):
        self._run("shell", "-c", self.conf, "--no-http", code=code)

    def _run(self, *arguments, code=None):
        self.log.write_text("", encoding="utf-8")
        done = subprocess.run(
            [self.odoo, *map(str, arguments)],
            input=code,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        log = self.log.read_text(encoding="utf-8")
        assert not done.returncode, f"{arguments}: {done.stderr}\n{log}"
        loud = list(loud_records(log.splitlines()))
        assert not loud, f"{arguments} logs:\n" + "\n".join(loud)


@pytest.fixture(scope="module")
def base(settings, new_database, tmp_path_factory):
    """A database with Odoo's own apps, in which the addons come and go."""
    return Administrator(
        settings, new_database(base=True), tmp_path_factory.mktemp("install")
    )


@pytest.fixture(scope="module")
def odoo_alone(base):
    return contents(base.database)


@pytest.fixture(scope="module")
def with_crm_plus(base, odoo_alone):
    """What is there when crm_plus is installed, which the two others build on."""
    base.install("crm_plus")
    return contents(base.database)


def installed(found):
    return {addon for (addon,) in found["modules"]} & set(ADDONS)


def test_crm_plus_installs_alone_and_upgrades(base, with_crm_plus):
    base.upgrade("crm_plus")

    assert installed(with_crm_plus) == {"crm_plus"}
    assert_same(with_crm_plus, contents(base.database))


@pytest.mark.parametrize("addon", ["crm_campaigns", "crm_helpdesk"])
def test_addon_comes_and_goes_without_its_sibling(base, with_crm_plus, addon):
    base.install(addon)
    fresh = contents(base.database)
    base.upgrade(addon)
    upgraded = contents(base.database)
    base.uninstall(addon)

    assert installed(fresh) == {"crm_plus", addon}
    assert_same(fresh, upgraded)
    assert_same(with_crm_plus, contents(base.database))


def test_crm_plus_leaves_odoo_as_it_was(base, odoo_alone, with_crm_plus):
    base.uninstall("crm_plus")

    assert_same(odoo_alone, contents(base.database))


@pytest.fixture(scope="module")
def full(settings, new_database, tmp_path_factory):
    """A database with the three addons, in which somebody has worked."""
    administrator = Administrator(
        settings, new_database(), tmp_path_factory.mktemp("full")
    )
    administrator.shell(WORK)
    return administrator


def test_uninstalling_crm_plus_takes_all_along(full, odoo_alone):
    full.uninstall("crm_plus")

    assert_same(odoo_alone, contents(full.database), but=OWN_WORK)
    traces = """
        SELECT model FROM mail_message WHERE model LIKE 'crm.case%'
         UNION SELECT res_model FROM mail_activity WHERE res_model LIKE 'crm.case%'
         UNION SELECT res_model FROM mail_followers WHERE res_model LIKE 'crm.case%'"""
    assert not psql(full.database, traces)


def test_odoo_works_when_they_are_gone(full):
    with (
        MailSink() as sink,
        OdooServer("gone", smtp_port=sink.port, template=full.database) as server,
        Browser(server, server.folder) as browser,
    ):
        browser.log_in(Person(server, "admin", "admin"))
        browser.open("/odoo/crm")
        browser.wait_for_script(
            "pipeline", "!!document.querySelector('.o_kanban_view .o_kanban_record')"
        )
        browser.screenshot("pipeline")
        browser.check_console()


@pytest.mark.parametrize("addon", ADDONS)
def test_addon_names_no_sibling(settings, addon):
    pattern = re.compile(rf"(?<![\w.])({FOREIGN_NAMES[addon]})(?!\w)")

    found = [
        f"{path.relative_to(settings.root)}:{number}: {line.strip()}"
        for path in sorted((settings.root / "addons" / addon).rglob("*"))
        if path.suffix in CODE
        for number, line in enumerate(
            path.read_text(encoding="utf-8").splitlines(), start=1
        )
        if pattern.search(line)
    ]

    assert not found, "\n".join(found)
