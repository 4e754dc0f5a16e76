"""Makes the texts of a mail readable whose charset is unknown or wrong.

Python's parser raises on a charset that it does not know, which would lose the mail,
and puts question marks where the declared one does not fit.
"""

import codecs

# What programs write that lie about it, or say nothing. The last one takes any byte.
GUESSES = ("utf-8", "cp1252", "latin-1")
# Not tried on more: the guess is as good on the beginning.
MAX_BYTES = 1_000_000


def mend_charsets(message):
    """Correct the charsets that the text parts of a mail declare, where they are wrong.

    :param message: ``email.message.EmailMessage``; changed in place
    :return: number of parts that were corrected
    """
    mended = 0
    for part in message.walk():
        if part.is_multipart() or part.get_content_maintype() != "text":
            continue
        try:
            mended += _mend(part)
        except Exception:  # noqa: BLE001  the e-mail package raises many kinds on junk
            continue
    return mended


def _mend(part):
    declared = part.get_content_charset()
    content = part.get_payload(decode=True) or b""
    content = content[:MAX_BYTES]
    if declared and _fits(content, declared):
        return False
    if not declared and content.isascii():
        return False
    right = next(name for name in GUESSES if _fits(content, name))
    if right == declared:
        return False
    part.set_param("charset", right)
    return True


def _fits(content, charset):
    try:
        # raises for codecs of Python that are none of texts
        b"\0\0\0\0".decode(charset, "replace")
        decoder = codecs.getincrementaldecoder(charset)()
        # a character may be cut in two at the end of what is looked at
        decoder.decode(content, final=len(content) < MAX_BYTES)
    except (LookupError, UnicodeError, AttributeError, TypeError):
        return False
    return True
