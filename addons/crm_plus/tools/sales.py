"""Which entries of the ledger are sales, for all figures: one definition."""

# What counts as sold: invoices of customers, less credit notes. In SQL as a parameter
# of IN; indexes of account.move have it in their conditions.
SALE_TYPES = ("out_invoice", "out_refund")
# What customers owe, and pay, comes from receipts as well. They are written for what
# is paid at the counter, mostly beside an invoice or an order of the till: counted as
# sales they would count twice.
DEBT_TYPES = (*SALE_TYPES, "out_receipt")
