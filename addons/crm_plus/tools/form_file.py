"""Files in which one database hands something to another: JSON with a head that says
what it is, and in which version. Nothing in here reads a database.
"""

import base64
import binascii
import json

from markupsafe import Markup


class FormFileError(Exception):
    """The file is not what it should be; ``problems`` says why, one text a problem."""

    def __init__(self, problems):
        self.problems = [problems] if isinstance(problems, str) else list(problems)
        super().__init__("\n".join(self.problems))


class FormFile:
    """The form of one kind of file.

    :param name: what the file says it is, under ``format``
    :param version: the newest one that this program knows
    :param error: class of what is raised, a ``FormFileError``
    :param check: ``(content, env)``: yields what is wrong with the rest, as texts
    """

    def __init__(self, name, version, error, check):
        self.name = name
        self.version = version
        self.error = error
        self.check = check

    def dump(self, content):
        """Return the text of a file."""
        head = {"format": self.name, "version": self.version}
        return json.dumps({**head, **content}, indent=2, ensure_ascii=False) + "\n"

    def load(self, text, env, not_one):
        """Return the content of a file, its shape checked; raise ``error``.

        :param text: text, or the bytes of a file
        :param env: for problems in the user's language
        :param not_one: what to say of a file of another kind
        """
        content = self._parse(text, env)
        if not isinstance(content, dict) or content.get("format") != self.name:
            raise self.error(not_one)
        version = content.get("version")
        if type(version) is not int or version < 1:
            raise self.error(env._("“version” is not a number"))
        if version > self.version:
            raise self.error(
                env._(
                    "version %(version)s is newer than this program knows (%(known)s)",
                    version=version,
                    known=self.version,
                )
            )
        problems = [*self.check(content, env)]
        if problems:
            raise self.error(problems)
        return content

    def _parse(self, text, env):
        if isinstance(text, bytes):
            try:
                text = text.decode("utf-8-sig")
            except UnicodeDecodeError as error:
                raise self.error(env._("not a text in UTF-8: %s", error)) from error
        try:
            return json.loads(text)
        except json.JSONDecodeError as error:
            raise self.error(
                env._(
                    "line %(line)s, column %(column)s: %(error)s",
                    line=error.lineno,
                    column=error.colno,
                    error=error.msg,
                )
            ) from error
        except (RecursionError, ValueError) as error:
            raise self.error(env._("nested too deeply, or no number")) from error


def read_upload(data, error_class, env):
    """Return the bytes of a file that was put into a field; raise ``error_class``."""
    try:
        return base64.b64decode(data or b"")
    except binascii.Error as error:
        raise error_class(env._("the file is damaged")) from error


def refusal(problems, env):
    """What to say of a file that cannot be imported, and why."""
    return env._(
        "This file cannot be imported; nothing was changed.\n\n%s",
        "\n".join(f"• {problem}" for problem in problems),
    )


def html_items(texts):
    """A list of texts, to be shown before a file is imported."""
    return Markup("<ul class='mb-2'>%s</ul>") % Markup().join(
        Markup("<li>%s</li>") % text for text in texts
    )
