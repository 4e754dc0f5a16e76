from . import crm_campaign_approve
from . import crm_campaign_enter
from . import crm_campaign_import
from . import mailing_mailing_test
from . import crm_campaign_start
from . import crm_campaign_publish
