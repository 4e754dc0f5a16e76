from . import crm_campaign_endpoint
from . import crm_campaign_participant
from . import crm_campaign_request
from . import crm_campaign_request_send
from . import crm_campaign_request_try
from . import crm_campaign_task
from . import res_config_settings
