from odoo import api, models


class MailThread(models.AbstractModel):
    """What is answered to a case that was merged belongs to the one that lives on."""

    _inherit = "mail.thread"

    @api.model
    def _routing_check_route(self, message, message_dict, route, raise_exception=True):
        # before any rule looks at the case: the merged one is closed for good
        return super()._routing_check_route(
            message,
            message_dict,
            self._route_to_survivor(route),
            raise_exception=raise_exception,
        )

    @api.model
    def message_route(
        self, message, message_dict, model=None, thread_id=None, custom_values=None
    ):
        routes = super().message_route(
            message,
            message_dict,
            model=model,
            thread_id=thread_id,
            custom_values=custom_values,
        )
        return [self._route_to_survivor(route) for route in routes or []]

    @api.model
    def _route_to_survivor(self, route):
        if not route or route[0] != "crm.case" or not route[1]:
            return route
        model, thread_id, *rest = route
        # sudo: the gateway knows all cases
        case = self.env["crm.case"].sudo().browse(thread_id).exists()
        survivor = case._get_survivor()
        if survivor == case:
            return route
        return (model, survivor.id, *rest)
