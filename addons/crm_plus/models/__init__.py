from . import crm_cached_mixin  # isort: skip
from . import touchpoint
from . import scoring
from . import prediction
from . import segment
from . import customer
from . import persona
from . import sla
from . import lifecycle
from . import qualification
from . import assignment
from . import pipeline
from . import contact
from . import attribution
