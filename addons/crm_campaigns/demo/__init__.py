from . import crm_plus_demo
from . import audience_demo
from . import contact_demo
