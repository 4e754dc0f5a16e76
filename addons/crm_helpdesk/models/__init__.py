from . import case
from . import history
from . import intake
from . import door
from . import structure
from . import knowledge
from . import migration
from . import aftersales
