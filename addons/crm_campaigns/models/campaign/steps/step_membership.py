from odoo import api, fields, models
from odoo.tools import SQL
from odoo.tools.translate import LazyTranslate

from ....tools.step_kind import StepKind

_lt = LazyTranslate(__name__)


class SegmentKind(StepKind):
    """Pins the records into a segment or out of it, or lets its conditions decide."""

    code = "segment"
    label = _lt("Put into a Segment, or Out")
    family = "record"
    icon = "fa-users"
    fields = ("pin_segment_id", "pin_operation")

    def get_problems(self):
        segment = self.step.pin_segment_id
        if not segment:
            return [self.env._("choose the segment.")]
        if segment.target != self.step.campaign_id._get_model():
            return [self.env._("the segment holds other records.")]
        return []

    def get_preview(self, record, date):
        operations = self.step._fields["pin_operation"]
        label = dict(operations._description_selection(self.env))
        name = self.step.pin_segment_id.name
        return [{"label": label[self.step.pin_operation], "value": name}]

    def run(self, tasks):
        step = self.step
        records = self.env[step.campaign_id._get_model()].browse(
            tasks._get_subjects().values()
        )
        if step.pin_operation == "decide":
            step.pin_segment_id._unpin(records)
        else:
            step.pin_segment_id._pin(records, step.pin_operation)
        tasks._done(reason=step.pin_segment_id.name)


class MailingListKind(StepKind):
    """Subscribes people to a mailing list, or takes them off. Whoever unsubscribed is
    never subscribed again.
    """

    code = "mailing_list"
    label = _lt("Put on a Mailing List, or Off")
    family = "record"
    icon = "fa-list-alt"
    fields = ("list_id", "list_operation")

    def get_problems(self):
        if not self.step.list_id:
            return [self.env._("choose the mailing list.")]
        return []

    def foresee(self, crowd):
        without = [key for key in crowd.ids if not crowd.run.emails.get(key)]
        crowd.skip(self.env._("No e-mail address."), without)
        crowd.go()

    def run(self, tasks):
        emails = tasks._read_participants(SQL("p.email"))
        without = [task_id for task_id, email in emails.items() if not email]
        tasks.browse(without)._skip(self.env._("No e-mail address."))
        found = {email for email in emails.values() if email}
        if self.step.list_operation == "add":
            self._subscribe(found)
        else:
            self._take_off(found)
        with_email = tasks.browse(i for i in tasks._ids if emails[i])
        with_email._done(reason=self.step.list_id.name)

    def get_preview(self, record, date):
        operations = self.step._fields["list_operation"]
        label = dict(operations._description_selection(self.env))
        name = self.step.list_id.name
        return [{"label": label[self.step.list_operation], "value": name}]

    def _get_subscriptions(self, emails):
        return self.env["mailing.subscription"].search(
            [
                ("list_id", "=", self.step.list_id.id),
                ("contact_id.email_normalized", "in", list(emails)),
            ]
        )

    def _subscribe(self, emails):
        known = self._get_subscriptions(emails).contact_id
        missing = emails - set(known.mapped("email_normalized"))
        if not missing:
            return
        Contact = self.env["mailing.contact"]
        contacts = Contact.search(
            [("email_normalized", "in", list(missing))], order="id"
        )
        by_email = {contact.email_normalized: contact for contact in contacts}
        new = Contact.create(
            [{"email": email} for email in sorted(missing - set(by_email))]
        )
        self.env["mailing.subscription"].create(
            [
                {"list_id": self.step.list_id.id, "contact_id": contact.id}
                for contact in [*by_email.values(), *new]
            ]
        )

    def _take_off(self, emails):
        subscriptions = self._get_subscriptions(emails)
        # that somebody unsubscribed is not to be forgotten
        subscriptions.filtered(lambda s: not s.opt_out).unlink()


class CrmCampaignStep(models.Model):
    _inherit = "crm.campaign.step"

    pin_segment_id = fields.Many2one(
        "crm.segment",
        string="Which Segment",
        domain="[('target', '=', model_name)]",
        index="btree_not_null",
        ondelete="restrict",
    )
    pin_operation = fields.Selection(
        [
            ("in", "Always a member"),
            ("out", "Never a member"),
            ("decide", "As its conditions say"),
        ],
        string="From Then On",
        default="in",
        required=True,
    )
    list_id = fields.Many2one(
        "mailing.list",
        string="Which List",
        index="btree_not_null",
        ondelete="restrict",
    )
    list_operation = fields.Selection(
        [("add", "Subscribe"), ("remove", "Take off")],
        string="To the List",
        default="add",
        required=True,
    )

    @api.model
    def _get_kinds(self):
        return [*super()._get_kinds(), SegmentKind, MailingListKind]

    @api.constrains("pin_segment_id", "list_id")
    def _check_membership(self):
        """The scheduler may do anything: whoever says so may do it by hand."""
        for name in ("pin_segment_id", "list_id"):
            targets = self.mapped(name)
            if targets:
                targets.with_user(self.env.user).check_access("write")
