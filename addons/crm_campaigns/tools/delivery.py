"""Hand one mail to the mail server at most once, whoever dies when."""

import smtplib
from contextlib import contextmanager

# The server has said no: it does not have the mail.
REFUSALS = (
    smtplib.SMTPResponseException,
    smtplib.SMTPRecipientsRefused,
    smtplib.SMTPNotSupportedError,
)
# Raised before anything is said to the server.
MISTAKES = (AssertionError, UnicodeError, ValueError)


class OwnCursor:
    """One cursor for what many deliveries note, a transaction each: to borrow a cursor
    for each takes longer than the note.

    To be used as ``with OwnCursor(registry) as own``; ``Delivery`` takes it in place of
    the registry.
    """

    def __init__(self, registry):
        self._registry = registry
        self._cursor = None

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self._close()

    def _close(self):
        cr, self._cursor = self._cursor, None
        if cr is not None:
            cr.close()

    @contextmanager
    def cursor(self):
        if self._cursor is None:
            self._cursor = self._registry.cursor()
        try:
            yield self._cursor
            self._cursor.commit()  # pylint: disable=invalid-commit
        except BaseException:
            # a lost connection is of no more use
            self._close()
            raise


class Delivery:
    """One mail on its way to the server.

    The rule: a row in ``crm_campaign_delivery`` is committed, through a cursor of its
    own, right before the text of the mail is given to the server (the DATA command).

    - Row written: go on. If the server refuses, the row says so and the mail may be
      tried again. If the connection breaks or the process dies before the server's
      answer was noted, the row stays: nobody knows, so the mail counts as sent.
    - Row was there: somebody has been here before and did not live to tell. The text is
      not given again.

    Whoever is sending holds the lock of the mail's row, so a row that is there is never
    that of a worker still alive.

    :param registry: registry of the database, for cursors of its own; or ``OwnCursor``
    :param mail_id: id of the ``mail.mail``
    :param now: when, for people to read
    """

    def __init__(self, registry, mail_id, now):
        self.registry = registry
        self.mail_id = mail_id
        self.now = now
        self.reserved = False
        self.unknown = False
        # whether the mail is to be deleted, now that it was sent
        self.is_over = False

    def _execute(self, query, **params):
        params.update(mail=self.mail_id, now=self.now)
        with self.registry.cursor() as cr:
            # where the database may lose the last commits when it dies, not this one
            cr.execute(
                "SELECT set_config('synchronous_commit', 'on', TRUE)"
                " WHERE current_setting('synchronous_commit') = 'off'"
            )
            cr.execute(query, params)
            return cr.rowcount

    def reserve(self):
        """Put the delivery on record; False if it was before, then not to be done."""
        self.reserved = bool(
            self._execute(
                """
                INSERT INTO crm_campaign_delivery AS d (mail_id, date_reserved, outcome)
                VALUES (%(mail)s, %(now)s, 'reserved')
                    ON CONFLICT (mail_id) DO UPDATE
                   SET outcome = 'reserved', date_reserved = EXCLUDED.date_reserved,
                       smtp_code = NULL
                 WHERE d.outcome = 'refused'
                """
            )
        )
        if not self.reserved:
            self.note_unknown()
        return self.reserved

    def note_refusal(self, code=None):
        """The server does not have the mail: it may be tried again.

        :return: False where somebody had handed it over before and did not live to
            tell: what the server says now says nothing of that
        """
        return bool(
            self._execute(
                """
                INSERT INTO crm_campaign_delivery AS d
                       (mail_id, date_reserved, outcome, smtp_code)
                VALUES (%(mail)s, %(now)s, 'refused', %(code)s)
                    ON CONFLICT (mail_id) DO UPDATE
                   SET outcome = 'refused', smtp_code = EXCLUDED.smtp_code
                 WHERE d.outcome = 'refused' OR %(ours)s
                """,
                code=code,
                ours=self.reserved,
            )
        )

    def note_unknown(self):
        self.unknown = True
        self._execute(
            """
            UPDATE crm_campaign_delivery SET outcome = 'unknown'
             WHERE mail_id = %(mail)s
            """
        )

    @contextmanager
    def at_data(self, session):
        """Within, the session's DATA command reserves the delivery first."""
        original = session.data

        def data(message):
            if not self.reserve():
                session.rset()
                return 250, b"handed over before"
            return original(message)

        session.data = data
        try:
            yield
        finally:
            del session.data

    def is_settled_by(self, error):
        """Note what a failed attempt means.

        :return: True if the mail must count as sent, False if it was not sent
        """
        cause = error
        while cause is not None and not isinstance(cause, REFUSALS + MISTAKES):
            cause = cause.__cause__ or cause.__context__
        if cause is not None and self.note_refusal(get_smtp_code(cause)):
            return False
        if cause is not None or self.reserved:
            self.note_unknown()
            return True
        return False


def get_smtp_code(error):
    """The server's code in an ``smtplib`` error, or None."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return max((code for code, _text in error.recipients.values()), default=None)
    return getattr(error, "smtp_code", None)
