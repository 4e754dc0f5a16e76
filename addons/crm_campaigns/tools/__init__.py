from . import delivery
from . import entry_kind
from . import split
from . import step_kind
from . import subjects
from . import wait_until
