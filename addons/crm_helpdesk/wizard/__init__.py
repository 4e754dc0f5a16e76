from . import crm_case_call
from . import crm_case_bulk
from . import crm_case_checklist_add
from . import crm_case_close
from . import crm_case_merge
from . import crm_case_snooze
from . import crm_case_split
from . import crm_case_service
