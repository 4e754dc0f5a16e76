import logging

from markupsafe import Markup

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL, format_datetime

from .crm_campaign_dry_run import DryRun

_logger = logging.getLogger(__name__)


class CrmCampaign(models.Model):
    """One record goes through the campaign, step by step, by a clock that is pretended.
    Nothing is done, and nothing leaves; but for the mails that somebody has sent to
    themselves.
    """

    _inherit = "crm.campaign"

    @api.readonly
    def get_walk(self, res_id, choices=None):
        """The way of one record through the campaign, as far as it is known.

        :param choices: ``{id of step: key of way}``: what the person does
        :return: dict with ``steps``, in the order in which they come: each with what
            would be done (``preview``), what comes of it and when; the last of them
            perhaps with ``options``: somebody has to choose what the person does
        """
        self.ensure_one()
        self.check_access("read")
        record = self.env[self._get_model()].browse(res_id).exists()
        if not record:
            raise UserError(self.env._("This record was deleted."))
        record.check_access("read")
        with self._writing_nothing():
            # sudo: it foresees what the scheduler would do
            return self.sudo()._walk(record, choices or {})

    def _walk(self, record, choices):
        now = fields.Datetime.now()
        chosen = {}
        for step in self.step_ids:
            for way in step._get_canvas_ways():
                if choices.get(str(step.id)) == way["key"]:
                    chosen[step.id] = way["values"]["branch"], way["values"]["way_id"]
        run = DryRun(self, self._get_emails(record), choices=chosen, is_followed=True)
        run.go({record.id: now})
        crowds = [crowd for crowd in run.crowds.values() if crowd.arrivals]
        # in the order of time; of one moment in that of the tree
        crowds.sort(key=lambda crowd: crowd.arrivals[record.id])
        return {
            "id": self.id,
            "name": self.name,
            "model": record._name,
            "record": record.display_name,
            "start": format_datetime(self.env, now),
            "enters": self._get_walk_entry(record),
            "steps": [self._get_walk_step(crowd, record) for crowd in crowds],
        }

    def _get_walk_entry(self, record):
        """Why the record would not enter now; empty if it would."""
        words = self._get_exclusion_words()
        candidates = self._get_entry().get_start_candidates()
        if candidates and not self.env.execute_query(
            SQL("SELECT 1 FROM (%s) c WHERE res_id = %s", candidates, record.id)
        ):
            return self.env._("It is not among those who would.")
        excluded = self._get_excluded(
            self._get_hand_candidates(record.ids), self._preview_by_hand(record.ids)
        )
        for _res_id, reason in [*excluded, *self._get_leaving_now(record.ids)]:
            return words.get(reason, reason)
        if self._get_held_out(self._get_emails(record)):
            return self.env._("Held out: gets nothing, for comparison")
        return ""

    def _get_walk_step(self, crowd, record):
        step, key = crowd.step, record.id
        kind = step._get_kind()
        arrival = crowd.arrivals[key]
        done = crowd.sent.get(key, arrival)
        values = {
            "id": step.id,
            "name": step.name,
            "icon": kind.icon,
            "text": kind.get_text(),
            "date": format_datetime(self.env, arrival),
            "preview": [],
            "why": crowd.whys.get(key, ""),
            "result": "",
            "options": [],
        }
        delays = [reason for reason, ids in crowd.delayed.items() if key in ids]
        if delays and done > arrival:
            values["why"] = self.env._(
                "Not before %(date)s: %(reason)s",
                date=format_datetime(self.env, done),
                reason=", ".join(delays),
            )
        if crowd.is_unknown:
            values["options"] = [
                {"key": way["key"], "label": way["label"]}
                for way in step._get_canvas_ways()
            ]
            return values
        reason = next((r for r, ids in crowd.skipped.items() if key in ids), None)
        held = next((r for r, ids in crowd.held.items() if key in ids), None)
        if held:
            values["result"] = self.env._("Waits, nobody knows for how long: %s", held)
            return values
        if reason is not None:
            values["result"] = (
                self.env._("Skipped, and goes on: %s", reason)
                if step.on_failure == "continue"
                else self.env._("Skipped, and the journey ends: %s", reason)
            )
            return values
        values["preview"] = self._get_walk_preview(kind, record, done)
        if key in crowd.ended:
            values["result"] = self.env._("The journey ends here.")
            return values
        values["result"] = self._get_walk_result(crowd, key)
        return values

    def _get_walk_preview(self, kind, record, date):
        try:
            # whatever a template does: the rest of the walk is still told
            with self.env.cr.savepoint():
                # sudo: as the scheduler would do it; the reader has chosen the record
                preview = kind.get_preview(record.sudo(), date)
        except Exception as error:
            _logger.info("crm_campaigns: no preview of a step", exc_info=True)
            text = str(error) or error.__class__.__name__
            return [{"label": self.env._("Error"), "value": text, "is_error": True}]
        return [
            {
                **line,
                **{
                    name: str(line[name] or "")
                    for name in ("value", "html")
                    if name in line
                },
            }
            for line in preview
        ]

    def _get_walk_result(self, crowd, key):
        """Which way it goes, and when the clock moves to."""
        step = crowd.step
        labels = {
            (code, way.id): label for code, way, label in step._get_kind().get_ways()
        }
        for place, (moments, _is_sure) in crowd.ways.items():
            if key not in moments:
                continue
            names = {
                "way": labels.get(place, ""),
                "date": format_datetime(self.env, moments[key]),
            }
            follows = any(
                (child.branch, child.way_id.id) == place for child in step.child_ids
            )
            if not follows:
                return self.env._("%(date)s: at the end of the journey.", **names)
            if len(labels) > 1:
                return self.env._("%(date)s: goes on, “%(way)s”.", **names)
            return self.env._("%(date)s: goes on.", **names)
        return ""

    def action_walk(self):
        self.ensure_one()
        return {
            "type": "ir.actions.client",
            "tag": "crm_campaigns.walk",
            "name": self.env._("Test"),
            "params": {"campaign_id": self.id},
        }

    # ------------------------------------------------------------
    # Test mails
    # ------------------------------------------------------------

    def send_walk_mails(self, res_id):
        """Send all mails of the journey, as that record would get them, to the user.

        :return: how many, and to which address
        """
        self.ensure_one()
        self.check_access("write")
        record = self.env[self._get_model()].browse(res_id).exists()
        record.check_access("read")
        email = self.env.user.email_formatted
        if not record or not email:
            raise UserError(
                self.env._("Choose a record, and have an address yourself.")
            )
        steps = self.step_ids.filtered(lambda step: step.kind == "mail")
        # sudo: the queue of outgoing mails is the system's
        mails_sudo = self.env["mail.mail"].sudo()
        for number, step in enumerate(steps, 1):
            # each is rendered for one record
            mails_sudo += mails_sudo.create(
                step._prepare_walk_mail(record, email, f"{number}/{len(steps)}")
            )
        mails_sudo.send()
        failed = mails_sudo.exists().filtered(lambda mail: mail.state == "exception")
        if failed:
            raise UserError(failed[0].failure_reason or self.env._("Not sent."))
        return {"count": len(steps), "email": email}


class CrmCampaignStep(models.Model):
    _inherit = "crm.campaign.step"

    def _prepare_walk_mail(self, record, email, number):
        """Values of the test mail: to the user, of no record, followed by nobody."""
        self.ensure_one()
        mailing_sudo = self.mailing_id.sudo()  # sudo: as whoever sends it
        rendered = {
            name: mailing_sudo._render_field(name, record.sudo().ids)[record.id]
            for name in ("subject", "body_html", "preview")
        }
        body = mailing_sudo._prepend_preview(
            Markup(rendered["body_html"]), rendered["preview"]
        )
        return {
            "email_from": mailing_sudo.email_from,
            "email_to": email,
            "subject": self.env._(
                "[Test %(number)s] %(subject)s",
                number=number,
                subject=rendered["subject"],
            ),
            "body_html": self.env["mail.render.mixin"]._replace_local_links(body),
            "auto_delete": True,
        }
