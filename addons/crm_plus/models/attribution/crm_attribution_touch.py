from odoo import fields, models


class CrmAttributionTouch(models.Model):
    """A touchpoint in the path to an invoice, with its share in each model.

    A copy: it stays as it is when the ledger forgets the touchpoint. An invoice without
    a touchpoint has one row that says so, with the whole share.
    """

    _name = "crm.attribution.touch"
    _description = "Attributed Touchpoint"
    _order = "attribution_id, position, id"
    _rec_name = "kind_id"
    _log_access = False

    attribution_id = fields.Many2one(
        "crm.attribution",
        required=True,
        readonly=True,
        index=True,
        ondelete="cascade",
    )
    position = fields.Integer(string="#", readonly=True, aggregator=None)
    touchpoint_id = fields.Many2one(
        "crm.touchpoint", readonly=True, index="btree_not_null", ondelete="set null"
    )
    is_unknown = fields.Boolean(
        string="Unknown", readonly=True, help="The invoice has no touchpoint."
    )
    # kinds go with the app that brought them, what was earned stays
    kind_id = fields.Many2one("crm.touchpoint.kind", readonly=True, ondelete="set null")
    date = fields.Datetime(readonly=True)
    campaign_id = fields.Many2one("utm.campaign", readonly=True, ondelete="set null")
    medium_id = fields.Many2one("utm.medium", readonly=True, ondelete="set null")
    source_id = fields.Many2one("utm.source", readonly=True, ondelete="set null")
    # shares add to 1
    share_first = fields.Float(string="First Touch", readonly=True)
    share_last = fields.Float(string="Last Touch", readonly=True)
    share_linear = fields.Float(string="Linear", readonly=True)
    share_u_shape = fields.Float(string="U-Shape", readonly=True)
    share_decay = fields.Float(string="Time Decay", readonly=True)
