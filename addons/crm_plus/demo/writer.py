"""Writes a ``Plot`` into the database.

What has a flow in Odoo goes through it - orders are confirmed, deliveries validated,
invoices posted, payments registered, all in batches - and is then dated back in SQL to
the day on which the plot says it happened.
"""

import logging
from time import monotonic

from .audience_writer import AudienceWriter
from .customer_writer import CustomerWriter
from .marketing_writer import MarketingWriter
from .people_writer import PeopleWriter
from .process_writer import ProcessWriter
from .sales_writer import SalesWriter

_logger = logging.getLogger(__name__)


class Writer(
    PeopleWriter,
    ProcessWriter,
    SalesWriter,
    CustomerWriter,
    AudienceWriter,
    MarketingWriter,
):
    """Writes a plot, room by room; knows which record became of what."""

    def __init__(self, env, plot, products):
        super().__init__(env, plot.now)
        self.plot = plot
        self.products = {product.default_code: product for product in products}
        self.partners = {}  # id of a contact or customer of the plot: partner
        self.leads = {}  # id of a lead of the plot: lead
        self.orders = {}
        self.users = {
            "admin": env.ref("base.user_admin"),
            **{
                login: env.ref(f"crm_plus.demo_user_{login}")
                for login in ("nora", "luca", "camille", "owen", "marisol")
            },
        }

    def run(self):
        steps = (
            self.write_members,
            self.write_partners,
            self.write_leads,
            self.write_assignments,
            self.write_clocks,
            self.write_handovers,
            self.write_talks,
            self.write_silence,
            self.write_answers,
            self.write_junk,
            self.write_meetings,
            self.write_stock,
            self.write_orders,
            self.write_deliveries,
            self.write_invoices,
            self.write_returns,
            self.write_payments,
            self.write_costs,
            self.write_order_mails,
            self.write_activities,
            self.date_back_documents,
            self.write_stage_history,
            self.write_gate_pass,
            self.write_interests,
            self.write_credit_limits,
            self.predict,
            self.harvest,
            self.write_attribution,
            self.write_profiles,
            self.write_scores,
            self.write_segments,
            self.write_fact_segments,
            self.write_personas,
            self.write_alerts,
            self.harvest,
            self.forget_today,
        )
        for step in steps:
            started = monotonic()
            step()
            self.env.flush_all()
            _logger.debug(
                "crm_plus demo: %s %.1f s", step.__name__, monotonic() - started
            )
        self.env.invalidate_all()
