from . import touchpoint
from . import scoring
from . import prediction
from . import segment
from . import sla
from . import lifecycle
from . import qualification
from . import assignment
