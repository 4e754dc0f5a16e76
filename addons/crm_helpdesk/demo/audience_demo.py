from odoo import api, models

from odoo.addons.crm_plus.demo.base_writer import BaseWriter

from ..models.case.crm_case_stage import DONE


class CrmPlusDemo(models.AbstractModel):
    """Segments of what service knows of the customers of the demo company."""

    _inherit = "crm.plus.demo"

    @api.model
    def _load_case_segments(self):
        """Members since their oldest open case, and since they rated."""
        if not self._is_demo_database():
            return
        env = self._get_env().env
        writer = BaseWriter(env, self._get_demo_now())
        for code, domain, date in (
            ("case_open", [("stage_category", "not in", DONE)], "date_opened:min"),
            ("unhappy", [("date_closed", "!=", False)], "date_closed:max"),
        ):
            segment = env.ref(f"crm_helpdesk.demo_segment_{code}")
            moments = env["crm.case"]._read_group(
                domain, ["commercial_partner_id"], [date]
            )
            writer.join(segment, {partner.id: moment for partner, moment in moments})
        writer.harvest()
        writer.forget_today()
