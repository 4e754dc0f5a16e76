from . import crm_case_dimension_mixin
from . import crm_case_report
from . import crm_case_segment_report
from . import crm_case_flow_report
from . import crm_case_stay_report
from . import crm_case_promise_report
