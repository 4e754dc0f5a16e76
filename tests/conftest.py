"""Fixtures of the cross-addon tests: databases made from the template, and a shell.

These tests run outside Odoo, against server processes of their own. ./config/test cross
gives them their settings as environment variables.
"""

import itertools
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

NUMBERS = itertools.count()


@dataclass(frozen=True)
class Settings:
    root: Path
    addons_path: str
    data_dir: Path
    artefacts: Path
    template: str
    base: str
    run: str

    @property
    def filestore(self):
        return self.data_dir / "filestore"


@pytest.fixture(scope="session")
def settings():
    """What ./config/test says: folders, and the names of the template databases."""
    if "CRM_PLUS_TEST_TEMPLATE" not in os.environ:
        pytest.exit("run these tests by ./config/test cross", returncode=2)
    return Settings(
        root=Path(os.environ["CRM_PLUS_ROOT"]),
        addons_path=os.environ["ADDONS_PATH"],
        data_dir=Path(os.environ["CRM_PLUS_TEST_DATA_DIR"]),
        artefacts=Path(os.environ["CRM_PLUS_ARTEFACTS"]),
        template=os.environ["CRM_PLUS_TEST_TEMPLATE"],
        base=os.environ["CRM_PLUS_TEST_BASE"],
        run=os.environ["CRM_PLUS_TEST_RUN"],
    )


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
    made = []

    def make(base=False):
        source = settings.base if base else settings.template
        # crm_plus_x_<run>: what a killed run leaves behind is found by the next one
        name = f"crm_plus_x_{settings.run}_{next(NUMBERS)}"
        subprocess.run(["createdb", "-T", source, name], check=True)
        made.append(name)
        if (settings.filestore / source).is_dir():
            shutil.copytree(
                settings.filestore / source,
                settings.filestore / name,
                copy_function=os.link,
            )
        return name

    yield make
    for name in made:
        subprocess.run(["dropdb", "--if-exists", "--force", name], check=True)
        shutil.rmtree(settings.filestore / name, ignore_errors=True)
