from . import mail_hit
from . import unsubscribe
from . import webhook
