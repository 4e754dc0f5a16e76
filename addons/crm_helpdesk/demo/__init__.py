from . import crm_plus_demo
from . import audience_demo
from . import figures_demo
from . import intake_demo
from . import structure_demo
from . import service_demo
