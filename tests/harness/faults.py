"""Let servers die at named points, and set their clocks."""

from pathlib import Path

from .waiting import wait_for

ADDONS = Path(__file__).parent / "addons"


class FaultPoints:
    """The points of the addon ``fault_points``, see there.

    :param folder: an empty folder, where the servers look
    :param batch: mails that are composed at once
    """

    def __init__(self, folder, batch):
        self.folder = Path(folder)
        self.batch = batch

    def get_server_options(self, name):
        """What a server is started with so that it can die."""
        return {
            "addons": [ADDONS],
            "options": {"server_wide_modules": "base,rpc,web,fault_points"},
            "environment": {
                "FAULT_POINTS": str(self.folder),
                "FAULT_CLOCK": str(self._clock(name)),
                "FAULT_BATCH": str(self.batch),
            },
        }

    def _clock(self, name):
        return self.folder / f"{name}.clock"

    def set_clock(self, name, seconds):
        """How much the clock of a server is ahead; nobody reads half of a number."""
        new = self._clock(name).with_suffix(".new")
        new.write_text(str(seconds))
        new.rename(self._clock(name))

    def arm(self, point, nth=1):
        """Let the process die that is the first to pass a point for the nth time."""
        new = self.folder / f"{point}.new"
        new.write_text(str(nth))
        new.rename(self.folder / f"{point}.armed")

    def wait_until_reached(self, point, meanwhile, timeout=120):
        """Return what the process was about that died there.

        :param meanwhile: called again and again
        """
        reached = self.folder / f"{point}.reached"

        def has_died():
            if reached.exists():
                return True
            meanwhile()
            return False

        wait_for(f"death at “{point}”", has_died, timeout=timeout, every=0.2)
        about = reached.read_text()
        reached.unlink()
        return about
