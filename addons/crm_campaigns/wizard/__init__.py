from . import crm_campaign_enter
