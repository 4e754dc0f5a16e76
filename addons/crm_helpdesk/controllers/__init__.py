from . import portal
from . import case_call
from . import case_form
from . import case_hook
from . import rating
from . import portal_participant
from . import merged_case
from . import help
