from odoo import api, fields, models
from odoo.tools import SQL
from odoo.tools.translate import LazyTranslate

from .step_wait_condition import WatchKind

_lt = LazyTranslate(__name__)

# what a person does with a message, or what becomes of it: by trace ``tr``
REACTIONS = {
    # as far as one can tell, by a person: see ``human_open_datetime``
    "opened": SQL("tr.human_open_datetime IS NOT NULL"),
    "clicked": SQL(
        "EXISTS (SELECT FROM link_tracker_click c"
        " WHERE c.mailing_trace_id = tr.id AND c.machine_reason IS NULL)"
    ),
    # automatic answers are told apart when they come in
    "replied": SQL("tr.reply_datetime IS NOT NULL"),
    # a provider of text messages tells of some only afterwards
    "bounced": SQL(
        "(tr.trace_status = 'bounce'"
        " OR (tr.trace_type = 'sms' AND tr.trace_status = 'error'))"
    ),
    # the provider says that it reached the phone; it was read where it was clicked
    "delivered": SQL(
        "(tr.trace_type = 'sms' AND tr.trace_status IN ('sent', 'open', 'reply'))"
    ),
}
# what a phone tells of
SMS_REACTIONS = ("clicked", "bounced", "delivered")
# what mail servers tell of
MAIL_REACTIONS = ("opened", "clicked", "replied", "bounced")


class WaitMailKind(WatchKind):
    """A person opens a mail, clicks in it or answers it, or it comes back: yes, at
    once. Time is up: no. Of a text message it is known that it reached the phone, was
    clicked or came back.
    """

    code = "wait_mail"
    label = _lt("Wait for a Reaction")
    icon = "fa-envelope-open-o"
    ways = {"yes": _lt("it came"), "no": _lt("not in time")}
    fields = (*WatchKind.fields, "reaction", "of_step_id")

    def get_ways(self):
        labels = {
            "opened": (self.env._("opened"), self.env._("not opened in time")),
            "clicked": (self.env._("clicked"), self.env._("no click in time")),
            "replied": (self.env._("replied"), self.env._("no reply in time")),
            "bounced": (self.env._("bounced"), self.env._("no bounce in time")),
            "delivered": (
                self.env._("delivered"),
                self.env._("not delivered in time"),
            ),
        }[self.step.reaction or "opened"]
        nothing = self.env["crm.campaign.way"]
        return [
            (code, nothing, label)
            for code, label in zip(self.ways, labels, strict=True)
        ]

    def get_text(self):
        words = self.step._get_reaction_words()
        if not words:
            return super().get_text()
        return self.env._(
            "%(reaction)s, within %(delay)s", reaction=words, delay=super().get_text()
        )

    def get_problems(self):
        return [*super().get_problems(), *self.step._get_reaction_problems()]

    def get_hints(self):
        return self.step._get_reaction_hints()

    def get_meets(self):
        return self.step._get_reaction_sql()


class CrmCampaignStep(models.Model):
    _inherit = "crm.campaign.step"

    reaction = fields.Selection(
        [
            ("opened", "It is opened"),
            ("clicked", "A link is clicked"),
            ("replied", "It is answered"),
            ("bounced", "It bounces"),
            ("delivered", "It reaches the phone"),
        ],
        string="What Happens to It",
        default="opened",
        required=True,
        help="By a person, as far as one can tell: what scanners open and click, and "
        "automatic answers, do not count. Only of text messages it is known that they "
        "arrive.",
    )
    of_step_id = fields.Many2one(
        "crm.campaign.step",
        string="Of Which Step",
        domain="[('campaign_id', '=', campaign_id), ('id', '!=', id),"
        " ('kind', 'in', kind == 'wait_activity' and ['activity'] or ['mail', 'sms'])]",
        index="btree_not_null",
        ondelete="set null",
        help="A step before this one; empty: the nearest one.",
    )

    @api.model
    def _get_kinds(self):
        return [*super()._get_kinds(), WaitMailKind]

    def _copy_into(self, copy, copies):
        super()._copy_into(copy, copies)
        if self.of_step_id:
            copy.of_step_id = copies.get(self.of_step_id, self.browse())

    def _get_step_meant(self):
        """The message, or the activity, that this step waits for: the chosen one, if it
        comes before it, or the nearest one; empty if there is none.
        """
        kinds = ("activity",) if self.kind == "wait_activity" else ("mail", "sms")
        before = self.parent_id
        while before:
            if before.kind in kinds and self.of_step_id in (before, self.browse()):
                return before
            before = before.parent_id
        return before

    # ------------------------------------------------------------
    # What became of a message
    # ------------------------------------------------------------

    def _get_reaction_words(self):
        """What it is about, in words; empty if there is no message."""
        message = self._get_step_meant()
        if not message:
            return ""
        return {
            "opened": self.env._("“%s” is opened", message.name),
            "clicked": self.env._("a link of “%s” is clicked", message.name),
            "replied": self.env._("“%s” is answered", message.name),
            "bounced": self.env._("“%s” bounces", message.name),
            "delivered": self.env._("“%s” reaches the phone", message.name),
        }[self.reaction]

    def _get_reaction_problems(self):
        message = self._get_step_meant()
        if not message:
            return [self.env._("there is no mail before it that it could be.")]
        if message.kind == "sms" and self.reaction not in SMS_REACTIONS:
            return [
                self.env._(
                    "of text messages only clicks, bounces and whether they reach the "
                    "phone are known: choose one of them, or another message."
                )
            ]
        if message.kind == "mail" and self.reaction not in MAIL_REACTIONS:
            return [
                self.env._(
                    "no mail server tells whether a mail has arrived: choose a text "
                    "message, or what people do with the mail."
                )
            ]
        return []

    def _get_reaction_hints(self):
        if self.reaction != "opened":
            return []
        return [
            self.env._(
                "programs that show no pictures tell nothing of it: who does not open "
                "the mail may have read it all the same."
            )
        ]

    def _get_reaction_sql(self):
        """SQL of whether it has come of the participant ``p``."""
        self.env["crm.campaign.task"]._flush_clicks()
        self.env["mailing.trace"].flush_model()
        return SQL(
            """
            EXISTS (SELECT FROM crm_campaign_task mk
                      JOIN mailing_trace tr ON tr.crm_campaign_task_id = mk.id
                     WHERE mk.participant_id = p.id AND mk.step_id = %s AND %s)
            """,
            self._get_step_meant().id,
            REACTIONS[self.reaction],
        )


class MailingTrace(models.Model):
    _inherit = "mailing.trace"

    def write(self, vals):
        """What becomes of a message is looked at within a minute, of whatever record
        it is."""
        result = super().write(vals)
        # sudo: journeys go on whoever reads a mail
        traces_sudo = self.sudo()
        status = vals.get("trace_status")
        if status == "sent" and not (
            vals.get("open_datetime") or vals.get("reply_datetime")
        ):
            # a phone has it; of a mail it says that it has left
            traces_sudo = traces_sudo.filtered(lambda t: t.trace_type == "sms")
        if traces_sudo and (
            vals.get("open_datetime")
            or vals.get("reply_datetime")
            or status in ("bounce", "error", "sent")
        ):
            traces_sudo.env["crm.campaign.look"]._ask_of_tasks(
                traces_sudo.crm_campaign_task_id.ids
            )
        return result
