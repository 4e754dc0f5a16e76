from . import crm_case_stage_history
from . import crm_case_history
from . import crm_case_stage
from . import crm_case_promise_time
from . import crm_case_agent_day
