"""config/backup and config/restore: what was saved comes back, whole or not at all."""

import hashlib
import os
import shutil
import subprocess

import pytest
from harness.database import drop_database

CONTENT = b"A contract that must not get lost.\n" * 1000
NAME = "backup-test-contract.txt"


def odoo_shell(settings, database, code):
    subprocess.run(
        [
            "odoo",
            "shell",
            "-d",
            database,
            f"--addons-path={settings.addons_path}",
            f"--data-dir={settings.data_dir}",
            "--http-interface=127.0.0.1",
            "--no-http",
            "--log-level=error",
        ],
        input=code,
        text=True,
        check=True,
        capture_output=True,
    )


def script(settings, name, *arguments, **environment):
    return subprocess.run(
        [settings.root / "config" / name, *arguments],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
    )


def counts(sql, database):
    """The rows of each table."""
    return dict(
        sql(
            database,
            """
            select relname, (xpath('//n/text()', query_to_xml(
                format('select count(*) n from %I', relname), true, true, '')))[1]
            from pg_class
            where relkind = 'r' and relnamespace = 'public'::regnamespace
            """,
        )
    )


def has_attachment(sql, database):
    found = "select 1 from ir_attachment where name = :'name'"
    return bool(sql(database, found, name=NAME))


@pytest.fixture(scope="module")
def source(settings, new_database):
    """A database with a known attachment and partner."""
    database = new_database()
    odoo_shell(
        settings,
        database,
        f"""
content = {CONTENT[:35]!r} * 1000
env["ir.attachment"].create({{"name": "{NAME}", "raw": content}})
env["res.partner"].create({{"name": "Backup Test Partner"}})
env.cr.commit()
""",
    )
    return database


@pytest.fixture(scope="module")
def backup(settings, source, tmp_path_factory):
    folder = tmp_path_factory.mktemp("backups")
    done = script(
        settings,
        "backup",
        *("-d", source),
        *("-o", folder),
        *("-D", settings.data_dir),
    )
    assert done.returncode == 0, done.stderr
    (made,) = folder.iterdir()
    assert not made.name.endswith(".partial")
    return made


@pytest.fixture
def target(settings):
    """A name that is free, and freed again."""
    name = f"crm_plus_x_{settings.run}_restored"
    yield name
    for database in (name, f"{name}-before"):
        drop_database(database)
        shutil.rmtree(settings.filestore / database, ignore_errors=True)


def restore(settings, backup, target, *more):
    arguments = ("-b", backup, "-d", target, "-D", settings.data_dir, *more)
    return script(settings, "restore", *arguments)


def databases(sql):
    return {name for (name,) in sql("postgres", "select datname from pg_database")}


def test_restored_under_another_name(settings, sql, source, backup, target):
    done = restore(settings, backup, target)
    assert done.returncode == 0, done.stderr
    assert counts(sql, target) == counts(sql, source)
    ((fname,),) = sql(
        target, "select store_fname from ir_attachment where name = :'name'", name=NAME
    )
    assert (settings.filestore / target / fname).read_bytes() == CONTENT
    assert hashlib.sha1(CONTENT).hexdigest() in fname
    # all files, and no other
    for name in (source, target):
        assert (settings.filestore / name).is_dir()
    files = [
        {p.relative_to(root) for p in root.rglob("*") if p.is_file()}
        for root in (settings.filestore / source, settings.filestore / target)
    ]
    assert files[0] == files[1]
    # Odoo itself opens it and reads the file
    odoo_shell(
        settings,
        target,
        f"""
attachment = env["ir.attachment"].search([("name", "=", "{NAME}")])
assert attachment.raw == {CONTENT[:35]!r} * 1000
assert env["res.partner"].search_count([("name", "=", "Backup Test Partner")]) == 1
""",
    )


def test_existing_database_is_not_touched(settings, sql, source, backup):
    before = counts(sql, source)
    done = restore(settings, backup, source)
    assert done.returncode == 1
    assert "exists" in done.stderr
    assert counts(sql, source) == before


def test_damaged_backup_is_refused(settings, sql, backup, target, tmp_path):
    damaged = tmp_path / "damaged"
    shutil.copytree(backup, damaged)
    dump = damaged / "database.dump"
    dump.write_bytes(dump.read_bytes()[:-100])
    done = restore(settings, damaged, target)
    assert done.returncode == 1
    assert "damaged" in done.stderr
    assert not [name for name in databases(sql) if name.startswith(target)]


def test_backup_with_lost_rows_is_refused(settings, sql, backup, target, tmp_path):
    """Checksums right, rows wrong: nothing is left behind under any name."""
    wrong = tmp_path / "wrong"
    shutil.copytree(backup, wrong)
    manifest = wrong / "MANIFEST"
    lines = manifest.read_text().splitlines()
    at = next(i for i, line in enumerate(lines) if line.startswith("rows res_partner "))
    lines[at] = f"rows res_partner {int(lines[at].split()[-1]) + 1}"
    manifest.write_text("\n".join(lines) + "\n")
    done = restore(settings, wrong, target)
    assert done.returncode == 1
    assert "other rows" in done.stderr
    assert not [name for name in databases(sql) if name.startswith(target)]
    assert not list(settings.filestore.glob(f"{target}*"))


def test_replaced_database_is_kept_aside(settings, sql, new_database, backup):
    current = new_database()
    sql(current, "delete from ir_attachment where res_model is null")
    done = restore(settings, backup, current, "-r")
    assert done.returncode == 0, done.stderr
    assert has_attachment(sql, current)
    (aside,) = (n for n in databases(sql) if n.startswith(f"{current}-before-"))
    assert not has_attachment(sql, aside)
    subprocess.run(["dropdb", aside], check=True)
    shutil.rmtree(settings.filestore / aside)


def test_file_that_is_gone_is_reported(settings, sql, new_database, tmp_path):
    """An attachment whose file was lost before: the backup says so, and is made."""
    database = new_database()
    ((fname,),) = sql(
        database,
        "select store_fname from ir_attachment where store_fname is not null limit 1",
    )
    (settings.filestore / database / fname).unlink()
    done = script(
        settings, "backup", "-d", database, "-o", tmp_path, "-D", settings.data_dir
    )
    assert done.returncode == 0, done.stderr
    assert "have no file" in done.stderr
    assert not list(settings.filestore.glob(".backup-*"))
