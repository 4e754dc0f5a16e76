from . import account_move
from . import crm_lead_product_line
from . import crm_lead_product_template
from . import crm_lead_product_template_line
from . import crm_lead_products
from . import crm_touchpoint
from . import sale_order
