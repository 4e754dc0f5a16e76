from . import step_mail
from . import step_wait
from . import step_wait_click
from . import step_condition
from . import step_update
from . import step_activity
from . import step_server_action
