"""A PostgreSQL of a test's own, which may die without harm to other tests."""

import os
import pwd
import shutil
import subprocess
import tempfile
from glob import glob
from pathlib import Path

# Those of another server would be asked for otherwise.
FOREIGN = ("PGPASSWORD", "PGDATABASE", "PGSERVICE", "PGSSLMODE")
# As in production, what is committed outlives the server. It does not wait for the
# disk: that is for power cuts, of which the machine of a test has none.
CONF = """
listen_addresses = ''
unix_socket_directories = '{folder}'
port = 5432
fsync = off
full_page_writes = off
synchronous_commit = on
shared_buffers = 256MB
max_connections = 200
jit = off
timezone = 'UTC'
dynamic_shared_memory_type = mmap
"""


def find_programs():
    """The folder of initdb, pg_ctl and postgres."""
    initdb = shutil.which("initdb") or max(
        glob("/usr/lib/postgresql/*/bin/initdb") + glob("/usr/pgsql-*/bin/initdb"),
        default=None,
    )
    assert initdb, "this needs PostgreSQL's own programs, initdb and pg_ctl, on PATH"
    return Path(initdb).resolve().parent


class Postgres:
    """A cluster in a folder of its own, reached by its socket alone.

    As long as it is entered it is the server that the ``PG*`` variables name, for
    whatever this process does or starts.
    """

    def __enter__(self):
        self._programs = find_programs()
        self._owner = {}
        # short: the path of a socket has at most 107 bytes
        self.folder = Path(tempfile.mkdtemp(prefix="crm-plus-pg-"))
        self._before = dict(os.environ)
        try:
            self._make()
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *exc):
        os.environ.clear()
        os.environ.update(self._before)
        if (self.folder / "data" / "postmaster.pid").exists():
            self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _make(self):
        if os.geteuid() == 0:  # which PostgreSQL refuses
            owner = self._find_owner()
            self._owner = {
                "user": owner.pw_uid,
                "group": owner.pw_gid,
                "extra_groups": [],
            }
            os.chown(self.folder, owner.pw_uid, owner.pw_gid)
        self._run(
            "initdb",
            f"--pgdata={self.folder / 'data'}",
            "--username=odoo",
            # nobody else enters the folder
            "--auth=trust",
            "--encoding=UTF8",
            "--locale=C.UTF-8",
            "--no-sync",
        )
        with (self.folder / "data" / "postgresql.conf").open("a") as conf:
            conf.write(CONF.format(folder=self.folder))

    def _find_owner(self):
        for name in ("postgres", "crm-plus"):
            try:
                return pwd.getpwnam(name)
            except KeyError:
                continue
        raise AssertionError("root needs a user called postgres, who runs PostgreSQL")

    def _run(self, program, *arguments):
        done = subprocess.run(
            [self._programs / program, *arguments],
            cwd=self.folder,
            # not a pipe: the server would keep it open
            stdout=(self.folder / "out").open("wb"),
            stderr=subprocess.STDOUT,
            check=False,
            **self._owner,
        )
        assert not done.returncode, (self.folder / "out").read_text()

    # ------------------------------------------------------------
    # What it is for
    # ------------------------------------------------------------

    def take(self, database):
        """Copy a database of the server that was there before, and be the server."""
        target = {
            **{k: v for k, v in os.environ.items() if k not in FOREIGN},
            "PGHOST": str(self.folder),
            "PGPORT": "5432",
            "PGUSER": "odoo",
        }
        subprocess.run([self._programs / "createdb", database], env=target, check=True)
        dump = subprocess.Popen(
            [self._programs / "pg_dump", "--format=custom", "--compress=0", database],
            stdout=subprocess.PIPE,
        )
        subprocess.run(
            [
                self._programs / "pg_restore",
                "--no-owner",
                "--exit-on-error",
                f"--dbname={database}",
            ],
            stdin=dump.stdout,
            env=target,
            check=True,
        )
        assert not dump.wait(), "pg_dump"
        os.environ.clear()
        os.environ.update(target)

    def start(self):
        self._run(
            "pg_ctl",
            f"--pgdata={self.folder / 'data'}",
            f"--log={self.folder / 'log'}",
            "--wait",
            "--timeout=120",
            "start",
        )

    def stop(self, mode="fast"):
        """:param mode: "immediate": as if it were killed, without a word to anyone"""
        self._run(
            "pg_ctl",
            f"--pgdata={self.folder / 'data'}",
            f"--mode={mode}",
            "--wait",
            "--timeout=120",
            "stop",
        )
