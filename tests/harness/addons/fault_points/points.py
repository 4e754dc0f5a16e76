"""Points of a step at which a worker kills itself, and a clock that can be set.

Loaded by the servers of the fault test only (``server_wide_modules``), and installed in
no database: it wraps methods of the registry, so that the addons have nothing in them
for tests.

``FAULT_POINTS`` is a folder. A file ``<point>.armed`` in it says at which passing of
that point a worker dies; who does renames it to ``<point>.reached``, with what it was
about. Nobody goes on from then on, as long as there is a file ``closed``: what is left
does not depend on how fast the machine is.
``FAULT_CLOCK`` is a file with the seconds that the clock of this server is ahead.
``FAULT_BATCH`` is how many tasks are done at once, so that there are enough batches to
die in.
"""

import functools
import os
import signal
import smtplib
from datetime import timedelta
from pathlib import Path

from odoo import fields
from odoo.modules.registry import Registry

FOLDER = Path(os.environ["FAULT_POINTS"])
CLOSED = FOLDER / "closed"
CLOCK = Path(os.environ["FAULT_CLOCK"])
BATCH = int(os.environ["FAULT_BATCH"])

_sections = []  # of the step, the innermost last
_passes = {}
_delivery = {"mail": ""}  # the mail that is handed over


def reach(point, about=""):
    armed = FOLDER / f"{point}.armed"
    try:
        nth = int(armed.read_text())
    except FileNotFoundError:
        _passes.pop(point, None)
        return
    _passes[point] = _passes.get(point, 0) + 1
    if _passes[point] < nth:
        return
    mine = FOLDER / f"{point}.{os.getpid()}"
    try:
        armed.rename(mine)
    except FileNotFoundError:
        return  # another one dies of it
    mine.write_text(str(about))
    CLOSED.touch()
    mine.rename(FOLDER / f"{point}.reached")
    os.kill(os.getpid(), signal.SIGKILL)


# ------------------------------------------------------------
# Wrapping
# ------------------------------------------------------------


def wrap(owner, name):
    """Replace a method by what the decorated function makes of it, once."""

    def decorate(function):
        original = getattr(owner, name)
        if hasattr(original, "fault_points"):
            return

        @functools.wraps(original)
        def method(self, *args, **kwargs):
            return function(functools.partial(original, self), self, *args, **kwargs)

        method.fault_points = True
        setattr(owner, name, method)

    return decorate


def within(owner, name, section):
    """Commits during this method are points of that section."""

    @wrap(owner, name)
    def method(original, self, *args, **kwargs):
        _sections.append(section(self))
        try:
            return original(*args, **kwargs)
        finally:
            _sections.pop()


def at_end(owner, name, point):
    @wrap(owner, name)
    def method(original, self, *args, **kwargs):
        result = original(*args, **kwargs)
        reach(point)
        return result


def install(registry):
    Task = registry["crm.campaign.task"]
    within(Task, "_reserve", lambda tasks: "reserve")
    within(Task, "_execute_batch", lambda tasks: f"execute {tasks[:1].step_id.kind}")
    within(Task, "_settle", lambda tasks: "settle")
    at_end(Task, "_plan", "planned")
    at_end(registry["crm.campaign"], "_enrol_candidates", "enrolled")

    @wrap(registry["ir.cron"], "_commit_progress")
    def _commit_progress(original, self, *args, **kwargs):
        section = _sections[-1] if _sections else ""
        reach(f"{section}, not committed")
        result = original(*args, **kwargs)
        reach(f"{section}, committed")
        return result

    @wrap(Task, "_is_halted")
    def _is_halted(original, self):
        return CLOSED.exists() or original()

    @wrap(Task, "_run_step")
    def _run_step(original, self, *args):
        # in the middle of a round
        return 0 if CLOSED.exists() else original(*args)

    @wrap(Task, "_on_composed")
    def _on_composed(original, self):
        reach("composed")
        return original()

    @wrap(registry["mail.mail"], "_postprocess_sent_message")
    def _postprocess_sent_message(original, self, *args, **kwargs):
        # what was sent is deleted then; many at once where no mail server answers
        sent = len(self) == 1 and self.mailing_id and not kwargs.get("failure_type")
        mail_id = self.id if sent else None
        result = original(*args, **kwargs)
        if mail_id:
            reach("noted, not committed", mail_id)
        return result

    from odoo.addons.crm_campaigns.models.campaign.steps.step_condition import (
        ConditionKind,
    )
    from odoo.addons.crm_campaigns.models.campaign.steps.step_mail import MailKind
    from odoo.addons.crm_campaigns.models.campaign.steps.step_wait import WaitKind
    from odoo.addons.crm_campaigns.tools.delivery import Delivery

    for kind in (ConditionKind, MailKind, WaitKind):
        kind.batch_size = BATCH

    @wrap(Delivery, "reserve")
    def reserve(original, self):
        reach("handed over, not on record", self.mail_id)
        result = original()
        _delivery["mail"] = self.mail_id
        reach("handed over, on record", self.mail_id)
        return result


@wrap(smtplib.SMTP, "data")
def data(original, self, message):
    answer = original(message)
    if answer[0] == 250:
        reach("taken by the server", _delivery["mail"])
    return answer


def get_clock_seconds():
    try:
        return float(CLOCK.read_text())
    except FileNotFoundError:
        return 0


original_now = fields.Datetime.now


def now(*args):
    return original_now(*args) + timedelta(seconds=get_clock_seconds())


fields.Datetime.now = staticmethod(now)
original_new = Registry.new.__func__


def new(cls, *args, **kwargs):
    registry = original_new(cls, *args, **kwargs)
    if "crm.campaign.task" in registry:
        install(registry)
    return registry


Registry.new = classmethod(new)
