from . import crm_campaign_check
from . import crm_campaign_dry_run
from . import crm_campaign_walk
from . import res_company
from . import res_config_settings
from . import crm_campaign_approval
