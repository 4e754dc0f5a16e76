"""Where things are: as ./config/test says in the environment, else ODOO_RC."""

import configparser
import os
import shutil
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Settings:
    """By hand, ``ODOO_RC=my.conf pytest -p no:odoo tests`` takes the database that the
    file names (with our addons installed, nobody connected) as the template."""

    @cached_property
    def _file(self):
        parser = configparser.ConfigParser(interpolation=None)
        parser.read(os.environ.get("ODOO_RC", ""))
        return parser["options"] if parser.has_section("options") else {}

    def _get(self, variable, option=None):
        value = os.environ.get(variable) or (option and self._file.get(option))
        if not value:
            raise RuntimeError(
                f"{variable} is not set: run these tests by ./config/test cross, or "
                "set ODOO_RC to an odoo.conf with db_name and data_dir"
            )
        return value

    @property
    def template(self):
        """Database with our addons, cloned for each server."""
        return self._get("CRM_PLUS_TEST_TEMPLATE", "db_name")

    @property
    def base(self):
        """Database with the Odoo apps we need, and no addon of ours."""
        return self._get("CRM_PLUS_TEST_BASE")

    @property
    def data_dir(self):
        return Path(self._get("CRM_PLUS_TEST_DATA_DIR", "data_dir"))

    @property
    def filestore(self):
        return self.data_dir / "filestore"

    @property
    def root(self):
        return ROOT

    @property
    def addons_path(self):
        return os.environ.get("ADDONS_PATH") or str(ROOT / "addons")

    @cached_property
    def odoo(self):
        """The script: ``python -m odoo`` cannot start its websocket process."""
        path = shutil.which("odoo") or shutil.which("odoo-bin")
        if not path:
            raise RuntimeError("no odoo on PATH")
        return path

    @cached_property
    def mailgate(self):
        """Odoo's own gateway script, as a mail server's alias file would name it."""
        import odoo.addons.mail

        (folder, *_) = odoo.addons.mail.__path__
        return Path(folder) / "static" / "scripts" / "odoo-mailgate.py"

    @cached_property
    def artefacts(self):
        folder = Path(os.environ.get("CRM_PLUS_ARTEFACTS") or ROOT / "artefacts")
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    @cached_property
    def run(self):
        """Names the databases of this run: those of a killed one are cleared by it."""
        return os.environ.get("CRM_PLUS_TEST_RUN") or str(os.getpid())


settings = Settings()
