from . import crm_contact_policy
from . import mailing_trace
from . import mailing_mailing
from . import mail_blacklist
from . import crm_campaign_participant
from . import crm_campaign_task
