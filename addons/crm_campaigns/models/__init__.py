from . import engagement  # isort: skip
from . import campaign
from . import audience
from . import consent
from . import outbox
from . import trust
