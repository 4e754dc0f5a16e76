"""pytest plugin of ./config/test: a browser test that is skipped has not passed.

Odoo skips each of them in silence when Chromium or websocket-client is missing, or when
the browser does not open its port in time. The plugin also marks them as ``browser``,
for ``-m browser`` and ``-m 'not browser'``.

Tests that wait get more time than Odoo grants them: several browsers and servers share
the machine, and a test that fails for its load tells nothing.

Each process of xdist gets a filestore of its own. pytest-odoo lets them share one,
where the clean-up that Odoo does after each class deletes the files of the others.

With ``CRM_PLUS_TEST_NO_SKIP`` no test at all may be skipped: in that database there is
what its tests look for.
"""

import contextlib
import functools
import inspect
import os
import pathlib
import shutil
import sys

import pytest

BROWSER_CALLS = ("start_tour(", "browser_js(")
# seconds: of Odoo's 20 and 60
CURSOR_PATIENCE = 120
BROWSER_PATIENCE = 240
REASONS = ("chrome", "chromium", "websocket-client", "--odoo-http", "headless")


def pytest_configure(config):
    config.addinivalue_line("markers", "browser: drives a real browser")


@contextlib.contextmanager
def own_filestore(original, name):
    """A copy of the filestore of database ``original`` for its copy ``name``."""
    if original == name:
        yield
        return
    from odoo.tools import config

    target = pathlib.Path(config.filestore(name))
    source = pathlib.Path(config.filestore(original))
    shutil.rmtree(target, ignore_errors=True)
    if source.is_dir():
        # hard links: Odoo never rewrites a stored file in place
        shutil.copytree(source, target, copy_function=os.link)
    try:
        yield
    finally:
        shutil.rmtree(target, ignore_errors=True)


def pytest_sessionstart(session):
    if "odoo.tests" not in sys.modules:
        return
    import pytest_odoo

    from odoo.tests import BaseCase, HttpCase

    assert pytest_odoo._shared_filestore
    pytest_odoo._shared_filestore = own_filestore

    BaseCase.test_cursor_lock_timeout = CURSOR_PATIENCE
    browser_js = HttpCase.browser_js

    @functools.wraps(browser_js)
    def patient_browser_js(self, *args, timeout=BROWSER_PATIENCE, **kwargs):
        return browser_js(self, *args, timeout=timeout, **kwargs)

    HttpCase.browser_js = patient_browser_js


def pytest_collection_modifyitems(items):
    for item in items:
        function = getattr(item, "function", None)
        if function is None:
            continue
        try:
            source = inspect.getsource(inspect.unwrap(function))
        except OSError:
            continue
        if any(call in source for call in BROWSER_CALLS):
            item.add_marker("browser")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    if not report.skipped:
        return
    reason = report.longrepr
    reason = reason[-1] if isinstance(reason, tuple) else str(reason)
    if (
        os.environ.get("CRM_PLUS_TEST_NO_SKIP")
        or item.get_closest_marker("browser")
        or any(r in reason.lower() for r in REASONS)
    ):
        report.outcome = "failed"
        report.longrepr = f"not run, so not passed: {reason}"
