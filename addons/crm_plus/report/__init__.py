from . import crm_stage_leakage_report
