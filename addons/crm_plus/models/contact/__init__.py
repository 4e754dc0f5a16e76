from . import crm_mail_bounce
from . import mail_thread
from . import res_partner
from . import res_config_settings
