"""Fixtures of the cross-addon tests: databases made from the template, and a shell.

These tests run outside Odoo, against server processes of their own. ./config/test cross
gives them their settings as environment variables.
"""

import itertools
import subprocess
from contextlib import ExitStack

import pytest
from harness import settings as harness_settings
from harness.database import Database

NUMBERS = itertools.count()


@pytest.fixture(scope="session")
def settings():
    """What ./config/test says: folders, and the names of the template databases."""
    return harness_settings


@pytest.fixture(scope="session")
def sql():
    """Run SQL by psql; return its rows as lists of text. ``:'name'`` is a value."""

    def run(database, statement, **values):
        variables = [f"--set={name}={value}" for name, value in values.items()]
        done = subprocess.run(
            ["psql", "-qXtA", "--set=ON_ERROR_STOP=1", *variables, "-d", database],
            input=statement,
            check=True,
            capture_output=True,
            text=True,
        )
        return [line.split("|") for line in done.stdout.splitlines()]

    return run


@pytest.fixture(scope="module")
def new_database(settings):
    """Make a database: ``new_database()`` from the template (our addons, no demo data),
    ``new_database(base=True)`` from the one without our addons. Dropped afterwards.
    """
    with ExitStack() as made:

        def make(base=False):
            source = settings.base if base else settings.template
            return made.enter_context(Database(next(NUMBERS), source)).name

        yield make
