"""Times set-based work inside Odoo, beside what Odoo does by itself.

A bench prepares its data once and commits it, then runs several times, each run rolled
back, so that every run meets the same database. Printed are the median and the range of
the runs, rows per second and queries per row; where Odoo has something that does the
same, its figure from the same process, database and minute stands beside it.
"""

import gc
import os
import platform
import statistics
import time
from dataclasses import dataclass, field


class Bench:
    """One thing to measure. Subclasses fill in what they have."""

    name = ""
    title = ""
    runs = 5
    # takes too long to run when no bench is named
    is_long = False
    # labels of cases that are no match for what Odoo offers
    apart = ()
    # what Odoo itself offers for the same work, and how often that is run
    peer_title = None
    peer_runs = 3

    def prepare(self, env):
        """Make the data, once; what it does is committed."""

    def cases(self):
        """What is measured: ``[(label, set-up, work)]``. Both get the ``env``; set-up
        is not timed, and rolled back with the work.
        """
        return [("ours", None, self.run)]

    def run(self, env):
        """Do the work and return the number of rows it was done for."""
        raise NotImplementedError

    def conclude(self, figures):
        """Lines to print at the end, by the figures of all cases."""
        return ()

    def run_peer(self, env):
        """Let Odoo do the same; return its number of rows."""
        raise NotImplementedError


@dataclass
class Figures:
    seconds: list[float] = field(default_factory=list)
    rows: int = 0
    queries: int = 0

    @property
    def median(self):
        return statistics.median(self.seconds)

    @property
    def rate(self):
        return self.rows / self.median

    def text(self):
        spread = f"{min(self.seconds):.3f}-{max(self.seconds):.3f}"
        return (
            f"{self.rows:>9,} rows  {self.median:8.3f} s ({spread}, "
            f"{len(self.seconds)} runs)  {self.rate:>11,.0f} rows/s  "
            f"{self.queries / max(self.rows, 1):8.4f} queries/row"
        )


def measure(registry, work, runs, set_up=None):
    """Run ``work(env)`` ``runs`` times in transactions that are rolled back."""
    from odoo import SUPERUSER_ID, api, sql_db

    figures = Figures()
    for _run in range(runs):
        gc.collect()
        with registry.cursor() as cr:
            env = api.Environment(cr, SUPERUSER_ID, {})
            if set_up:
                set_up(env)
                env.flush_all()
            # of all cursors: some work opens its own
            queries = sql_db.sql_counter
            started = time.perf_counter()
            figures.rows = work(env)
            env.flush_all()
            figures.seconds.append(time.perf_counter() - started)
            figures.queries = sql_db.sql_counter - queries
            cr.rollback()
    return figures


def vacuum(registry):
    """Take away what runs that were rolled back left behind: no real one leaves it."""
    with registry.cursor() as cr:
        cr._cnx.autocommit = True
        cr.execute("VACUUM ANALYZE")
        cr._cnx.autocommit = False


def machine():
    """The size of the machine the figures are of."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"{os.cpu_count()} cores, {memory:.0f} GiB, {platform.machine()}, "
        f"Python {platform.python_version()}"
    )


def run_bench(registry, bench, out=print):
    """Prepare, measure and print one bench; return its figures, and its peer's."""
    from odoo import SUPERUSER_ID, api

    out(f"\n{bench.name}: {bench.title}")
    with registry.cursor() as cr:
        started = time.perf_counter()
        bench.prepare(api.Environment(cr, SUPERUSER_ID, {}))
        cr.commit()
        out(f"  prepared in {time.perf_counter() - started:.1f} s")
    figures = []
    cases = bench.cases()
    width = max(len(label) for label, _set_up, _work in cases)
    for label, set_up, work in cases:
        vacuum(registry)
        figures.append(measure(registry, work, bench.runs, set_up))
        out(f"  {label:<{width}}  {figures[-1].text()}")
    for line in bench.conclude(figures):
        out(f"  {line}")
    peer = None
    if bench.peer_title:
        vacuum(registry)
        peer = measure(registry, bench.run_peer, bench.peer_runs)
        out(f"  {'peer':<{width}}  {peer.text()}  [{bench.peer_title}]")
        for (label, _set_up, _work), ours in zip(cases, figures, strict=True):
            if label in bench.apart:
                continue
            out(
                f"  ratio {ours.rate / peer.rate:.1f} x the peer's rows per second"
                f" ({label})"
            )
    return figures[0], peer
