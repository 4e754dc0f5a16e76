from . import test_campaign
from . import test_campaign_faults
from . import test_campaign_mail
from . import test_campaign_tour
from . import test_profit
from . import test_touchpoint
from . import test_demo
from . import test_screens
