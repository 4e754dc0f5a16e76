from . import crm_customer_profit_report
from . import crm_campaign_step_report
from . import crm_campaign_link_report
from . import crm_campaign_result_report
from . import crm_campaign_report
