"""Let servers die at named points, and set their clocks."""

from pathlib import Path

ADDONS = Path(__file__).parent / "addons"


class FaultPoints:
    """The points of the addon ``fault_points``, see there.

    :param folder: an empty folder, where the servers look
    :param batch: tasks of a step that are done at once
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

    def open(self):
        """Let the engine go on."""
        (self.folder / "closed").unlink(missing_ok=True)

    def close(self):
        """Let the engine stand still, as soon as the batches at hand are done; the
        death at a point does that, too."""
        (self.folder / "closed").touch()

    def arm(self, point, nth=1):
        """Let the process die that is the first to pass a point for the nth time."""
        new = self.folder / f"{point}.new"
        new.write_text(str(nth))
        new.rename(self.folder / f"{point}.armed")

    def has_reached(self, point):
        return (self.folder / f"{point}.reached").exists()

    def forget(self, point):
        """Return what the process was about that died there, for the point to be used
        again."""
        reached = self.folder / f"{point}.reached"
        about = reached.read_text()
        reached.unlink()
        return about
