from odoo.http import request

from odoo.addons.portal.controllers.thread import PortalThreadController


class CaseThreadController(PortalThreadController):
    def _prepare_message_data(self, post_data, *, thread, **kwargs):
        values = super()._prepare_message_data(post_data, thread=thread, **kwargs)
        if (
            kwargs.get("from_create")
            and thread._name == "crm.case"
            and not request.env.user._is_internal()
        ):
            # what customers write is nothing else, whatever the browser calls it
            values["message_type"] = "comment"
        return values
