from odoo import fields, models


class CrmMailingListMove(models.Model):
    """Who came on a mailing list by its segment, who went, and who was not put on it
    again.

    The last row of an address tells what may be done with it: who was taken off by hand
    (*kept out*) stays off.
    """

    _name = "crm.mailing.list.move"
    _description = "Joined or Left a Mailing List"
    _order = "id desc"
    _rec_name = "email"

    list_id = fields.Many2one(
        "mailing.list", required=True, readonly=True, ondelete="cascade"
    )
    segment_id = fields.Many2one(
        "crm.segment", readonly=True, index="btree_not_null", ondelete="set null"
    )
    contact_id = fields.Many2one(
        "mailing.contact", readonly=True, index="btree_not_null", ondelete="set null"
    )
    email = fields.Char(required=True, readonly=True)
    kind = fields.Selection(
        [
            ("joined", "Subscribed"),
            ("left", "Taken Off"),
            ("kept_out", "Not Subscribed"),
        ],
        string="What",
        required=True,
        readonly=True,
    )
    reason = fields.Selection(
        [
            ("segment", "Joined the segment"),
            ("left", "Left the segment"),
            ("unsubscribed", "Unsubscribed"),
            ("blocked", "On the blacklist"),
            ("removed", "Taken off the list by hand"),
        ],
        required=True,
        readonly=True,
    )
    create_date = fields.Datetime(string="Date", readonly=True)

    _last_idx = models.Index("(list_id, email, id)")
