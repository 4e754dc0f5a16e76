"""The codes of a refusal, and at which command of the SMTP dialogue it came."""

import re

# Replies of RFC 5321 and of those that extend it: "said: 426" is none of them.
REPLY_CODES = (
    "421|432|450|451|452|453|454|455|458|459|47[0-9]"
    "|50[0-4]|52[0135]|53[0-9]|541|55[0-7]"
)
STATUS = r"(?<![\d.])([245]\.\d{1,3}\.\d{1,3})(?![\d.]*\d)"
REPLY_AND_STATUS = re.compile(
    rf"(?<![\d.])({REPLY_CODES})[ ,-]\s*['\"#(]*{STATUS}", re.IGNORECASE
)
NESTED_REPLY = re.compile(rf"<({REPLY_CODES})[ -]+{STATUS}")
REPLY_ALONE = re.compile(rf"(?<![\d.:/#=])({REPLY_CODES})(?=[ :,-]|$|\n)(?!:\d)")
STATUS_ALONE = re.compile(STATUS)
# At which stage of the SMTP dialogue the refusal came, as the servers put it.
STAGES = (
    ("CONN", r"after initial connection|refused to\s+talk to me|initial greeting"),
    (
        "HELO",
        (
            r"(?:after|in reply to|to our) (?:EHLO|HELO)|my name was rejected"
            r"|\[(?:EHLO|HELO)\]"
        ),
    ),
    (
        "MAIL",
        (
            r"(?:after|in reply to(?: the)?|to our|\[|MAIL command:?"
            r"|SMTP:) ?MAIL[ _]?(?:FROM)?\b"
            r"|sender was rejected"
        ),
    ),
    (
        "RCPT",
        (
            r"(?:after|in reply to(?: the)?|like our|following|\[|SMTP:|progress was)"
            r" ?RCPT(?:[ _]?TO)?\b|does not like recipient|>>> RCPT TO:.*\s+<<< 5"
            r"|^\s*RCPT TO:\s*\S+@|rejected recipient|\(state 14\)"
        ),
    ),
    (
        "DATA",
        (
            r"(?:after|in reply to)(?: the)? (?:pipelined |sending )?"
            r"(?:end of )?(?:DATA|message|\.)\b"
            r"|final DATA|(?:SMTP command|STEP:?)\s+DATA\b|after I sent the message"
            r"|\(state 18\)|failed on DATA|\[DATA\]"
        ),
    ),
)
STAGES = tuple((stage, re.compile(words, re.I | re.M)) for stage, words in STAGES)


def codes(text, declared=""):
    """The reply code and the enhanced status that a text gives.

    A status right behind the reply is what the refusing server said; the field
    ``Status`` is what the server between made of it, often no more than 5.0.0.

    :param declared: the status of the report's own field
    :return: (reply code, status), each "" when not found
    """
    # Zoho: "ERROR_CODE :550, ERROR_CODE :5.1.1"
    text = re.sub(r"ERROR_CODE ?:", " ", text)
    pair = NESTED_REPLY.search(text) or REPLY_AND_STATUS.search(text)
    if pair:
        return pair[1], pair[2]
    alone = REPLY_ALONE.search(text)
    reply_code = alone[1] if alone else ""
    status = declared
    if not status or status[2:] == "0.0":
        found = STATUS_ALONE.search(text)
        if found and (not reply_code or found[1][0] == reply_code[0]):
            status = found[1]
    if reply_code and status and reply_code[0] != status[0]:
        # one of the two is not of this refusal: the status decides how it is handled
        reply_code = ""
    return reply_code, status


def smtp_stage(text):
    """At which command the refusal came: CONN, HELO, MAIL, RCPT, DATA or ""."""
    for stage, words in STAGES:
        if words.search(text):
            return stage
    return ""
