from . import crm_touchpoint_kind
from . import crm_attribution
from . import crm_attribution_freeze
from . import crm_attribution_touch
from . import account_move
from . import res_config_settings
from . import crm_marketing_cost
from . import utm_campaign
