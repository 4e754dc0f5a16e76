from . import crm_customer_profit_report
