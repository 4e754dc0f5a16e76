import json

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL

STATES = [
    ("waiting", "To do"),
    ("delivered", "Delivered"),
    ("parked", "Given up"),
    ("cancelled", "Cancelled"),
]
# Nothing follows from what is so.
OVER = ("delivered", "parked", "cancelled")


class CrmCampaignRequest(models.Model):
    """The outbox: one call of another system, written in the transaction of the step
    that wants it, and made after that has committed.

    A call arrives *at least* once. Each try is on record, and committed, before it is
    made; if the worker dies before it knows the answer, the call is made again when its
    time is over, with the same key. The other system can tell by the key that it has
    it. One task has one call: there is no second key for the same thing.
    """

    _name = "crm.campaign.request"
    _description = "Web Service Call"
    _order = "id desc"
    _rec_name = "key"

    endpoint_id = fields.Many2one(
        "crm.campaign.endpoint",
        string="Web Service",
        required=True,
        readonly=True,
        ondelete="restrict",
    )
    task_id = fields.Many2one(
        "crm.campaign.task", required=True, readonly=True, ondelete="cascade"
    )
    participant_id = fields.Many2one(related="task_id.participant_id")
    step_id = fields.Many2one(related="task_id.step_id")
    campaign_id = fields.Many2one(
        "crm.campaign", required=True, readonly=True, index=True, ondelete="cascade"
    )
    company_id = fields.Many2one(related="campaign_id.company_id")
    key = fields.Char(
        required=True,
        readonly=True,
        help="The same at each try: headers Idempotency-Key and webhook-id.",
    )
    body = fields.Text(string="What Is Sent", required=True, readonly=True)
    state = fields.Selection(STATES, required=True, readonly=True, default="waiting")
    attempts = fields.Integer(string="Tries", required=True, readonly=True, default=0)
    date_next = fields.Datetime(string="Next Try", readonly=True)
    date_done = fields.Datetime(string="Done On", readonly=True)
    status = fields.Integer(string="Last Status", readonly=True)
    reason = fields.Text(string="Last Answer", readonly=True)
    try_ids = fields.One2many("crm.campaign.request.try", "request_id", readonly=True)

    _task_uniq = models.Constraint(
        "UNIQUE(task_id)", "A step calls another system once for each person."
    )
    # the queue of each service
    _queue_idx = models.Index("(endpoint_id, date_next, id) WHERE state = 'waiting'")
    _parked_idx = models.Index("(endpoint_id) WHERE state = 'parked'")
    _over_idx = models.Index("(date_done) WHERE state <> 'waiting'")

    @api.depends("endpoint_id", "task_id")
    def _compute_display_name(self):
        for request in self:
            request.display_name = self.env._(
                "%(service)s for %(who)s",
                service=request.endpoint_id.name,
                who=request.participant_id.who,
            )

    # ------------------------------------------------------------
    # Writing
    # ------------------------------------------------------------

    @api.model
    def _dump(self, message):
        """``message`` as it is sent and kept, with the time it was made."""
        moment = fields.Datetime.now().isoformat(timespec="seconds") + "Z"
        return json.dumps({"timestamp": moment, **message}, ensure_ascii=False)

    @api.model
    def _put(self, endpoint, campaign, bodies):
        """Put calls into the outbox, in one statement: ``{task id: body}``. A task that
        has one keeps it.
        """
        if not bodies:
            return
        # sudo: the key is no secret, and the same whoever asks
        database = self.env["ir.config_parameter"].sudo().get_param("database.uuid")
        self.env.execute_query(
            SQL(
                """
                INSERT INTO crm_campaign_request (
                    endpoint_id, campaign_id, task_id, key, body, state, attempts,
                    date_next, create_date, write_date, create_uid, write_uid
                )
                SELECT %(endpoint)s, %(campaign)s, n.task_id,
                       %(database)s || '-' || n.task_id, n.body, 'waiting', 0,
                       %(now)s, %(now)s, %(now)s, %(uid)s, %(uid)s
                  FROM unnest(%(ids)s, %(bodies)s::text[]) AS n(task_id, body)
           ON CONFLICT (task_id) DO NOTHING
             RETURNING id
                """,
                endpoint=endpoint.id,
                campaign=campaign.id,
                database=database or "",
                now=fields.Datetime.now(),
                uid=self.env.uid,
                ids=list(bodies),
                bodies=list(bodies.values()),
            )
        )
        self.invalidate_model(flush=False)
        self._trigger()

    @api.model
    def _trigger(self, at=None):
        cron = self.env.ref(
            "crm_campaigns.ir_cron_send_requests", raise_if_not_found=False
        )
        if cron:
            # sudo: whatever puts something into the outbox wakes it
            cron.sudo()._trigger(at=at)

    # ------------------------------------------------------------
    # What people do
    # ------------------------------------------------------------

    def action_replay(self):
        """Call again, or at once what waits for its next try. The key stays the same: a
        system that has the call already leaves it at that.
        """
        self.campaign_id.check_access("write")
        self.check_access("read")
        # sudo: the outbox is written by the system only
        self.sudo().write(
            {
                "state": "waiting",
                "attempts": 0,
                "date_next": fields.Datetime.now(),
                "date_done": False,
            }
        )
        self._trigger()

    def action_cancel(self):
        """Do not call any more."""
        self.campaign_id.check_access("write")
        self.check_access("read")
        # sudo: the outbox is written by the system only
        requests_sudo = self.sudo().filtered(lambda r: r.state in ("waiting", "parked"))
        if not requests_sudo:
            raise UserError(self.env._("These calls are over."))
        requests_sudo.write({"state": "cancelled", "date_done": fields.Datetime.now()})
        requests_sudo.task_id._wake_answered()

    # ------------------------------------------------------------
    # The story
    # ------------------------------------------------------------

    def _get_journey_event(self):
        """How the call is told in the story of a person."""
        self.ensure_one()
        name = self.endpoint_id.name
        why = f": {self.reason}" if self.reason else ""
        texts = {
            "waiting": self.env._("%s · not answered yet", name) + why,
            "delivered": self.env._("%s · has it", name) + why,
            "parked": self.env._("%s · given up", name) + why,
            "cancelled": self.env._("%s · call cancelled", name),
        }
        colours = {"delivered": "text-success", "parked": "text-danger"}
        return {
            "date": self.date_done or self.create_date,
            "icon": f"fa-cloud-upload {colours.get(self.state, 'text-muted')}",
            "text": texts[self.state],
            "order": self.task_id.id + 0.5,
        }
