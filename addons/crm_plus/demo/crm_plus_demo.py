import logging
from time import monotonic

from odoo import api, fields, models

from .plot import Plot
from .writer import Writer

_logger = logging.getLogger(__name__)

# Customers of the demo company are numbered; the first one tells that they are there.
FIRST_CUSTOMER_REF = "SW-1001"

# No history of today, no mail, no clocks from now: the writer says when things were.
QUIET = {
    "tracking_disable": True,
    "mail_create_nolog": True,
    "mail_create_nosubscribe": True,
    "mail_notrack": True,
    "mail_activity_quick_update": True,
    "no_reset_password": True,
    "dont_notify": True,
    "no_mail_to_attendees": True,
    "skip_sms": True,
    "crm_plus_skip_sla": True,
}


class CrmPlusDemo(models.AbstractModel):
    """A year in the life of a coffee wholesaler, written with the demo data."""

    _name = "crm.plus.demo"
    _description = "Demo Data"

    @api.model
    def _is_demo_database(self):
        """Whether the database was made to show things: nothing is invented in others.

        Read from base, as an addon is marked only after its demo data was loaded.
        """
        base = self.env["ir.module.module"].search([("name", "=", "base")])
        return base.demo

    @api.model
    def _get_env(self):
        """The demo company's environment: quiet, of one company, in English."""
        company = self.env.ref("base.main_company")
        return self.with_company(company).with_context(
            **QUIET, allowed_company_ids=company.ids, lang="en_US"
        )

    @api.model
    def _get_demo_now(self):
        """The last noon or midnight, so that a day tells the same story at any hour."""
        now = fields.Datetime.now()
        return now.replace(hour=now.hour // 12 * 12, minute=0, second=0, microsecond=0)

    @api.model
    def _load(self):
        """Write the story, once. Called by the demo file."""
        if not self._is_demo_database():
            _logger.info("crm_plus: no demo database, no demo data")
            return
        env = self._get_env().env
        if env["res.partner"].search_count([("ref", "=", FIRST_CUSTOMER_REF)]):
            return
        started = monotonic()
        products = env["product.product"].search(
            [("default_code", "!=", False), ("categ_id", "in", self._categories().ids)]
        )
        plot = Plot(
            self._get_demo_now(),
            {product.default_code: product.list_price for product in products},
        )
        Writer(env, plot, products).run()
        _logger.info(
            "crm_plus: demo data of %s customers, %s leads, %s orders in %.1f s",
            len(plot.customers),
            len(plot.leads),
            len(plot.orders),
            monotonic() - started,
        )

    @api.model
    def _categories(self):
        return self.env["product.category"].concat(
            *(
                self.env.ref(f"crm_plus.demo_product_category_{code}")
                for code in ("green", "roasted", "supplies", "equipment")
            )
        )
