from . import crm_prediction_model
from . import crm_prediction_input
from . import crm_prediction_version
from . import crm_prediction_training
from . import crm_prediction_scoring
from . import crm_lead_prediction
