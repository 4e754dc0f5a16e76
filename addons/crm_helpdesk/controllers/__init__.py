from . import portal
from . import rating
from . import portal_participant
