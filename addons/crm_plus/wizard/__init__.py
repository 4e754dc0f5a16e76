from . import crm_score_compare
from . import crm_score_import
