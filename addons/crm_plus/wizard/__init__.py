from . import crm_score_compare
from . import crm_score_import
from . import crm_handover_refuse
from . import crm_handover_send
from . import crm_lifecycle_recycle
