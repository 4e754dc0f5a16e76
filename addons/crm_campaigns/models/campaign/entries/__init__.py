from . import entry_segment
from . import entry_domain
from . import entry_touchpoint
from . import entry_date
from . import entry_change
from . import entry_manual
from . import entry_webhook
