from . import crm_case_call
