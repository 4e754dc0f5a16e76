"""The set-up scripts: what they say and do when something is missing, broken or busy.

No network: Odoo's package comes from a small mirror made here.
"""

import contextlib
import hashlib
import importlib
import os
import shutil
import smtplib
import socket
import subprocess
import sys
import tempfile
import time
import types
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
LIB = ROOT / "config" / "lib"
RELEASE = "version_info = (19, 0, 0, 'final', 0, '')\n"
needs_dpkg = pytest.mark.skipif(
    not shutil.which("dpkg-deb"), reason="Debian's package tools only"
)


@pytest.fixture
def home():
    """An empty home that PostgreSQL may enter, which pytest's tmp_path is not."""
    folder = Path(tempfile.mkdtemp(prefix="crm-plus-setup-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def environment(home, **more):
    """The caller's, without what points to its own set-up."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("CRM_PLUS_", "PG", "ODOO", "PYTEST", "COV_"))
        and name != "ADDONS_PATH"
    }
    # not the environment that runs the tests: it holds an `odoo`
    kept["PATH"] = ":".join(
        folder
        for folder in kept["PATH"].split(":")
        if not (Path(folder) / "odoo").exists()
    )
    return kept | {"CRM_PLUS_HOME": str(home)} | {k: str(v) for k, v in more.items()}


def run(*command, home, **more):
    return subprocess.run(
        command,
        check=False,
        capture_output=True,
        text=True,
        timeout=300,
        stdin=subprocess.DEVNULL,
        env=environment(home, **more),
    )


def bash(code, *, home, parts=("base", "python", "odoo", "postgres"), **more):
    """Run a piece of bash with our libraries."""
    sources = "".join(f". {LIB}/{part}.sh\n" for part in parts)
    return run("bash", "-c", sources + code, home=home, **more)


# ---------------------------------------------------------------- config/run


@pytest.fixture
def busy_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        yield taken.getsockname()[1]


def test_busy_port_is_said_before_anything_is_made(home, busy_port):
    started = time.monotonic()
    done = run(ROOT / "config" / "run", home=home, CRM_PLUS_HTTP_PORT=busy_port)
    assert done.returncode == 1
    assert f"port {busy_port} is not free" in done.stderr
    assert "CRM_PLUS_HTTP_PORT" in done.stderr
    assert not [entry.name for entry in home.iterdir() if entry.is_dir()]
    assert time.monotonic() - started < 20


def test_port_that_is_no_number(home):
    done = run(ROOT / "config" / "run", home=home, CRM_PLUS_HTTP_PORT="http")
    assert done.returncode == 1
    assert "is no port number" in done.stderr


def test_unknown_command_shows_the_usage(home):
    done = run(ROOT / "config" / "run", "sevre", home=home)
    assert done.returncode == 2
    assert "./config/run [odoo options]" in done.stderr


def test_offline_without_anything_here(home):
    done = run(ROOT / "config" / "run", "setup", home=home, CRM_PLUS_OFFLINE=1)
    assert done.returncode == 1
    assert "no Odoo 19.0 is here: set ODOO_HOME" in done.stderr


def test_home_with_a_space_is_refused(tmp_path):
    done = run(ROOT / "config" / "run", "env", home=tmp_path / "my home")
    assert done.returncode == 1
    assert "no space" in done.stderr


# ---------------------------------------------------------------- Python


def test_python_that_is_too_old_is_passed_over(home, tmp_path):
    """A python3 of another version on PATH is no reason to stop."""
    old = tmp_path / "python3"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    done = bash(
        'find_python || echo "none"',
        home=home,
        PATH=f"{tmp_path}:{environment(home)['PATH']}",
        CRM_PLUS_PYTHON=sys.executable,
    )
    assert done.returncode == 0
    found = done.stdout.strip()
    assert found != "none"
    assert Path(found).resolve() == Path(sys._base_executable).resolve()


# ---------------------------------------------------------------- Odoo


def write_odoo(folder, release=RELEASE, *, whole=True):
    """The least that the scripts take for an Odoo."""
    files = {
        "odoo/release.py": release,
        "odoo/addons/mail/__manifest__.py": "{}",
        "odoo/addons/web/static/lib/jquery/jquery.js": "// jquery",
    }
    if whole:
        path = "odoo/addons/mail/static/lib/selfie_segmentation/selfie_segmentation.js"
        files[path] = "// whole"
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def test_odoo_home_is_used_and_nothing_downloaded(home, tmp_path):
    odoo = write_odoo(tmp_path / "odoo-19")
    done = bash("ensure_odoo; echo $ODOO_PATH", home=home, ODOO_HOME=odoo)
    assert done.stdout.strip() == str(odoo), done.stderr
    assert not list(home.glob("odoo-19.0*"))


def test_odoo_home_of_another_version_is_refused(home, tmp_path):
    odoo = write_odoo(tmp_path / "odoo-18", "version_info = (18, 0, 0, FINAL, 0, '')\n")
    done = bash("ensure_odoo; echo still here", home=home, ODOO_HOME=odoo)
    assert done.returncode == 1
    assert "holds no Odoo 19.0" in done.stderr
    assert "still here" not in done.stdout


def test_odoo_on_path_is_used(home, tmp_path):
    odoo = write_odoo(tmp_path / "src")
    (odoo / "odoo-bin").write_text("#!/usr/bin/env python3\n")
    (odoo / "odoo-bin").chmod(0o755)
    path = f"{odoo}:{environment(home)['PATH']}"
    done = bash("ensure_odoo; echo $ODOO_PATH", home=home, PATH=path)
    assert done.stdout.strip() == str(odoo), done.stderr


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    """A .deb that is built like Debian's: incomplete, and with a second `addons`."""
    tree = tmp_path_factory.mktemp("package")
    packages = tree / "usr/lib/python3/dist-packages"
    write_odoo(packages, whole=False)
    (packages / "addons/web").mkdir(parents=True)
    (packages / "addons/web/models.py").write_text("")
    (tree / "DEBIAN").mkdir()
    (tree / "DEBIAN/control").write_text(
        "Package: odoo-19\nVersion: 19.0-test\nArchitecture: all\n"
        "Maintainer: nobody <nobody@example.com>\nDescription: test\n"
    )
    deb = tree.parent / "odoo-19.deb"
    subprocess.run(
        ["dpkg-deb", "--build", "--root-owner-group", tree, deb],
        check=True,
        capture_output=True,
    )
    return deb


class Mirror:
    """A package mirror on disk, and the lock file that pins its one package."""

    def __init__(self, folder, package):
        self.pool = folder / "mirror/pool"
        self.pool.mkdir(parents=True)
        self.file = self.pool / "odoo.deb"
        shutil.copy(package, self.file)
        pinned = hashlib.sha256(package.read_bytes()).hexdigest()
        self.lock = folder / "odoo-source.lock"
        self.lock.write_text(
            f"# a comment\npool odoo-19 19.0-test pool/odoo.deb {pinned}\n"
        )
        self.url = f"copy:{folder}/mirror"

    def ensure_odoo(self, home, code="", **more):
        more.setdefault("CRM_PLUS_ODOO_GIT", "/nonexistent")
        return bash(
            f'LOCK_FILE={self.lock}\nretry() {{ shift; "$@"; }}\n{code}\n'
            "ensure_odoo; echo $ODOO_PATH",
            home=home,
            CRM_PLUS_DEBIAN_MIRROR=self.url,
            **more,
        )


@pytest.fixture
def mirror(tmp_path, package):
    tmp_path.chmod(0o755)
    return Mirror(tmp_path, package)


def unpacked(home):
    return home / "odoo-19.0/usr/lib/python3/dist-packages"


@needs_dpkg
def test_package_is_unpacked_and_completed(home, mirror):
    done = mirror.ensure_odoo(home)
    assert done.stdout.strip() == str(unpacked(home)), done.stderr
    assert (unpacked(home) / "odoo/release.py").exists()
    assert not (unpacked(home) / "addons").exists()
    stripped = "odoo/addons/mail/static/lib/selfie_segmentation/selfie_segmentation.js"
    assert (unpacked(home) / stripped).exists()
    assert not (home / "download").exists()


@needs_dpkg
def test_second_time_needs_no_mirror(home, mirror):
    mirror.ensure_odoo(home)
    mirror.file.unlink()
    done = mirror.ensure_odoo(home)
    assert done.stdout.strip() == str(unpacked(home))
    assert done.stderr == ""


@needs_dpkg
def test_download_that_was_cut_off_is_done_again(home, mirror):
    (home / "download").mkdir()
    half = mirror.file.read_bytes()[: mirror.file.stat().st_size // 2]
    (home / "download/odoo-19.deb").write_bytes(half)
    done = mirror.ensure_odoo(home)
    assert done.stdout.strip() == str(unpacked(home)), done.stderr
    assert "damaged: downloading it again" in done.stderr


@needs_dpkg
def test_unpacking_that_was_cut_off_is_done_again(home, mirror):
    """A kill in the middle leaves a folder that is never taken for the whole."""
    cut_off = home / "odoo-19.0.new/usr/lib"
    cut_off.mkdir(parents=True)
    (cut_off / "old").write_text("")
    done = mirror.ensure_odoo(home)
    assert done.stdout.strip() == str(unpacked(home)), done.stderr
    assert not (home / "odoo-19.0.new").exists()
    assert not (home / "odoo-19.0/usr/lib/old").exists()


@needs_dpkg
def test_wrong_file_on_the_mirror_is_never_used(home, mirror):
    """The hash is the trust; when nothing else is to be had, the ways out are named."""
    mirror.file.write_bytes(mirror.file.read_bytes() + b"x")
    done = mirror.ensure_odoo(home)
    assert done.returncode == 1
    assert "is not to be had" in done.stderr
    for way in ("ODOO_HOME", "CRM_PLUS_ODOO_DEB", "CRM_PLUS_DEBIAN_MIRROR"):
        assert way in done.stderr
    assert not (home / "odoo-19.0").exists()


@needs_dpkg
def test_upstream_is_cloned_when_no_mirror_has_it(home, mirror, tmp_path):
    mirror.file.unlink()
    upstream = write_odoo(tmp_path / "upstream")
    git = ("git", "-C", upstream, "-c", "user.name=t", "-c", "user.email=t@example.com")
    for command in (("init", "-q", "-b", "19.0"), ("add", "."), ("commit", "-qm", "x")):
        subprocess.run([*git, *command], check=True)
    done = mirror.ensure_odoo(home, CRM_PLUS_ODOO_GIT=f"file://{upstream}")
    assert done.stdout.strip() == str(home / "odoo-19.0.git"), done.stderr
    # and it stays
    shutil.rmtree(upstream)
    done = mirror.ensure_odoo(home)
    assert done.stdout.strip() == str(home / "odoo-19.0.git")


@needs_dpkg
def test_own_package_is_taken_as_it_is(home, mirror, package, tmp_path):
    mirror.file.unlink()
    done = mirror.ensure_odoo(home, CRM_PLUS_ODOO_DEB=package)
    assert done.stdout.strip() == str(unpacked(home)), done.stderr
    broken = tmp_path / "broken.deb"
    broken.write_bytes(package.read_bytes()[:100])
    done = mirror.ensure_odoo(home, CRM_PLUS_ODOO_DEB=broken)
    assert done.returncode == 1
    assert "is no Debian package" in done.stderr


# ---------------------------------------------------------------- PostgreSQL


def server_that_says(folder, facts):
    """A psql that answers the first question of the scripts."""
    psql = folder / "psql"
    psql.write_text(f"#!/bin/sh\necho '{facts}'\n")
    psql.chmod(0o755)
    for name in ("createdb", "pg_dump"):
        shutil.copy(psql, folder / name)
    return folder


def test_given_server_is_used(home, tmp_path):
    server_that_says(tmp_path, "16 t f joe")
    done = bash(
        "start_postgres demo; echo $PGHOST",
        home=home,
        PGHOST="db.example.com",
        PATH=f"{tmp_path}:{environment(home)['PATH']}",
    )
    assert done.stdout.strip() == "db.example.com", done.stderr
    assert "PostgreSQL 16 at db.example.com, as joe" in done.stderr
    assert not (home / "pg-demo").exists()


def test_each_server_has_its_own_files(home, tmp_path):
    """The demo is called the same on each: their filestores must not mix."""
    server_that_says(tmp_path, "16 t f joe")
    folders = set()
    for host in ("one.example.com", "two.example.com"):
        done = bash(
            "DATA_DIR=$CRM_PLUS_HOME/data-demo; start_postgres demo; echo $DATA_DIR",
            home=home,
            PGHOST=host,
            PATH=f"{tmp_path}:{environment(home)['PATH']}",
        )
        folders.add(Path(done.stdout.strip()))
    assert len(folders | {home / "data-demo"}) == 3
    assert all(folder.is_dir() for folder in folders)


@pytest.mark.parametrize(
    ("facts", "complaint"),
    [
        ("12 t f joe", "version 12"),
        ("16 f f joe", "may not create databases"),
        ("16 t t postgres", "refuses to work as the role postgres"),
    ],
)
def test_given_server_that_will_not_do(home, tmp_path, facts, complaint):
    server_that_says(tmp_path, facts)
    done = bash(
        "start_postgres demo; echo still here",
        home=home,
        PGHOST="db.example.com",
        PATH=f"{tmp_path}:{environment(home)['PATH']}",
    )
    assert done.returncode == 1
    assert complaint in done.stderr
    assert "still here" not in done.stdout


def test_given_server_that_does_not_answer(home, tmp_path):
    done = bash("start_postgres demo", home=home, PGHOST=tmp_path)
    assert done.returncode == 1
    assert f"cannot reach the PostgreSQL that PGHOST={tmp_path}" in done.stderr


def test_private_cluster_stops_with_its_last_user(home):
    """Two runs share it; it listens on no network, and lets in nobody else."""
    code = """
        VENV=/nonexistent
        start_postgres test
        psql -qXtA -d postgres -c 'show listen_addresses' -c 'select current_user'
        (exec 8>"$CRM_PLUS_HOME/.pg-test.use"; flock -s 8; touch "$CRM_PLUS_HOME/other"
         while [ -e "$CRM_PLUS_HOME/other" ]; do sleep 0.1; done) >/dev/null 2>&1 &
        while [ ! -e "$CRM_PLUS_HOME/other" ]; do sleep 0.1; done
    """
    pid_file = home / "pg-test/data/postmaster.pid"
    done = bash(code, home=home)
    try:
        assert done.returncode == 0, done.stderr
        assert done.stdout.splitlines() == ["", "odoo"]
        assert pid_file.exists(), "stopped under another user's feet"
    finally:
        (home / "other").unlink()
    time.sleep(0.5)
    done = bash("VENV=/nonexistent; start_postgres test", home=home)
    assert done.returncode == 0, done.stderr
    assert not pid_file.exists()


# ---------------------------------------------------------------- config/test

RECORD = "2026-03-01 10:00:00,000 77 {level} crm_plus_run_77 {rest}"


@pytest.mark.parametrize(
    ("level", "rest", "expected"),
    [
        ("WARNING", "odoo.addons.crm_plus.models.segment: slow", 1),
        ("ERROR", "odoo.http: Exception\n  File addons/crm_helpdesk/x.py, line 1", 1),
        ("WARNING", "py.warnings: /a/addons/crm_campaigns/x.py:3: Deprecation", 1),
        ("INFO", "odoo.addons.crm_plus: harvested", 0),
        ("WARNING", "odoo.addons.mail: no server", 0),
        ("WARNING", "odoo.sql_db: database crm_plus_run_77 is slow", 0),
        ("WARNING", "odoo.addons.mail: a\n" + RECORD.format(level="INFO", rest="b"), 0),
    ],
)
def test_log_gate(tmp_path, level, rest, expected):
    log = tmp_path / "odoo.log"
    log.write_text(RECORD.format(level=level, rest=rest) + "\n")
    done = subprocess.run(
        [sys.executable, LIB / "log_gate.py", log], check=False, capture_output=True
    )
    assert done.returncode == expected


@pytest.mark.parametrize(
    ("test", "line"),
    [
        ("self.skipTest('Chrome executable not found')", "1 failed"),
        ("self.skipTest('websocket-client module is not installed')", "1 failed"),
        ("self.skipTest('no such app'); self.start_tour('/odoo', 'x')", "1 failed"),
        ("self.skipTest('no such app')", "1 skipped"),
    ],
)
def test_skipped_browser_test_fails(tmp_path, test, line):
    (tmp_path / "test_it.py").write_text(
        "import unittest\nclass T(unittest.TestCase):\n"
        f"    def test_it(self):\n        {test}\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:odoo", "-p", "crm_plus_pytest"],
        check=False,
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(LIB)},
    )
    assert line in done.stdout.splitlines()[-1]
    assert done.returncode == (1 if "failed" in line else 0)


def test_filestore_of_each_process(tmp_path, monkeypatch):
    config = types.SimpleNamespace(filestore=lambda name: str(tmp_path / name))
    monkeypatch.setitem(sys.modules, "odoo.tools", types.SimpleNamespace(config=config))
    monkeypatch.syspath_prepend(LIB)
    plugin = importlib.import_module("crm_plus_pytest")
    (tmp_path / "db").mkdir()
    (tmp_path / "db" / "file").write_text("of both")

    with plugin.own_filestore("db", "db-gw0"):
        (tmp_path / "db-gw0" / "file").unlink()
        with plugin.own_filestore("db", "db-gw1"):
            assert (tmp_path / "db-gw1" / "file").read_text() == "of both"
    with plugin.own_filestore("db", "db"):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["db"]
    assert (tmp_path / "db" / "file").exists()


GOOD = '<testcase classname="a" name="good"/>'
BAD = '<testcase classname="a" name="bad"><failure/></testcase>'
BROKEN = '<testcase classname="a" name="broken"><error/></testcase>'
SKIPPED = '<testcase classname="a" name="skipped"><skipped/></testcase>'
# its passing subtests do not make up for the one that failed, and count once
SUBTESTS = BAD + '<testcase classname="a" name="bad"/>' * 5


@pytest.mark.parametrize(
    ("cases", "count", "line", "code"),
    [
        (GOOD + SKIPPED, "2 0", "3 passed, 0 failed, 1 skipped", 0),
        (GOOD + BAD + BROKEN, "2 0", "3 passed, 2 failed, 0 skipped", 1),
        (GOOD + SUBTESTS, "2 0", "3 passed, 1 failed, 0 skipped", 1),
        (GOOD, "1 1", "2 passed, 1 failed, 0 skipped", 1),
        ("", "0 0", "0 passed, 0 failed, 0 skipped", 1),
        (None, "2 0", "2 passed, 1 failed, 0 skipped", 1),
    ],
)
def test_summary(tmp_path, cases, count, line, code):
    (tmp_path / "lint.count").write_text(count)
    report = tmp_path / "addons.xml"
    if cases is not None:
        report.write_text(f"<testsuites><testsuite>{cases}</testsuite></testsuites>")
    done = subprocess.run(
        [sys.executable, LIB / "summary.py", tmp_path / "lint.count", report],
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.stdout.splitlines()[-1] == line
    assert done.returncode == code


def test_template_depends_on_the_addon_but_not_on_its_tests(home, tmp_path):
    addon = tmp_path / "addons/x"
    (addon / "tests").mkdir(parents=True)
    (addon / "__manifest__.py").write_text("{'depends': ['base']}")

    def addon_hash():
        code = f"ROOT={tmp_path}; addon_hash x"
        return bash(code, home=home, parts=("base", "databases")).stdout

    first = addon_hash()
    assert first.strip()
    (addon / "tests/test_x.py").write_text("pass")
    assert addon_hash() == first
    (addon / "model.py").write_text("pass")
    assert addon_hash() != first


# ---------------------------------------------------------------- the demo's mail


def test_mail_of_the_demo_is_kept(tmp_path):
    port_file = tmp_path / "port"
    mails = tmp_path / "mails"
    with subprocess.Popen(
        [sys.executable, LIB / "mail_sink.py", mails, port_file]
    ) as sink:
        try:
            for _ in range(100):
                with contextlib.suppress(OSError, ValueError):
                    port = int(port_file.read_text())
                    break
                time.sleep(0.1)
            with smtplib.SMTP("127.0.0.1", port, timeout=10) as smtp:
                smtp.sendmail(
                    "crm@example.com",
                    ["../ida@example.com"],
                    "Subject: Hello\r\n\r\nA body.\r\n",
                )
        finally:
            sink.terminate()
    (kept,) = mails.iterdir()
    assert "Subject: Hello" in kept.read_text()
    assert kept.name.endswith("ida@example.com.eml")
