import os
import shutil
import subprocess

import psycopg2

from .settings import settings


def psql(database, query, parameters=None):
    """Run a statement in a connection of its own; return the rows of a query."""
    connection = psycopg2.connect(dbname=database)
    try:
        with connection, connection.cursor() as cr:
            cr.execute(query, parameters)
            return cr.fetchall() if cr.description else None
    finally:
        connection.close()


def drop_database(name):
    """Drop a database and whoever is connected to it.

    ``--force`` ends no autovacuum that happens to be at work there, which is another
    role's: PostgreSQL does by itself, when it is dropped without.
    """
    command = ("dropdb", "--if-exists", name)
    forced = subprocess.run([*command, "--force"], capture_output=True, check=False)
    if forced.returncode:
        _run(*command)


class Database:
    """A clone of a template database with its filestore, dropped at the end."""

    def __init__(self, name, template):
        # crm_plus_x_<run>: what a killed run leaves behind is found by the next one
        self.name = f"crm_plus_x_{settings.run}_{name}"
        self.template = template

    def __enter__(self):
        self.drop()
        _run("createdb", "-T", self.template, self.name)
        source = settings.filestore / self.template
        if source.is_dir():
            # hard links: Odoo never rewrites a stored file in place
            shutil.copytree(
                source, settings.filestore / self.name, copy_function=os.link
            )
        return self

    def __exit__(self, *exc):
        self.drop()

    def drop(self):
        drop_database(self.name)
        shutil.rmtree(settings.filestore / self.name, ignore_errors=True)


def _run(*command):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert not done.returncode, f"{command}: {done.stderr}"
