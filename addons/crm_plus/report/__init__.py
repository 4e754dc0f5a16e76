from . import crm_action_lift_report
from . import crm_product_demand
from . import crm_slow_stock_report
from . import crm_stage_leakage_report
from . import crm_stock_demand_report
from . import crm_segment_overlap
from . import crm_segment_size
