from odoo import api, fields, models
from odoo.tools import SQL
from odoo.tools.translate import LazyTranslate

from ....tools.mail_links import find_links, link_pattern
from .step_split import SplitKind

_lt = LazyTranslate(__name__)

# The human clicks of a participant on the message of a step: ``c``, of link ``lt``.
CLICKS = SQL(
    """crm_campaign_task mk
       JOIN mailing_trace tr ON tr.crm_campaign_task_id = mk.id
       JOIN link_tracker_click c
         ON c.mailing_trace_id = tr.id AND c.machine_reason IS NULL
       JOIN link_tracker lt ON lt.id = c.link_id"""
)


class LinkKind(SplitKind):
    """By the link of a mail, or of a text message, that a person has clicked; of
    several, the last one. It does not wait for it.
    """

    code = "split_link"
    label = _lt("Split by the Link Clicked")
    icon = "fa-link"
    fields = ("link_step_id",)
    ways = {"no": _lt("None of them")}

    def get_ways(self):
        nothing = self.env["crm.campaign.way"]
        return [*super().get_ways(), ("no", nothing, self.env._("None of them"))]

    def get_text(self):
        return self.step._get_click_words()

    def get_problems(self):
        problems = self.step._get_click_problems()
        if not self.step.way_ids.filtered("link_url"):
            problems.append(self.env._("say which links there are."))
        return problems

    def run(self, tasks):
        tasks._flush_clicks()
        ways = self.step.way_ids.filtered("link_url")
        way_by_task = dict(
            self.env.execute_query(
                SQL(
                    """
                    SELECT DISTINCT ON (k.id) k.id, w.id
                      FROM crm_campaign_task k
                      JOIN (%(clicks)s)
                        ON mk.participant_id = k.participant_id
                       AND mk.step_id = %(mail)s
                      JOIN unnest(%(ways)s, %(patterns)s) w (id, pattern)
                        ON lt.url LIKE w.pattern
                     WHERE k.id = ANY(%(ids)s)
                  ORDER BY k.id, c.id DESC, w.id
                    """,
                    clicks=CLICKS,
                    mail=self.step.clicked_step_id.id,
                    ways=ways.ids,
                    patterns=[link_pattern(way.link_url) for way in ways],
                    ids=tasks.ids,
                )
            )
        )
        ids_by_way, others = {}, []
        for task_id in tasks._ids:
            way = ways.browse(way_by_task.get(task_id))
            (ids_by_way.setdefault(way, []) if way else others).append(task_id)
        self._go(tasks, ids_by_way)
        tasks.browse(others)._done("no")


class CrmCampaignStep(models.Model):
    _inherit = "crm.campaign.step"

    link_step_id = fields.Many2one(
        "crm.campaign.step",
        string="Link of",
        domain="[('campaign_id', '=', campaign_id), ('kind', 'in', ['mail', 'sms']),"
        " ('id', '!=', id)]",
        index="btree_not_null",
        ondelete="set null",
        help="A mail or a text message before this step; empty: the nearest one that "
        "has links.",
    )
    clicked_step_id = fields.Many2one(
        "crm.campaign.step",
        string="Clicked Message",
        compute="_compute_clicked_step_id",
        store=True,
        index="btree_not_null",
        ondelete="set null",
        export_string_translation=False,
    )
    link_url = fields.Char(
        string="Which Link",
        help="Only clicks on this link count; empty: on any link of the message. Those "
        "of machines never do.",
    )
    link_pattern = fields.Char(
        compute="_compute_link_pattern", store=True, export_string_translation=False
    )
    mail_links = fields.Json(
        compute="_compute_mail_links", export_string_translation=False
    )

    @api.model
    def _get_kinds(self):
        return [*super()._get_kinds(), LinkKind]

    @api.depends("link_step_id", "mail_step_id")
    def _compute_clicked_step_id(self):
        for step in self:
            step.clicked_step_id = step.link_step_id or step.mail_step_id

    @api.depends("link_url")
    def _compute_link_pattern(self):
        for step in self:
            step.link_pattern = link_pattern(step.link_url)

    @api.depends("clicked_step_id.mailing_id.body_html", "parent_id", "link_step_id")
    def _compute_mail_links(self):
        """``[[url, label]]`` of the message that is meant, to choose one."""
        for step in self:
            links = step.clicked_step_id._get_message_links()
            step.mail_links = [list(link) for link in links]

    def _get_message_links(self):
        """Hook: ``[(url, label)]`` of what this step sends."""
        # sudo: whoever may read the campaign may read its mails
        return find_links(self.mailing_id.sudo().body_html)

    def _copy_into(self, copy, copies):
        super()._copy_into(copy, copies)
        if self.link_step_id:
            copy.link_step_id = copies.get(self.link_step_id, self.browse())

    def _get_click_words(self):
        """What is to be clicked, in words; empty if there is no message."""
        mail = self.clicked_step_id
        if not mail:
            return ""
        if not self.link_url:
            return self.env._("A link of “%s”", mail.name)
        labels = dict(self.mail_links or [])
        return self.env._(
            "“%(link)s” of “%(mail)s”",
            link=labels.get(self.link_url) or self.link_url,
            mail=mail.name,
        )

    def _get_click_problems(self):
        mail = self.clicked_step_id
        if not mail or str(mail.id) not in (self.parent_path or "").split("/"):
            return [self.env._("there is no mail before it that could be clicked.")]
        if not mail._is_clickable():
            return [self.env._("“%s” has no link that could be clicked.", mail.name)]
        urls = self._get_link_urls()
        links = dict(self.mail_links or []) if urls else {}
        return [
            self.env._("“%(mail)s” has no link %(url)s.", mail=mail.name, url=url)
            for url in urls
            if url not in links
        ]

    def _get_link_urls(self):
        """The links that this step asks for."""
        if self.kind == "split_link":
            return [way.link_url for way in self.way_ids if way.link_url]
        return [self.link_url] if self.link_url else []

    def _get_clicked_sql(self):
        """SQL of whether the participant ``p`` has clicked it, as a person."""
        self.env["crm.campaign.task"]._flush_clicks()
        return SQL(
            """
            EXISTS (SELECT FROM %(clicks)s
                     WHERE mk.participant_id = p.id AND mk.step_id = %(mail)s
                       AND %(link)s)
            """,
            clicks=CLICKS,
            mail=self.clicked_step_id.id,
            link=SQL("lt.url LIKE %s", self.link_pattern)
            if self.link_pattern
            else SQL("TRUE"),
        )
