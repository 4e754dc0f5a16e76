"""Odoo's own lint test classes, on the registry and addons of the test database.

They look at every addon on the path: Odoo's pass them, so a failure is ours.
"""

import importlib
import sys
import types
from pathlib import Path

import odoo.addons.test_lint

# A bare package in place of theirs, whose __init__ imports pylint for tests that are
# left out here (./config/test lint runs those checkers, with a pylint of its own).
PACKAGE = "odoo.addons.test_lint.tests"
package = types.ModuleType(PACKAGE)
package.__path__ = [str(Path(odoo.addons.test_lint.__file__).parent / "tests")]
sys.modules.setdefault(PACKAGE, package)


def load(module, name):
    return getattr(importlib.import_module(f"{PACKAGE}.{module}"), name)


ManifestLinter = load("test_manifests", "ManifestLinter")
RoutesLinter = load("test_routes", "RoutesLinter")
TestI18n = load("test_i18n", "TestI18n")
TestIndex = load("test_index", "TestIndex")
# as its own list does for fields of Odoo: the first key of a unique constraint will do
load("test_index", "BTREE_INDEX_IGNORE_FIELDS").update(
    {"crm.campaign.participant.campaign_id", "crm.campaign.task.participant_id"}
)
TestJsTranslations = load("test_jstranslate", "TestJsTranslations")
TestLintOverrideSignatures = load(
    "test_override_signatures", "TestLintOverrideSignatures"
)
TestNaming = load("test_naming", "TestNaming")
TestOnchangeDomains = load("test_onchange_domains", "TestOnchangeDomains")
TestTestHoles = load("test_test_holes", "TestTestHoles")
