"""How servers name an address in a text, and what they answered."""

import re

from .codes import codes

# Bounded as RFC 5321 bounds it, or lines of junk take minutes.
ADDRESS = (
    r"[^\s<>\"'(),:;\[\]|]{1,128}@"
    r"[^\s<>\"'(),:;\[\]|]{1,254}[^\s<>\"'(),:;\[\].|]"
)
ADDRESS_ONLY = re.compile(rf"^{ADDRESS}$")
# How the servers name the address in a text; each with the address as its only group.
# Those of the first set stand at the head of a paragraph that says why.
RECIPIENT_HEADS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"^\s*(?:[*]|--|>>>)?\s*[<\"]({ADDRESS})[>\"][:,]?(?:\s|$)",
        rf"^\s*(?:[*]|--)?\s*({ADDRESS})\s*[:,]?\s*$",
        rf"^\s*({ADDRESS}):\s+\S",
        rf"^\s*({ADDRESS})\s+(?:on [A-Z][a-z]{{2}}, |\[|Invalid Address|Error,|ERROR)",
        rf"^\s*({ADDRESS})<mailto:",
        rf"^\d{{3}} <({ADDRESS})>\.\.\.",
    )
)
RECIPIENT_WORDS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        (
            rf"(?:recipient|addressed to|delivery failed|user|rcpt to"
            rf"|attempts)\s*:\s*<?({ADDRESS})>?"
        ),
        (
            rf"(?:deliver\w*|sent|undeliverable|reach|relayed)\s+(?:your\s+)?"
            rf"(?:message|mail|e-?mail)?\s*to:?\s+(?:the address )?<?({ADDRESS})>?"
        ),
        rf"rejected recipient\s+<?({ADDRESS})>?",
        rf"RCPT TO:\s*<?({ADDRESS})>?",
        rf"mailing list <({ADDRESS})>",
        rf"<({ADDRESS})>",
        rf"({ADDRESS})",
    )
)


def first_address(text, own=""):
    for pattern in RECIPIENT_HEADS:
        for line in text.split("\n"):
            found = pattern.match(line)
            if found and found[1].lower() != own:
                return found[1].lower()
    for pattern in RECIPIENT_WORDS:
        for found in pattern.finditer(text):
            if found[1].lower() != own:
                return found[1].lower()
    return ""


def paragraphs(text, own=""):
    """Each address at the head of a paragraph, with what the paragraph says."""
    heads = []
    lines = text.split("\n")
    for number, line in enumerate(lines):
        for pattern in RECIPIENT_HEADS:
            found = pattern.match(line)
            if found:
                heads.append((number, found[1].lower()))
                break
    heads = [head for head in heads if head[1] != own] or heads
    blocks = {}
    for index, (start, address) in enumerate(heads):
        stop = heads[index + 1][0] if index + 1 < len(heads) else len(lines)
        said = "\n".join(lines[start:stop])
        rest = said.replace(address, "").strip(' <>:"*-\n')
        if address in blocks:
            # Exchange names it first to the reader, then to the administrator
            said, rest = f"{blocks[address][0]}\n{said}", blocks[address][1] or rest
        blocks[address] = (said, rest)
    if len(blocks) <= 1:
        # one address: all of the text is about it
        address = next(iter(blocks), "") or first_address(text, own)
        if not address:
            return {}
        said = blocks[address][0] if blocks and "<<< " not in text else text
        if not any(codes(said)):
            said = text
        return {address: said}
    return {address: said for address, (said, _rest) in blocks.items()}


def answers(text):
    """The answers of the other server in a transcript or a "said:" of ours."""
    for pattern in (
        r"\(reason: (.+?)\)\s*$",
        r"^[> ]*<<< (.+)$",
        r"^Received >>> ([45]\d\d.+)$",
        r"^[45]\d\d <[^<>]*>\.\.\. ([45]\d\d .+)$",
        r"^([45]\d\d[ -].+)$",
        (
            r"(?:said|returned|responded with failure|generated response|server was"
            r"|was:"
            r"|server message|response was)\s*:?\s*('?#?[245]\d\d[\s-].+)"
        ),
    ):
        found = re.findall(pattern, text, re.IGNORECASE | re.MULTILINE | re.DOTALL)
        if pattern.startswith("^"):
            found = re.findall(pattern, text, re.IGNORECASE | re.MULTILINE)
        if found:
            return "\n".join(found[:3])
    return ""
