from . import test_machine_mail
from . import test_touchpoint
from . import test_touchpoint_ledger
from . import test_touchpoint_late_commit
from . import test_worktime
from . import test_segment
from . import test_calendar_time
from . import test_sla
