from . import crm_persona
from . import crm_persona_study
from . import crm_customer_profile
from . import crm_segment
