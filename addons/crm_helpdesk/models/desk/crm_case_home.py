"""What an agent sees first: what to do now, and how today went."""

from datetime import datetime, time, timedelta, timezone

import pytz

from odoo import api, fields, models
from odoo.fields import Domain

from ..case.crm_case_stage import DONE, WAITING

# rows of each list: a screen; the lists themselves are one click away
LIMIT = 12


class CrmCase(models.Model):
    _inherit = "crm.case"

    @api.model
    @api.readonly
    def get_home(self):
        """Lists and figures of the user's start screen, by the rights of the user."""
        self.check_access("read")
        queue = self._get_queue_domain()
        late = Domain("sla_is_overdue", "=", True)
        teams = Domain("team_id", "in", self._get_queue_teams().ids)
        own = self._get_own_domain()
        alive = Domain("stage_category", "not in", DONE)
        lists = {
            "mine": own,
            "queue": queue,
            "late": late & alive & teams & Domain("user_id", "!=", self.env.uid),
            "waiting": Domain("user_id", "=", self.env.uid)
            & Domain("stage_category", "in", WAITING),
        }
        return {
            "user": self.env.user.name,
            "figures": self._get_home_figures(own),
            "lists": {
                key: self._get_home_list(domain) for key, domain in lists.items()
            },
        }

    @api.model
    def _get_home_list(self, domain):
        cases = self.search(domain, order=self._get_urgency_order(), limit=LIMIT)
        return {
            "domain": list(domain),
            "count": self.search_count(domain) if len(cases) == LIMIT else len(cases),
            "rows": [case._get_home_row() for case in cases],
        }

    def _get_home_row(self):
        """Hook: what one line of the start screen shows."""
        self.ensure_one()
        kinds = dict(self._fields["sla_kind"]._description_selection(self.env))
        priorities = dict(self._fields["priority"]._description_selection(self.env))
        return {
            "id": self.id,
            "number": self.number,
            "name": self.name,
            # sudo: the customer of a case is shown to whoever sees the case
            "customer": self.sudo().partner_id.display_name or self.partner_name or "",
            "user": self.user_id.name or "",
            "user_id": self.user_id.id,
            "team": self.team_id.name,
            "stage": self.stage_id.name,
            "priority": self.priority,
            "priority_label": priorities.get(self.priority, ""),
            "due": fields.Datetime.to_string(self.sla_due) if self.sla_due else False,
            "kind": kinds.get(self.sla_kind, ""),
            "is_late": self.sla_is_overdue,
        }

    @api.model
    def _get_home_figures(self, own):
        """The user's figures since midnight (of the user), each with the cases behind
        it.
        """
        start = self._get_home_day_start()
        mine = Domain("user_id", "=", self.env.uid)
        since = fields.Datetime.to_string(start)
        answered = self.env["mail.message"]._read_group(
            [
                ("model", "=", self._name),
                ("author_id", "=", self.env.user.partner_id.id),
                ("date", ">=", start),
                ("message_type", "in", ("comment", "email", "email_outgoing")),
                ("is_internal", "=", False),
                ("subtype_id.internal", "=", False),
            ],
            ["res_id"],
            ["__count"],
        )
        answered_ids = [res_id for res_id, _count in answered]
        clocks = self.env["crm.sla.clock"]
        own_clocks = Domain("res_model", "=", self._name) & mine
        stopped = own_clocks & Domain("date_stop", ">=", start)
        met = clocks.search_count(stopped & Domain("outcome", "=", "met"))
        broken = clocks.search(
            own_clocks
            & Domain("date_due", ">=", start)
            & Domain("is_breached", "=", True)
        )
        figures = [
            {
                "key": "open",
                "label": self.env._("To work on"),
                "value": self.search_count(own),
                "domain": list(own),
            },
            {
                "key": "due",
                "label": self.env._("Due by tonight"),
                "value": self.search_count(
                    due := own
                    & Domain("sla_due", "<", start + timedelta(days=1))
                    & Domain("sla_due", "!=", False)
                ),
                "domain": list(due),
            },
            {
                "key": "answered",
                "label": self.env._("Cases answered"),
                "value": len(answered_ids),
                "domain": [("id", "in", answered_ids)],
            },
            {
                "key": "solved",
                "label": self.env._("Solved"),
                "value": self.search_count(
                    solved := mine & Domain("date_closed", ">=", since)
                ),
                "domain": list(solved),
            },
            {
                "key": "met",
                "label": self.env._("Promises kept"),
                "value": met,
                "domain": False,
            },
            {
                "key": "late",
                "label": self.env._("Promises broken"),
                "value": len(broken),
                "domain": [("id", "in", broken.mapped("res_id"))],
            },
        ]
        figures.append(self._get_home_rating(start))
        return figures

    @api.model
    def _get_home_rating(self, start):
        """What customers said today of the user's cases; nothing invented."""
        ratings = self.env["rating.rating"]._read_group(
            [
                ("res_model", "=", self._name),
                ("rated_partner_id", "=", self.env.user.partner_id.id),
                ("consumed", "=", True),
                ("write_date", ">=", start),
            ],
            [],
            ["__count", "rating:avg"],
        )
        count, average = ratings[0] if ratings else (0, 0)
        return {
            "key": "rating",
            "label": self.env._("Rating (n = %s)", count),
            "value": f"{average:.1f}" if count else "-",
            "domain": False,
        }

    @api.model
    def _get_home_day_start(self):
        """Midnight of the user, in UTC."""
        tz = pytz.timezone(self.env.user.tz or "UTC")
        now = datetime.now(timezone.utc).astimezone(tz)
        midnight = tz.localize(datetime.combine(now.date(), time.min))
        return midnight.astimezone(timezone.utc).replace(tzinfo=None)
