"""A PostgreSQL server of its own, that may be killed and started again."""

import os
import shutil
import subprocess
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

import psycopg2

# As a production server, but for the disk: what is written outlives each process, and
# the machine does not go down here. Commits are not put off: a server that is killed
# has all that it said it had.
CONF = """
listen_addresses = ''
unix_socket_directories = '{folder}'
fsync = off
full_page_writes = off
synchronous_commit = on
shared_buffers = 256MB
max_connections = 100
max_wal_size = 2GB
jit = off
dynamic_shared_memory_type = mmap
timezone = 'UTC'
"""


def _find_programs():
    """The folder with the programs of a server."""
    folders = [Path(folder) for folder in os.environ["PATH"].split(":")]
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    for folder in folders:
        folder = (folder / "initdb").resolve().parent
        if all((folder / name).exists() for name in ("initdb", "pg_ctl", "postgres")):
            return folder
    raise AssertionError("the fault tests need the programs of a PostgreSQL server")


class PrivatePostgres:
    """Server with a copy of one database, of the same name; removed at the end.

    Within, it is the one that ``PGHOST`` names, for whoever is started meanwhile. Run
    by the user who runs the usual one, as PostgreSQL refuses root.
    """

    def __init__(self, database):
        self.database = database
        self._programs = _find_programs()

    def __enter__(self):
        self._user = {}
        if os.geteuid() == 0:
            port = os.environ.get("PGPORT", "5432")
            usual = Path(os.environ["PGHOST"], f".s.PGSQL.{port}").stat()
            self._user = {"user": usual.st_uid, "group": usual.st_gid}
        # the path of a socket has at most 107 bytes
        self.folder = Path(tempfile.mkdtemp(prefix="crm-plus-pg-", dir="/tmp"))
        if self._user:
            os.chown(self.folder, self._user["user"], self._user["group"])
        self._data = self.folder / "data"
        self._before = {name: os.environ.get(name) for name in ("PGHOST", "PGPORT")}
        try:
            self._make()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *exc):
        for name, value in self._before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        if (self._data / "postmaster.pid").exists():
            self._pg_ctl("stop", "-m", "immediate")
        shutil.rmtree(self.folder, ignore_errors=True)

    def _make(self):
        self._run(
            "initdb", "-D", self._data, "-U", "postgres", "-E", "UTF8",
            "--locale=C.UTF-8", "-A", "trust", "--no-sync",
        )  # fmt: skip
        with (self._data / "postgresql.conf").open("a", encoding="utf-8") as conf:
            conf.write(CONF.format(folder=self.folder))
        dump = self.folder / "dump"
        # from the usual server, as whoever runs the tests
        subprocess.run(
            ["pg_dump", "-Fd", "-Z0", "-j2", "-f", dump, self.database], check=True
        )
        self._pg_ctl("start")
        os.environ.update(PGHOST=str(self.folder), PGPORT="5432")
        role = os.environ.get("PGUSER") or "odoo"
        self._sql(f'CREATE ROLE "{role}" LOGIN SUPERUSER')
        subprocess.run(["createdb", self.database], check=True)
        subprocess.run(
            ["pg_restore", "-j2", "--no-owner", "-d", self.database, dump], check=True
        )
        shutil.rmtree(dump)

    def _sql(self, statement):
        connection = psycopg2.connect(dbname="postgres", user="postgres")
        connection.autocommit = True
        with connection.cursor() as cr:
            cr.execute(statement)
        connection.close()

    def _run(self, program, *arguments):
        subprocess.run(
            [self._programs / program, *arguments],
            check=True,
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            extra_groups=[] if self._user else None,
            **self._user,
        )

    def _pg_ctl(self, what, *options):
        log = self.folder / "log"
        self._run("pg_ctl", "-D", self._data, "-l", log, "-w", *options, what)

    # ------------------------------------------------------------
    # What goes wrong
    # ------------------------------------------------------------

    def crash(self, seconds=1):
        """Killed in the middle of its work, away for some seconds, and started again:
        it then finds in its log what was committed."""
        self._pg_ctl("stop", "-m", "immediate")
        time.sleep(seconds)
        self._pg_ctl("start")

    @contextmanager
    def lock(self, database, table):
        """Within, whoever writes to a table waits: what they do stops right there."""
        connection = psycopg2.connect(dbname=database)
        try:
            with connection.cursor() as cr:
                cr.execute(f'LOCK TABLE "{table}" IN SHARE MODE')
                cr.execute("SELECT pg_backend_pid()")
                [pid] = cr.fetchone()
            yield Waiters(database, pid)
        finally:
            connection.close()


class Waiters:
    """Who waits for a lock that we hold."""

    def __init__(self, database, pid):
        self.database = database
        self.pid = pid

    def find(self):
        """Process ids of the Odoo workers that wait, by the name that Odoo gives its
        connections."""
        connection = psycopg2.connect(dbname=self.database)
        try:
            with connection.cursor() as cr:
                cr.execute(
                    """
                    SELECT application_name FROM pg_stat_activity
                     WHERE %s = ANY(pg_blocking_pids(pid))
                       AND application_name LIKE 'odoo-%%'
                    """,
                    [self.pid],
                )
                return [int(name.rpartition("-")[2]) for (name,) in cr.fetchall()]
        finally:
            connection.close()
