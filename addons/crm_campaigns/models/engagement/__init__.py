from . import crm_mail_bounce
from . import crm_touchpoint
from . import link_tracker_click
from . import mail_blacklist
from . import mail_thread
from . import mailing_subscription
from . import mailing_trace
from . import res_partner
