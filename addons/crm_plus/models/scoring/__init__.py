from . import crm_score_model
from . import crm_score_rule
from . import crm_score_run
from . import crm_score_mixin
from . import crm_lead_scoring
from . import crm_touchpoint
from . import res_partner
