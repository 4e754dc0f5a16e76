from . import case
from . import history
