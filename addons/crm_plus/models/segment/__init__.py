from . import base_partner_merge
from . import crm_segment
from . import crm_segment_member
from . import crm_segment_mixin
from . import crm_lead
from . import crm_touchpoint
from . import res_partner
