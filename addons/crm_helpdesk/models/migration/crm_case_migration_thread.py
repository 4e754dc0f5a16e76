"""Messages, notes of changes, files, followers and activities: copied by SQL."""

import re
import uuid

from odoo import api, models
from odoo.tools import SQL

from .crm_case_migration import STAGE, TEAM, TICKET

# where a body shows a file of its own
FILE_LINK = re.compile(
    r"(/web/(?:image|content)/)(\d+)((?:[^\"'\s>]*?access_token=)([\w-]+))?"
)
# what a noted id is here: stages and teams were brought, people are the same
TRACKED_VALUE = """
    CASE f.name
    WHEN 'stage_id' THEN (
        SELECT o.res_id FROM crm_case_origin AS o
         WHERE o.origin_model = %(stage)s AND o.origin_id = %(value)s)
    WHEN 'team_id' THEN (
        SELECT o.res_id FROM crm_case_origin AS o
         WHERE o.origin_model = %(team)s AND o.origin_id = %(value)s
         ORDER BY o.company_id = t.company_id DESC LIMIT 1)
    ELSE %(value)s END"""


# one file a capability
# pylint: disable=consider-merging-classes-inherited
class CrmCaseMigration(models.Model):
    _inherit = "crm.case.migration"

    def _bring_threads(self, case_ids):
        """:param case_ids: ``{ticket id: case id}``"""
        messages = self._copy_messages(case_ids)
        self._copy_tracking(messages, case_ids)
        self._copy_files(messages, case_ids)
        self._copy_followers(case_ids)
        self._copy_activities(case_ids)

    @api.model
    def _map_sql(self, ids, alias):
        """FROM item: ``alias(old, new)`` of ``{old id: new id}``."""
        return SQL(
            "unnest(%s::int[], %s::int[]) AS %s(old, new)",
            list(ids),
            list(ids.values()),
            SQL.identifier(alias),
        )

    def _draw_ids(self, table, rows):
        """New ids of rows that will be copied, in their order: ``{old: new}``.

        :param rows: SQL that selects the ids
        """
        return dict(
            self.env.execute_query(
                SQL(
                    "SELECT id, nextval(%s)::int FROM (%s ORDER BY id) AS r",
                    f"{table}_id_seq",
                    rows,
                )
            )
        )

    def _copy_rows(self, table, ids, values, joins=None):
        """Copies of the rows ``ids`` (``{old: new}``) but for some columns.

        :param values: SQL by column; the row is ``r``
        """
        if not ids:
            return
        names = self.env.execute_query(
            SQL(
                """SELECT column_name FROM information_schema.columns
                    WHERE table_schema = current_schema() AND table_name = %s
                      AND is_generated = 'NEVER'
                    ORDER BY ordinal_position""",
                table,
            )
        )
        columns = {name: SQL.identifier("r", name) for (name,) in names}
        columns |= {"id": SQL("m.new"), **values}
        self.env.cr.execute(
            SQL(
                """INSERT INTO %(table)s (%(names)s) SELECT %(columns)s
                     FROM %(map)s JOIN %(table)s AS r ON r.id = m.old %(joins)s
                    ORDER BY m.new""",
                table=SQL.identifier(table),
                names=SQL(", ").join(map(SQL.identifier, columns)),
                columns=SQL(", ").join(columns.values()),
                map=self._map_sql(ids, "m"),
                joins=joins or SQL(),
            )
        )

    # ------------------------------------------------------------
    # Messages
    # ------------------------------------------------------------

    def _copy_messages(self, case_ids):
        """Public ones stay public, notes stay notes; the mails' own ids are kept, so
        that an answer to an old mail finds the case.
        """
        messages = self._draw_ids(
            "mail_message",
            SQL(
                "SELECT id FROM mail_message WHERE model = %s AND res_id = ANY(%s)",
                TICKET,
                list(case_ids),
            ),
        )
        xmlid = self.env["ir.model.data"]._xmlid_to_res_id
        self._copy_rows(
            "mail_message",
            messages,
            {
                "model": SQL("%s", "crm.case"),
                "res_id": SQL("c.new"),
                "parent_id": SQL("p.new"),
                # subtypes of their own go with their application
                "subtype_id": SQL(
                    """CASE WHEN s.res_model IS DISTINCT FROM %s THEN r.subtype_id
                            WHEN s.internal OR r.message_type = 'notification' THEN %s
                            ELSE %s END""",
                    TICKET,
                    xmlid("mail.mt_note"),
                    xmlid("mail.mt_comment"),
                ),
                # the timeline reads what is new since its last visit
                "create_date": SQL("now() AT TIME ZONE 'UTC'"),
                "write_date": SQL("now() AT TIME ZONE 'UTC'"),
            },
            SQL(
                """JOIN %s ON c.old = r.res_id
              LEFT JOIN %s ON p.old = r.parent_id
              LEFT JOIN mail_message_subtype AS s ON s.id = r.subtype_id""",
                self._map_sql(case_ids, "c"),
                self._map_sql(messages, "p"),
            ),
        )
        return messages

    def _copy_tracking(self, messages, case_ids):
        """Of what cases have, too, as theirs, so that the history can be read from it;
        the rest as Odoo keeps notes of fields that are gone.
        """
        if not messages:
            return
        rows = self._draw_ids(
            "mail_tracking_value",
            SQL(
                "SELECT id FROM mail_tracking_value WHERE mail_message_id = ANY(%s)",
                list(messages),
            ),
        )
        self._copy_rows(
            "mail_tracking_value",
            rows,
            {
                "mail_message_id": SQL("x.new"),
                "field_id": SQL("own.id"),
                "field_info": SQL(
                    """CASE WHEN own.id IS NULL THEN COALESCE(
                        r.field_info,
                        jsonb_build_object(
                            'desc', f.field_description->>'en_US', 'name', f.name,
                            'type', f.ttype, 'sequence', 100)) END"""
                ),
                **{
                    f"{when}_value_integer": SQL(
                        TRACKED_VALUE,
                        stage=STAGE,
                        team=TEAM,
                        value=SQL.identifier("r", f"{when}_value_integer"),
                    )
                    for when in ("old", "new")
                },
            },
            SQL(
                """JOIN %s ON x.old = r.mail_message_id
                   JOIN mail_message AS msg ON msg.id = r.mail_message_id
                   JOIN helpdesk_ticket AS t ON t.id = msg.res_id
              LEFT JOIN ir_model_fields AS f ON f.id = r.field_id
              LEFT JOIN ir_model_fields AS own
                     ON own.model = 'crm.case' AND own.name = f.name
                    AND own.ttype = f.ttype AND f.name = ANY(%s)""",
                self._map_sql(messages, "x"),
                ["stage_id", "team_id", "user_id", "name", "priority", "partner_id"],
            ),
        )

    # ------------------------------------------------------------
    # Files
    # ------------------------------------------------------------

    def _copy_files(self, messages, case_ids):
        """Files of the tickets and of their messages; the content is stored once."""
        owners = dict(
            self.env.execute_query(
                SQL(
                    """SELECT id, res_id FROM ir_attachment
                        WHERE res_model = %(model)s AND res_id = ANY(%(tickets)s)
                        UNION
                       SELECT a.id, min(m.res_id) FROM message_attachment_rel AS rel
                         JOIN ir_attachment AS a ON a.id = rel.attachment_id
                         JOIN mail_message AS m ON m.id = rel.message_id
                        WHERE rel.message_id = ANY(%(messages)s)
                          AND NOT (a.res_model IS NOT DISTINCT FROM %(model)s
                                   AND a.res_id = ANY(%(tickets)s))
                        GROUP BY a.id""",
                    model=TICKET,
                    tickets=list(case_ids),
                    messages=list(messages),
                )
            )
        )
        if not owners:
            return
        files = self._draw_ids(
            "ir_attachment",
            SQL("SELECT id FROM ir_attachment WHERE id = ANY(%s)", list(owners)),
        )
        case_by_file = {id_: case_ids[owners[id_]] for id_ in files}
        tokens = {id_: str(uuid.uuid4()) for id_ in files}
        self._copy_rows(
            "ir_attachment",
            files,
            {
                "res_model": SQL("%s", "crm.case"),
                "res_id": SQL("c.new"),
                "original_id": SQL("NULL::int"),
                # who has a link to the old file has none to the new one
                "access_token": SQL(
                    "CASE WHEN r.access_token IS NOT NULL THEN k.token END"
                ),
            },
            SQL(
                """JOIN %s ON c.old = r.id
                   JOIN unnest(%s::int[], %s::varchar[]) AS k(old, token)
                     ON k.old = r.id""",
                self._map_sql(case_by_file, "c"),
                list(tokens),
                list(tokens.values()),
            ),
        )
        self.env.cr.execute(
            SQL(
                """INSERT INTO message_attachment_rel (message_id, attachment_id)
                   SELECT x.new, a.new FROM message_attachment_rel AS rel
                     JOIN %s ON x.old = rel.message_id
                     JOIN %s ON a.old = rel.attachment_id
                   ON CONFLICT DO NOTHING""",
                self._map_sql(messages, "x"),
                self._map_sql(files, "a"),
            )
        )
        self._rewrite_links(messages, case_ids, files, tokens)

    def _rewrite_links(self, messages, case_ids, files, tokens):
        """Pictures within messages and descriptions show the copies."""

        def replace(match):
            old = int(match[2])
            if old not in files:
                return match[0]
            rest = (match[3] or "").replace(match[4] or "\0", tokens[old])
            return f"{match[1]}{files[old]}{rest}"

        for table, column, ids in (
            ("mail_message", "body", list(messages.values())),
            ("crm_case", "description", list(case_ids.values())),
        ):
            rows = self.env.execute_query(
                SQL(
                    "SELECT id, %(column)s FROM %(table)s"
                    " WHERE id = ANY(%(ids)s) AND %(column)s ~ '/web/(image|content)/'",
                    table=SQL.identifier(table),
                    column=SQL.identifier(column),
                    ids=ids,
                )
            )
            texts = {
                id_: new
                for id_, old in rows
                if (new := FILE_LINK.sub(replace, old)) != old
            }
            if texts:
                self.env.cr.execute(
                    SQL(
                        """UPDATE %(table)s AS t SET %(column)s = n.text
                             FROM unnest(%(ids)s::int[], %(texts)s::text[])
                                  AS n(id, text)
                            WHERE t.id = n.id""",
                        table=SQL.identifier(table),
                        column=SQL.identifier(column),
                        ids=list(texts),
                        texts=list(texts.values()),
                    )
                )

    # ------------------------------------------------------------
    # Followers and activities
    # ------------------------------------------------------------

    def _copy_followers(self, case_ids):
        """They go on getting what they got; to follow a case opens it to nobody."""
        self.env.cr.execute(
            SQL(
                """
                WITH added AS (
                    INSERT INTO mail_followers (res_model, res_id, partner_id)
                    SELECT 'crm.case', c.new, f.partner_id
                      FROM mail_followers AS f JOIN %(map)s ON c.old = f.res_id
                     WHERE f.res_model = %(model)s
                     ORDER BY f.id
                    ON CONFLICT DO NOTHING
                    RETURNING id, res_id, partner_id
                )
                INSERT INTO mail_followers_mail_message_subtype_rel
                            (mail_followers_id, mail_message_subtype_id)
                SELECT DISTINCT a.id, rel.mail_message_subtype_id
                  FROM added AS a
                  JOIN %(map)s ON c.new = a.res_id
                  JOIN mail_followers AS f ON f.res_model = %(model)s
                   AND f.res_id = c.old AND f.partner_id = a.partner_id
                  JOIN mail_followers_mail_message_subtype_rel AS rel
                    ON rel.mail_followers_id = f.id
                  JOIN mail_message_subtype AS s
                    ON s.id = rel.mail_message_subtype_id AND s.res_model IS NULL
                """,
                map=self._map_sql(case_ids, "c"),
                model=TICKET,
            )
        )

    def _copy_activities(self, case_ids):
        activities = self._draw_ids(
            "mail_activity",
            SQL(
                "SELECT id FROM mail_activity"
                " WHERE res_model = %s AND res_id = ANY(%s)",
                TICKET,
                list(case_ids),
            ),
        )
        self._copy_rows(
            "mail_activity",
            activities,
            {
                "res_model": SQL("%s", "crm.case"),
                "res_model_id": SQL("%s", self.env["ir.model"]._get_id("crm.case")),
                "res_id": SQL("c.new"),
                "res_name": SQL("'[' || k.number || '] ' || k.name"),
            },
            SQL(
                """JOIN %s ON c.old = r.res_id
                   JOIN crm_case AS k ON k.id = c.new""",
                self._map_sql(case_ids, "c"),
            ),
        )
