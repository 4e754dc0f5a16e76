"""A real Odoo: its own database, worker processes, and a proxy before them."""

import os
import re
import signal
import socket
import subprocess
import sys
from contextlib import suppress

import psutil
import requests

from .database import Database, psql
from .proxy import Proxy
from .settings import settings
from .waiting import wait_for

sys.path.append(str(settings.root / "config" / "lib"))
from log_gate import loud_records

CONF = """\
[options]
addons_path = {addons_path}
data_dir = {data_dir}
db_name = {database}
list_db = False
http_interface = 127.0.0.1
http_port = {http_port}
gevent_port = {websocket_port}
proxy_mode = False
workers = 2
max_cron_threads = {cron_workers}
smtp_server = 127.0.0.1
smtp_port = {smtp_port}
email_from = notifications@house.example
logfile = {log}
log_level = info
"""
# Not at once all that a new database has to catch up on: jobs run when they are due, or
# triggered. Never those that ask services on the internet.
LATER_CRONS = (
    "UPDATE ir_cron SET nextcall = now() AT TIME ZONE 'UTC' + interval '1 hour'"
)
NO_CRONS = """
    UPDATE ir_cron SET active = FALSE
     WHERE id IN (
        SELECT res_id FROM ir_model_data
         WHERE model = 'ir.cron'
           AND (module LIKE '%iap%' OR name IN (
                'ir_cron_module_update_notification', 'snailmail_print',
                'ir_cron_digest_scheduler_action'))
     )
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class OdooServer:
    """Server with two HTTP workers, cron workers and a websocket process.

    :param template: database to work on a clone of, instead of the usual one
    :param expected: patterns of log records that name our addons, and are meant to
    :param beside: another server, entered before, whose database it works on
    :param addons: folders of addons besides ours
    :param options: more of odoo.conf
    :param environment: more of its environment
    """

    def __init__(
        self,
        name,
        *,
        smtp_port,
        cron_workers=1,
        template=None,
        expected=(),
        beside=None,
        addons=(),
        options=None,
        environment=None,
    ):
        self.name = name
        self.smtp_port = smtp_port
        self.cron_workers = cron_workers
        self.expected = [re.compile(pattern) for pattern in expected]
        self.folder = settings.artefacts / name
        self.log = self.folder / "odoo.log"
        self._beside = beside
        self._addons = addons
        self._options = options or {}
        self._environment = environment or {}
        self._database = (
            beside._database
            if beside
            else Database(name, template or settings.template)
        )
        self.database = self._database.name
        self.process = None

    def __enter__(self):
        self.folder.mkdir(parents=True, exist_ok=True)
        self.log.unlink(missing_ok=True)
        if not self._beside:
            self._database.__enter__()
        self._proxy = Proxy()
        self.port = self._proxy.port
        self.url = f"http://127.0.0.1:{self.port}"
        if not self._beside:
            self._prepare()
        try:
            self.start()
        except BaseException:
            # nobody would end it
            if self.process is not None:
                self.kill()
            raise
        return self

    def __exit__(self, *exc):
        self.stop()
        self._proxy.close()
        if not self._beside:
            self._database.drop()
        if not exc[0]:
            self.check_log()

    def _prepare(self):
        self.sql(
            """
            DELETE FROM ir_config_parameter
             WHERE key IN ('web.base.url', 'web.base.url.freeze', 'iap.endpoint')
            """
        )
        self.sql(
            """
            INSERT INTO ir_config_parameter (key, value)
            VALUES ('web.base.url', %s), ('web.base.url.freeze', 'True'),
                   ('iap.endpoint', 'http://127.0.0.1:9')
            """,
            [self.url],
        )
        self.sql("DELETE FROM ir_cron_trigger")
        self.sql(LATER_CRONS)
        self.sql(NO_CRONS)

    # ------------------------------------------------------------
    # Life
    # ------------------------------------------------------------

    def start(self):
        self._proxy.http_port = free_port()
        self._proxy.websocket_port = free_port()
        conf = self.folder / "odoo.conf"
        conf.write_text(
            CONF.format(
                addons_path=",".join([settings.addons_path, *map(str, self._addons)]),
                data_dir=settings.data_dir,
                database=self.database,
                http_port=self._proxy.http_port,
                websocket_port=self._proxy.websocket_port,
                cron_workers=self.cron_workers,
                smtp_port=self.smtp_port,
                log=self.log,
            )
            + "".join(f"{name} = {value}\n" for name, value in self._options.items()),
            encoding="utf-8",
        )
        environment = {k: v for k, v in os.environ.items() if k != "ODOO_RC"}
        self.process = subprocess.Popen(
            [settings.odoo, "-c", str(conf)],
            env={**environment, **self._environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=(self.folder / "stderr.log").open("ab"),
            start_new_session=True,
        )
        wait_for("answer of the server", self._is_healthy, timeout=90)

    def _is_healthy(self):
        if self.process.poll() is not None:
            raise AssertionError(f"Odoo ended at start; see {self.log}")
        with suppress(requests.RequestException):
            return requests.get(f"{self.url}/web/health", timeout=5).ok
        return False

    def stop(self):
        """Stop as an administrator does; nothing of it is left."""
        if self.process is None:
            return
        processes = self._processes()
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.kill()
        for process in processes:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        self.process = None

    def kill(self):
        """As a power cut: all processes at once."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(10)
        self.process = None

    def revive(self):
        """Start it again if it has ended by itself, as systemd does: Odoo's master does
        when it cannot reach the database while it replaces a worker."""
        if self.process is not None and self.process.poll() is not None:
            self.kill()
            self.start()

    def _processes(self):
        with suppress(psutil.NoSuchProcess):
            master = psutil.Process(self.process.pid)
            return [master, *master.children(recursive=True)]
        return []

    def cron_processes(self):
        """The cron workers that run now. Odoo names its processes by what they do."""
        found = []
        for process in self._processes():
            with suppress(psutil.Error):
                if "WorkerCron" in " ".join(process.cmdline()):
                    found.append(process)
        return found

    def kill_cron_workers(self):
        """SIGKILL; Odoo's master process then starts others."""
        killed = self.cron_processes()
        assert killed, "no cron worker runs"
        for process in killed:
            process.kill()
        for process in killed:
            with suppress(psutil.NoSuchProcess):
                process.wait(10)
        return [process.pid for process in killed]

    # ------------------------------------------------------------
    # Facts
    # ------------------------------------------------------------

    def sql(self, query, parameters=None):
        return psql(self.database, query, parameters)

    def trigger_cron(self, xml_id):
        """Have the cron workers run a job now, and return when they have.

        To the second, as Odoo does: a job forgets triggers up to the second it began.
        """
        module, name = xml_id.split(".")
        ((cron_id,),) = self.sql(
            """SELECT res_id FROM ir_model_data
                WHERE module = %s AND name = %s AND model = 'ir.cron'""",
            [module, name],
        )
        ((trigger_id,),) = self.sql(
            """INSERT INTO ir_cron_trigger (cron_id, call_at)
               VALUES (%s, date_trunc('second', now() AT TIME ZONE 'UTC'))
               RETURNING id""",
            [cron_id],
        )

        def has_run():
            if not self.sql(
                "SELECT 1 FROM ir_cron_trigger WHERE id = %s", [trigger_id]
            ):
                return True
            # a worker that has just been started again was not listening before
            self.notify_cron()
            return False

        # without a notice workers look for jobs once a minute
        wait_for(f"run of {xml_id}", has_run, timeout=90, every=0.3)

    def notify_cron(self):
        psql("postgres", "SELECT pg_notify('cron_trigger', %s)", [self.database])

    def check_log(self):
        """Fail on warnings and errors of the log that name our addons."""
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        loud = [
            record
            for record in loud_records(lines)
            if not any(pattern.search(record) for pattern in self.expected)
        ]
        assert not loud, "the log names our addons:\n" + "\n".join(loud)
