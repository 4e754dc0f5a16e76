import logging
from datetime import timedelta

import psycopg2

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError
from odoo.tools import SQL, format_datetime, ormcache

from odoo.addons.crm_plus.tools.user_domain import domain_error, evaluate_domain

from ...tools.entry_kind import GoneEntry
from ...tools.event_condition import has_condition
from ...tools.gone_codes import find_gone_codes
from ...tools.lazy_label import translate

_logger = logging.getLogger(__name__)

# Campaigns looked at in one round of the scheduler.
LOOK_SIZE = 20
# People who enter in one transaction: some seconds.
ENTER_SIZE = 100_000
# Before a campaign is looked at again that met an error.
LOOK_PAUSE = timedelta(minutes=15)


class CrmCampaign(models.Model):
    """Who enters a campaign, and who leaves it with the segment. Set-based: one
    statement makes the participants, one their first tasks.
    """

    _inherit = "crm.campaign"

    # ------------------------------------------------------------
    # What lets them enter
    # ------------------------------------------------------------

    @api.model
    def _get_entries(self):
        """Hook: the classes of all that lets people enter, in the order of the list."""
        return []

    @api.model
    def _selection_entry(self):
        return [
            *(
                (entry.code, translate(self.env, entry.label))
                for entry in self._get_entries()
            ),
            *(
                (code, self.env._("%s (not installed)", code))
                for code in self._get_gone_entries()
            ),
        ]

    @api.model
    @ormcache()
    def _get_gone_entries(self):
        """As ``crm.campaign.step._get_gone_kinds``."""
        return find_gone_codes(self.env, "crm_campaign", "entry", self._get_entries())

    def _get_entry(self):
        """What lets people enter this campaign, see ``EntryKind``."""
        entries = {entry.code: entry for entry in self._get_entries()}
        return entries.get(self.entry or "segment", GoneEntry)(self)

    def _get_entry_model(self, user=None):
        """The model of those who enter, as the responsible sees it."""
        user = user or self.user_id
        return (
            self.env[self._get_model()]
            .with_user(user)
            .with_context(
                allowed_company_ids=self.company_id.ids, tz=user.tz, lang=user.lang
            )
        )

    def _get_entry_domain(self, Model):
        return evaluate_domain(Model.env, self.entry_domain)

    @api.constrains("entry_domain", "model_id", "user_id", "entry")
    def _check_entry_domain(self):
        for campaign in self.filtered(lambda c: has_condition(c.entry_domain)):
            for user, error in campaign._get_condition_errors(
                campaign.entry_domain, campaign._get_entry_model
            ):
                raise ValidationError(
                    self.env._(
                        "The condition of “%(campaign)s” does not work for %(user)s: "
                        "%(error)s",
                        campaign=campaign.name,
                        user=user.name,
                        error=error,
                    )
                )

    def _get_condition_errors(self, text, get_model):
        """``(user, error)`` of those for whom a condition does not work: whoever writes
        it learns no more than the responsible and they may see.

        :param get_model: ``(user)``: the model that it is about
        """
        self.ensure_one()
        for user in self.user_id | self.env.user:
            if error := domain_error(get_model(user), text):
                yield user, error

    # ------------------------------------------------------------
    # Who stands behind a record
    # ------------------------------------------------------------

    @api.model
    def _has_people(self, model):
        """Whether a person stands behind the records of a model."""
        if model in ("crm.lead", "res.partner"):
            return True
        Model = self.env.get(model)
        if Model is None or Model._abstract or Model._transient or not Model._auto:
            return False
        field = Model._fields.get("partner_id")
        return bool(
            field
            and field.store
            and field.type == "many2one"
            and field.comodel_name == "res.partner"
        )

    @api.model
    def _get_people_query(self, model):
        """Hook: SQL of who stands behind the records of a model: ``id``, ``active``,
        ``company_id`` of the record (NULL: of all), ``email`` (normalised),
        ``lead_id``, ``partner_id``, and of leads ``won_status``.
        """
        if model == "crm.lead":
            return SQL(
                "SELECT id, active, company_id, NULLIF(email_normalized, '') AS email,"
                " id AS lead_id, partner_id, won_status FROM crm_lead"
            )
        if model == "res.partner":
            return SQL(
                "SELECT id, active, company_id, NULLIF(email_normalized, '') AS email,"
                " NULL::int4 AS lead_id, id AS partner_id FROM res_partner"
            )
        Model = self.env[model]
        active = Model._active_name and Model._fields[Model._active_name].store
        return SQL(
            """
            SELECT o.id, %(active)s AS active, %(company)s AS company_id,
                   NULLIF(w.email_normalized, '') AS email,
                   NULL::int4 AS lead_id, o.partner_id
              FROM %(table)s o
         LEFT JOIN res_partner w ON w.id = o.partner_id
            """,
            active=SQL.identifier("o", Model._active_name) if active else SQL("TRUE"),
            company=(
                SQL.identifier("o", "company_id")
                if self._has_company(Model)
                else SQL("NULL::int4")
            ),
            table=SQL.identifier(Model._table),
        )

    @api.model
    def _has_company(self, Model):
        """Whether the table of a model tells whose company its records are."""
        field = Model._fields.get("company_id")
        return bool(
            field
            and field.store
            and field.type == "many2one"
            and field.comodel_name == "res.company"
        )

    @api.model
    def _flush_people(self, model):
        """Write what ``_get_people_query`` reads."""
        names = {
            "crm.lead": [
                "active",
                "company_id",
                "email_normalized",
                "partner_id",
                "won_status",
            ],
            "res.partner": ["active", "company_id", "email_normalized"],
        }
        self.env[model].flush_model(names.get(model))
        if model not in names:
            self.env["res.partner"].flush_model(["email_normalized"])

    # ------------------------------------------------------------
    # Entering
    # ------------------------------------------------------------

    def _is_open(self):
        """Whether people may enter now."""
        return not self._get_closed_reason()

    def _get_closed_reason(self):
        """Why nobody may enter now, as a sentence; empty if people may."""
        self.ensure_one()
        now = fields.Datetime.now()
        if self.state != "running":
            return self.env._("“%s” does not run.", self.name)
        if self.date_begin and now < self.date_begin:
            return self.env._(
                "Nobody enters “%(campaign)s” before %(date)s.",
                campaign=self.name,
                date=format_datetime(self.env, self.date_begin),
            )
        if self.date_end and self.date_end <= now:
            return self.env._(
                "Nobody enters “%(campaign)s” since %(date)s.",
                campaign=self.name,
                date=format_datetime(self.env, self.date_end),
            )
        return ""

    def _enrol_at_start(self):
        Task = self.env["crm.campaign.task"]
        for campaign in self:
            if campaign.date_begin and campaign.date_begin > fields.Datetime.now():
                Task._trigger(at=campaign.date_begin)
            else:
                campaign._enrol()

    def _enrol(self, member_ids=None):
        """Let everybody enter who may by what is true now; of a segment, all members or
        some that have joined.

        Of very many, not all at once: the scheduler goes on until no more may enter.

        :return: ids of the new participants
        """
        new_ids = []
        for campaign in self.filtered(lambda c: c._is_open()):
            entry = campaign._get_entry()
            if member_ids is None:
                self.env["crm.campaign.task"]._expect_cached()
                candidates = entry.get_start_candidates()
                entered = (
                    campaign._enrol_candidates(candidates, limit=ENTER_SIZE)
                    if candidates
                    else []
                )
                new_ids += entered
                # some of a full batch may have lost a race with another transaction
                if len(entered) * 2 < ENTER_SIZE:
                    campaign.date_segment = campaign.segment_id.date_refreshed
                    campaign.date_looked = fields.Datetime.now()
                continue
            if campaign.entry == "segment":
                candidates = entry.get_member_candidates(
                    SQL("m.date_left IS NULL AND m.id = ANY(%s)", list(member_ids))
                )
            else:
                candidates = None
            if candidates:
                new_ids += campaign._enrol_candidates(candidates)
        return new_ids

    def _get_before_condition(self):
        """SQL of the enrolments ``p`` of a record or address that keep candidate ``n``
        out."""
        conditions = {
            "never": SQL("TRUE"),
            # only by an event that came after the end
            "after_exit": SQL(
                "(p.state = 'running' OR p.event = NULLIF(n.event, '')"
                " OR p.date_left > n.date)"
            ),
            "after_days": SQL(
                "(p.state = 'running' OR p.event = NULLIF(n.event, '')"
                " OR p.date_entered > n.date - %s * interval '1 day')",
                self.reentry_days,
            ),
            "each_event": SQL("p.event = n.event"),
        }
        return conditions[self.reentry]

    def _get_entrants_query(self, candidates):
        """SQL of those of the candidates who may enter: never a record of another
        company, whatever names it."""
        model = self._get_model()
        self.env["crm.campaign.participant"].flush_model()
        self._flush_people(model)
        one = SQL("n.email") if self.dedupe == "email" else SQL("NULL::varchar")
        parallel = (
            SQL("n.event") if self.reentry == "each_event" else SQL("''::varchar")
        )
        return SQL(
            """
            SELECT DISTINCT ON (COALESCE(n.person, n.res_id::text), n.parallel) n.*
              FROM (
                SELECT n.*, %(one)s AS person, %(parallel)s AS parallel
                  FROM (
                    SELECT c.event, c.date, r.id AS res_id, r.lead_id, r.partner_id,
                           r.email
                      FROM (%(candidates)s) c
                      JOIN (%(people)s) r ON r.id = c.res_id
                       AND (r.company_id IS NULL OR r.company_id = %(company)s)
                  ) n
              ) n
             WHERE NOT EXISTS (
                   SELECT FROM crm_campaign_participant p
                    WHERE p.campaign_id = %(campaign)s
                      AND p.res_model = %(model)s AND p.res_id = n.res_id
                      AND %(before)s)
               AND NOT EXISTS (
                   SELECT FROM crm_campaign_participant p
                    WHERE p.campaign_id = %(campaign)s
                      AND p.person = n.person AND %(before)s)
          ORDER BY COALESCE(n.person, n.res_id::text), n.parallel, n.date, n.res_id
            """,
            # who is in the campaign does not enter the draft of its next version
            campaign=(self.draft_of_id or self).id,
            company=self.company_id.id,
            model=model,
            one=one,
            parallel=parallel,
            candidates=candidates,
            people=self._get_people_query(model),
            before=self._get_before_condition(),
        )

    def _try_enrol(self, get_candidates):
        """Let those enter at once, within the transaction of whoever made it happen.
        What is wrong with a campaign must not undo that: the scheduler looks for them
        again, and tells the responsible why nobody enters.

        :param get_candidates: gives the SQL of them, of an ``EntryKind``
        """
        self.ensure_one()
        # a flushing savepoint would run what waits for the commit
        self.env.flush_all()
        try:
            with self.env.cr.savepoint(flush=False):
                new_ids = self._enrol_candidates(get_candidates(self._get_entry()))
        except psycopg2.OperationalError:
            raise  # serialisation, lock timeout: tried again
        except Exception:
            self.env.invalidate_all(flush=False)
            _logger.info("crm_campaigns: nobody enters %s", self, exc_info=True)
            return
        if new_ids:
            self.env["crm.campaign.task"]._trigger()

    def _enrol_candidates(self, candidates, limit=None):
        """Make participants of those candidates who may enter, and plan their first
        steps.

        A record, and an e-mail address, is once at a time in a campaign, or once for
        each event: unique indexes see to it, also between two transactions.

        :param candidates: SQL of ``res_id``, ``event`` and ``date``, see ``EntryKind``
        :param limit: how many enter at most
        :return: ids of the new participants
        """
        self.ensure_one()
        if not self._is_open():
            return []
        model = self._get_model()
        # where nobody enters again nobody has a number yet: to look for it row by row
        # takes as long as all the rest
        number_before = SQL("0")
        if self.reentry != "never":
            number_before = SQL(
                """
                COALESCE((
                    SELECT max(p.number) FROM crm_campaign_participant p
                     WHERE p.campaign_id = %s
                       AND p.res_model = %s AND p.res_id = e.res_id), 0)
                """,
                self.id,
                model,
            )
        insert = SQL(
            """
            INSERT INTO crm_campaign_participant (
                campaign_id, version_id, number, res_model, res_id, lead_id, partner_id,
                email, person, event, parallel, state, date_entered,
                create_date, write_date
            )
            SELECT %(campaign)s, %(version)s,
                   row_number() OVER (PARTITION BY e.res_id ORDER BY e.date)
                   + %(number_before)s,
                   %(model)s, e.res_id, e.lead_id, e.partner_id, e.email,
                   e.person, e.event, e.parallel, 'running', %(now)s,
                   %(now)s, %(now)s
              FROM (%(entrants)s LIMIT %(limit)s) e
          ORDER BY e.res_id, e.date
            """,
            limit=limit,
            campaign=self.id,
            version=self.version_id.id,
            model=model,
            number_before=number_before,
            entrants=self._get_entrants_query(candidates),
            now=fields.Datetime.now(),
        )
        # that nobody else lets them enter at this moment is nearly always so: to look
        # for it row by row takes a third of the time
        try:
            with self.env.cr.savepoint(flush=False):
                self.env.cr.execute(
                    SQL("%s RETURNING id", insert), log_exceptions=False
                )
                rows = self.env.cr.fetchall()
        except psycopg2.errors.UniqueViolation:
            rows = self.env.execute_query(
                SQL("%s ON CONFLICT DO NOTHING RETURNING id", insert)
            )
        new_ids = [row[0] for row in rows]
        if new_ids:
            self._spread(new_ids)
            self.env["crm.campaign.participant"].invalidate_model(flush=False)
            self.env["crm.campaign.task"]._plan_roots(new_ids, are_new=True)
        return new_ids

    def _spread(self, new_ids):
        """Let no more enter each hour and day than the campaign says: the others get
        their turn later, in order.
        """
        if not self.entry_cap_hour and not self.entry_cap_day:
            return
        now = fields.Datetime.now()
        [(in_hour, in_day)] = self.env.execute_query(
            SQL(
                """
                SELECT count(*) FILTER (WHERE date_entered > %(hour)s), count(*)
                  FROM crm_campaign_participant
                 WHERE campaign_id = %(campaign)s AND date_entered > %(day)s
                   AND id <> ALL(%(ids)s)
                """,
                campaign=self.id,
                hour=now - timedelta(hours=1),
                day=now - timedelta(days=1),
                ids=new_ids,
            )
        )
        per_hour = self.entry_cap_hour or len(new_ids) + in_hour
        per_day = self.entry_cap_day or len(new_ids) + in_day
        if self.entry_cap_hour:
            # its hours hold no more
            per_day = min(per_day, 24 * self.entry_cap_hour)
        self.env.execute_query(
            SQL(
                """
                UPDATE crm_campaign_participant p
                   SET date_entered = %(now)s
                       + turn.day * interval '1 day'
                       + CASE turn.day WHEN 0 THEN turn.hour
                              ELSE turn.rest / %(per_hour)s END * interval '1 hour'
                  FROM (
                    SELECT id, (place + %(in_hour)s) / %(per_hour)s AS hour,
                           (place + %(in_day)s) / %(per_day)s AS day,
                           (place + %(in_day)s) %% %(per_day)s AS rest
                      FROM (
                        SELECT id, (row_number() OVER (ORDER BY id) - 1)::int AS place
                          FROM unnest(%(ids)s) AS new(id)
                      ) placed
                  ) turn
                 WHERE p.id = turn.id
             RETURNING p.id
                """,
                now=now,
                ids=new_ids,
                in_hour=in_hour,
                in_day=in_day,
                per_hour=per_hour,
                per_day=per_day,
            )
        )

    # ------------------------------------------------------------
    # By hand
    # ------------------------------------------------------------

    def _get_hand_candidates(self, res_ids, event=None):
        """By hand is an event of its own each time."""
        now = fields.Datetime.now()
        return SQL(
            "SELECT id AS res_id, %s AS event, %s AS date FROM unnest(%s) chosen(id)",
            event or f"hand {now}",
            now,
            list(res_ids),
        )

    def _preview_by_hand(self, res_ids):
        """Ids of those of the records that would enter now, or once people may."""
        self.ensure_one()
        # sudo: participants the user may not see count too
        rows = self.env.execute_query(
            self.sudo()._get_entrants_query(self._get_hand_candidates(res_ids))
        )
        return [row[2] for row in rows]

    def _enrol_by_hand(self, res_ids):
        if reason := self._get_closed_reason():
            raise UserError(
                self.env._(
                    "%s Nobody was put in: start it, or change who may enter when, "
                    "and put them in again.",
                    reason,
                )
            )
        return self._enrol_candidates(self._get_hand_candidates(res_ids))

    # ------------------------------------------------------------
    # The scheduler
    # ------------------------------------------------------------

    @api.model
    def _enrol_changed(self):
        """Look again: at campaigns that look by themselves, and at whole segments that
        were refreshed since, a safety net, since whoever joins is enrolled in the
        transaction of the refresh.

        One bounded batch, a commit for each campaign. What is wrong with one keeps
        none of the others from looking. Campaigns with nothing to look at cost nothing.

        :return: how many were looked at, and whether there are more
        """
        due = self._get_campaigns_to_look()
        looked = 0
        for campaign in due[:LOOK_SIZE]:
            looked += 1
            try:
                campaign._look()
                self.env.flush_all()
            except psycopg2.OperationalError as error:
                # serialisation, a lost connection: again at the next round
                self.env.cr.rollback()
                _logger.info("crm_campaigns: looking put off: %s", error)
                break
            except Exception as error:
                self.env.cr.rollback()
                self.env.invalidate_all()
                _logger.info("crm_campaigns: nobody enters %s", campaign, exc_info=True)
                campaign._set_look_error(str(error) or error.__class__.__name__)
            if not self.env["ir.cron"]._commit_progress():
                break  # no time left
        self._trigger_look()
        return looked, len(due) > looked

    @api.model
    def _get_look_minutes(self):
        """SQL of the rows (entry, minutes) of all entries that look by themselves."""
        looking = [entry for entry in self._get_entries() if entry.look_minutes]
        return SQL(
            "unnest(%s::text[], %s::int[]) AS look(entry, minutes)",
            [entry.code for entry in looking],
            [entry.look_minutes for entry in looking],
        )

    @api.model
    def _get_campaigns_to_look(self):
        """Running campaigns whose time to look has come, those who waited longest
        first: one more than is looked at in a round."""
        self.flush_model()
        self.env["crm.segment"].flush_model(["date_refreshed"])
        rows = self.env.execute_query(
            SQL(
                """
                SELECT c.id
                  FROM crm_campaign c
             LEFT JOIN crm_segment s ON s.id = c.segment_id
             LEFT JOIN %(looks)s ON look.entry = c.entry
                 WHERE c.state = 'running' AND c.active
                   AND (c.date_look_failed IS NULL
                        OR c.date_look_failed <= %(now)s - %(pause)s)
                   AND CASE
                       WHEN c.date_looked IS NULL
                       THEN (c.date_begin IS NULL OR c.date_begin <= %(now)s)
                            AND (c.date_end IS NULL OR c.date_end > %(now)s)
                       WHEN c.entry LIKE 'segment%%'
                       THEN s.date_refreshed IS DISTINCT FROM c.date_segment
                       ELSE c.date_looked + look.minutes * interval '1 minute'
                            <= %(now)s
                            AND (c.date_end IS NULL OR c.date_looked < c.date_end)
                       END
              ORDER BY c.date_looked NULLS FIRST, c.id
                 LIMIT %(limit)s
                """,
                looks=self._get_look_minutes(),
                now=fields.Datetime.now(),
                pause=LOOK_PAUSE,
                limit=LOOK_SIZE + 1,
            )
        )
        return self.browse(row[0] for row in rows)

    def _look(self):
        """Let those enter this campaign who may now."""
        self.ensure_one()
        now = fields.Datetime.now()
        since = self.date_looked
        if not since:
            # its time to begin has come
            self._enrol()
        elif self.entry.startswith("segment"):
            if self._is_open():
                self._enrol()
            else:
                self.date_segment = self.segment_id.date_refreshed
            self._exit_left()
        else:
            candidates = self._is_open() and self._get_entry().get_candidates(since)
            if candidates:
                self._enrol_candidates(candidates)
            self.date_looked = now
        if self.date_look_failed:
            self.write({"date_look_failed": False, "look_error": False})

    def _set_look_error(self, reason):
        """Tell the responsible, once, why nobody enters; look again after a pause."""
        self.ensure_one()
        is_new = not self.date_look_failed
        self.write({"date_look_failed": fields.Datetime.now(), "look_error": reason})
        if is_new:
            self.message_notify(
                partner_ids=self.user_id.partner_id.ids,
                subject=self.env._("Nobody enters “%s”", self.name),
                body=self.env._(
                    "Looking for those who enter the campaign “%(campaign)s” met an "
                    "error; it is tried again every %(minutes)s minutes: %(reason)s",
                    campaign=self.name,
                    minutes=int(LOOK_PAUSE.total_seconds() // 60),
                    reason=reason,
                ),
            )

    @api.model
    def _trigger_look(self):
        """Come back when the next campaign is to be looked at."""
        [(date,)] = self.env.execute_query(
            SQL(
                """
                SELECT min(GREATEST(c.date_looked + look.minutes * interval '1 minute',
                                    c.date_look_failed + %(pause)s))
                  FROM crm_campaign c
                  JOIN %(looks)s ON look.entry = c.entry
                 WHERE c.state = 'running' AND c.active AND c.date_looked IS NOT NULL
                   AND (c.date_end IS NULL OR c.date_looked
                        + look.minutes * interval '1 minute' < c.date_end)
                """,
                looks=self._get_look_minutes(),
                pause=LOOK_PAUSE,
            )
        )
        if date:
            self.env["crm.campaign.task"]._trigger_once(
                max(date, fields.Datetime.now() + timedelta(minutes=1))
            )

    def _exit_left(self, member_ids=None):
        """End the journey of those who have left the segment, where it says so."""
        campaigns = self.filtered(
            lambda c: (
                c.exit_on_leave
                and c.entry == "segment"
                and c.state in ("running", "stopped")
            )
        )
        if not campaigns:
            return
        self.env["crm.segment.member"].flush_model(["date_left"])
        self.env["crm.campaign.participant"].flush_model()
        rows = self.env.execute_query(
            SQL(
                """
                SELECT p.id
                  FROM crm_campaign_participant p
                  JOIN crm_campaign c ON c.id = p.campaign_id
                  JOIN crm_segment_member m
                    ON m.segment_id = c.segment_id AND m.res_id = p.res_id
                 WHERE p.campaign_id = ANY(%(campaigns)s)
                   AND p.state = 'running'
                   AND m.date_left IS NOT NULL
                   AND %(window)s
                   AND NOT EXISTS (
                       SELECT FROM crm_segment_member o
                        WHERE o.segment_id = c.segment_id AND o.res_id = p.res_id
                          AND o.date_left IS NULL)
              GROUP BY p.id
                """,
                campaigns=campaigns.ids,
                window=(
                    SQL("TRUE")
                    if member_ids is None
                    else SQL("m.id = ANY(%s)", list(member_ids))
                ),
            )
        )
        self.env["crm.campaign.participant"]._exit({"left": [row[0] for row in rows]})
