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
}
# what a phone tells of
SMS_REACTIONS = ("clicked", "bounced")


class WaitMailKind(WatchKind):
    """A person opens a mail, clicks in it or answers it, or it comes back: yes, at
    once. Time is up: no. Of a text message clicks and bounces are known.
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
        }[self.step.reaction or "opened"]
        nothing = self.env["crm.campaign.way"]
        return [
            (code, nothing, label)
            for code, label in zip(self.ways, labels, strict=True)
        ]

    def get_text(self):
        message = self.step._get_step_meant()
        if not message:
            return super().get_text()
        words = {
            "opened": self.env._("“%s” is opened", message.name),
            "clicked": self.env._("a link of “%s” is clicked", message.name),
            "replied": self.env._("“%s” is answered", message.name),
            "bounced": self.env._("“%s” bounces", message.name),
        }
        return self.env._(
            "%(reaction)s, within %(delay)s",
            reaction=words[self.step.reaction],
            delay=super().get_text(),
        )

    def get_problems(self):
        problems = super().get_problems()
        message = self.step._get_step_meant()
        if not message:
            problems.append(self.env._("there is no mail before it that it could be."))
        elif message.kind == "sms" and self.step.reaction not in SMS_REACTIONS:
            problems.append(
                self.env._(
                    "of text messages only clicks and bounces are known: choose one "
                    "of them, or another message."
                )
            )
        return problems

    def get_hints(self):
        if self.step.reaction == "opened":
            return [
                self.env._(
                    "programs that show no pictures tell nothing of it: who does not "
                    "open the mail may have read it all the same."
                )
            ]
        return []

    def get_meets(self):
        self.env["crm.campaign.task"]._flush_clicks()
        self.env["mailing.trace"].flush_model()
        return SQL(
            """
            EXISTS (SELECT FROM crm_campaign_task mk
                      JOIN mailing_trace tr ON tr.crm_campaign_task_id = mk.id
                     WHERE mk.participant_id = p.id AND mk.step_id = %s AND %s)
            """,
            self.step._get_step_meant().id,
            REACTIONS[self.step.reaction],
        )


class CrmCampaignStep(models.Model):
    _inherit = "crm.campaign.step"

    reaction = fields.Selection(
        [
            ("opened", "It is opened"),
            ("clicked", "A link is clicked"),
            ("replied", "It is answered"),
            ("bounced", "It bounces"),
        ],
        string="What Happens to It",
        default="opened",
        required=True,
        help="By a person, as far as one can tell: what scanners open and click, and "
        "automatic answers, do not count.",
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


class MailingTrace(models.Model):
    _inherit = "mailing.trace"

    def write(self, vals):
        """What becomes of a message is looked at within a minute, of whatever record
        it is."""
        result = super().write(vals)
        if (
            vals.get("open_datetime")
            or vals.get("reply_datetime")
            or vals.get("trace_status") in ("bounce", "error")
        ):
            # sudo: journeys go on whoever reads a mail
            traces_sudo = self.sudo()
            traces_sudo.env["crm.campaign.look"]._ask_of_tasks(
                traces_sudo.crm_campaign_task_id.ids
            )
        return result
