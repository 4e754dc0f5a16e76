#!/usr/bin/env python3
"""Runs the benches by name, or all of them: ``run.py [name …]``.

``run.py --list`` prints what wants a database of its own, a line each: a name stands
also for the benches that go on from it (``prediction`` for ``prediction_score``).

Needs ``ODOO_RC``: a configuration whose ``db_name`` holds our addons and may be filled.
"""

import importlib
import os
import pkgutil
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests import bench as bench_package
from tests.bench.runner import Bench, machine, run_bench


def find_benches():
    """Return ``{name: Bench}`` of all ``bench_*.py`` beside this file."""
    for module in pkgutil.iter_modules(bench_package.__path__):
        if module.name.startswith("bench_"):
            importlib.import_module(f"tests.bench.{module.name}")
    found, todo = {}, [Bench]
    while todo:
        todo += todo[0].__subclasses__()
        cls = todo.pop(0)
        found[cls.name] = cls
    del found[Bench.name]
    return dict(sorted(found.items()))


def get_roots(benches):
    """The names that go on from no other one, without those that take long."""
    return [
        name
        for name, cls in benches.items()
        if not cls.is_long
        and not any(name.startswith(f"{other}_") for other in benches)
    ]


def main(names):
    from odoo.modules.registry import Registry
    from odoo.tools import config

    config.parse_config(["-c", os.environ["ODOO_RC"]])
    benches = find_benches()
    if names == ["--list"]:
        print("\n".join(get_roots(benches)))
        return 0
    unknown = set(names) - set(benches)
    if unknown:
        print(f"no bench named {', '.join(sorted(unknown))}; there are:")
        print("  " + ", ".join(benches))
        return 2
    [db_name] = (
        config["db_name"]
        if isinstance(config["db_name"], list)
        else [config["db_name"]]
    )
    registry = Registry(db_name)
    with registry.cursor() as cr:
        cr.execute("SHOW server_version")
        [version] = cr.fetchone()
    print(f"{machine()}, PostgreSQL {version}")
    chosen = [
        name
        for name, cls in benches.items()
        if name in names
        or (
            not cls.is_long
            and (not names or any(name.startswith(f"{asked}_") for asked in names))
        )
    ]
    for name in chosen:
        run_bench(registry, benches[name]())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
