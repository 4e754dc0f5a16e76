from . import crm_plus_demo
from . import prediction_writer
