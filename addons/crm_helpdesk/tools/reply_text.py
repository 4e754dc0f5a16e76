# ruff: noqa: RUF001  marks of mail programs are in many alphabets
"""Tells what somebody wrote from what his mail program added: quote and signature.

``split_text`` reads plain text, ``mark_html`` an HTML body. Both look at lines: a line
is text, or belongs to a quote, or to a signature. Nothing is ever removed: in HTML the
lines that are no text of the sender are marked as Odoo marks quotes, so that the
conversation shows them folded.

What ends the text, in the languages of the mail programs that write it:

* lines that begin with ``>``;
* "On Monday Ida wrote:", also broken over several lines, and what follows;
* "-----Original Message-----", and the block From/Sent/To/Subject of Outlook;
* ``-- ``, "Sent from my phone", the footer of a mailing list, a closing formula with
  the name below, a last paragraph of phone numbers and addresses.

A mail that somebody forwards is what he wants to say: it stays text from the mark of
the forward on. And where nothing would be left, all is text.
"""

import re
from dataclasses import dataclass

from lxml import etree
from lxml import html as lxml_html

TEXT, QUOTE, SIGNATURE = "text", "quote", "signature"

# Marks are looked for in the beginning of a line; some are hundreds of kB long.
MAX_LINE = 500
# Nobody reads further, and junk may have millions of lines.
MAX_LINES = 20_000
# Larger bodies are shown as they are: they are newsletters, not answers.
MAX_HTML = 1_000_000

VERBS = re.compile(
    r"(\bwrote\b|\bwrites\b|a écrit|\bécrivit\b|\bschrieb\b|\bschreef\b|ha scritto|"
    r"\bescribió\b|\bescreveu\b|\bnapisał|\bnapsal|\bnapísal|\bskrev\b|\bkirjoitti\b|"
    r"\bírta\b|написал|написав|\bпишет\b|\bписал|\byazdı\b|a scris|đã viết|写道|寫道|"
    r"\bha escrit\b|έγραψε|작성)",
    re.I,
)
DATE = re.compile(
    r"(\d{1,4}[./-]\d{1,2}\b|\b\d{1,2}:\d{2}\b|\b\d{1,2}\.?(º|th|st|nd|rd)?( de)? "
    r"[^\W\d]+\.?,?( de)? \d{4}|\b[^\W\d]+\.? \d{1,2},? \d{4}|\d{4}年)"
)
ADDRESS = re.compile(r"[^\s<>@]+@[^\s<>@]+\.[a-z]", re.I)
# How such a line begins, where it is broken and does not tell by its verb
BEGIN = re.compile(
    r"^[\s*–—-]*(on|le|am|il|el|em|op|den|dne|dnia|w dniu|pe|vào|el día|a|"
    r"\d{1,4}[./ -]|[^\W\d]{2,12}[.,]? \d|on [^\W\d]+)",
    re.I,
)
END = re.compile(r"[:：]\s*$")
MAX_ATTRIBUTION = 4  # lines

ORIGINAL = re.compile(
    r"^\s*[-_=*]{2,}\s*(original message|reply message|original appointment|"
    r"ursprüngliche (nachricht|mail|e-mail)|urspr\. nachricht|original-nachricht|"
    r"message d['’]origine|message original|courriel original|e-mail d'origine|"
    r"mensaje original|mensagem original|messaggio originale|"
    r"oorspronkelijk bericht|oprindelig (meddelelse|besked)|opprinnelig melding|"
    r"originalmeddelande|ursprungligt meddelande|alkuperäinen viesti|"
    r"oryginalna wiadomość|wiadomość oryginalna|původní (zpráva|e-mail)|"
    r"eredeti üzenet|исходное сообщение|оригинальное сообщение|"
    r"вихідне повідомлення|özgün ileti|原始邮件|原始郵件|元のメッセージ)"
    r"\s*[-_=*]{2,}",
    re.I,
)
FORWARD = re.compile(
    r"^\s*[-_=*]{2,}\s*(forwarded (message|by)|weitergeleitete nachricht|"
    r"message transféré|mensaje reenviado|mensagem encaminhada|"
    r"messaggio inoltrato|doorgestuurd bericht|videresendt|vidarebefordrat|"
    r"przekazana wiadomość|пересылаемое|пересланное|转发的邮件)|"
    r"^\s*begin forwarded message",
    re.I,
)
LABELS = {
    "from": "from|von|de|da|van|fra|från|od|от|від|lähettäjä|kimden|feladó|expéditeur|"
    "remitente|发件人|寄件者|差出人|보낸 사람",
    "date": "sent|date|gesendet|datum|envoyé(?: le)?|message du|enviado(?: el| em)?|"
    "fecha|data|inviato|verzonden|sendt|dato|skickat|wysłano|odesláno|"
    "отправлено|дата|надіслано|lähetetty|päivämäärä|elküldve|gönderilen|gönderildi|"
    "发送时间|日期|寄件日期|送信日時",
    "to": "to|an|à|a|aan|para|til|till|do|komu|кому|vastaanottaja|címzett|kime|收件人|"
    "宛先",
    "cc": "cc|kopie|copie à|copia|kopia|копия|抄送",
    "subject": "subject|betreff|objet|sujet|oggetto|asunto|assunto|onderwerp|emne|"
    "ämne|temat|předmět|тема|aihe|tárgy|konu|主题|主旨|件名",
}
LABEL = re.compile(
    r"^\s*\*?(?:"
    + "|".join(f"(?P<{name}>{words})" for name, words in LABELS.items())
    + r")\s?\*?\s?[:：]",
    re.I,
)
MAX_HEADERS = 9  # lines of a block, with those that are broken

RULE = re.compile(r"^\s*[-_=*—─]{5,}\s*$")
DELIMITER = re.compile(r"^\s*(--|—|–)\s*$")
DEVICE = re.compile(
    r"^\s*(sent from my (\S+\s*){1,4}|"
    r"sent (from|with|via|using) (mail|outlook|yahoo|gmail|proton|sparrow|windows|"
    r"samsung|mobile|blackberry|iphone|ipad|thunderbird|aol|spark)\b.{0,60}|"
    r"get outlook for \w+.{0,60}|"
    r"(diese nachricht wurde )?von mein\w+ .{1,40} gesendet|"
    r"gesendet (von|mit) .{1,50}|"
    r"envoyé (de|depuis|à partir de|par) .{1,50}|"
    r"enviado (desde|do|de|a partir d\w+|con|com|pelo) (mi|meu|el|o|outlook|correo|"
    r"yahoo|gmail|samsung|iphone)\b.{0,50}|"
    r"inviato (dal?|con) .{1,50}|verzonden (vanaf|met|via|vanuit) .{1,50}|"
    r"skickat från .{1,50}|send[t] fra .{1,50}|lähetetty .{1,40}(sta|stä|lla|llä)|"
    r"wysłan[eoy] z .{1,50}|odesláno z .{1,50}|отправлено (с|из) .{1,50}|"
    r"надіслано з .{1,50}|发自我的.{1,20}|iphoneから送信)[.!]?\s*$",
    re.I,
)
CLOSING = re.compile(
    r"^\s*((with )?((best|kind|warm|kindest|many|my best) )+(regards|wishes|thanks)|"
    r"regards|sincerely( yours)?|yours (sincerely|faithfully|truly)|cheers|thanks|"
    r"thank you|thanks (in advance|again|a lot|and regards)|thx|best|"
    r"mit (freundlichen?|besten|herzlichen|vielen) gr[uü](ß|ss)e?n?|"
    r"(viele|liebe|beste|herzliche|freundliche|schöne) gr[uü](ß|ss)e|mfg|vg|lg|"
    r"(bien |très )?cordialement|bien à vous|salutations( distinguées)?|cdt|"
    r"(un )?(saludos?|cordial saludo)( cordiales)?|atentamente|"
    r"atenciosamente|cumprimentos|cordiali saluti|distinti saluti|saluti|"
    r"(met |m\.)?vriendelijke groet(en)?|mvg|groet(en|jes)?|"
    r"(med )?(venlig|vennlig|vänlig)a? (hilsen|hälsning(ar)?)|mvh|hälsningar|"
    r"(ystävällisin )?terveisin|pozdrawiam|z poważaniem|s pozdravem|"
    r"с уважением|з повагою|üdvözlettel|cu stimă|saygılarımla|此致)\s*[,.!:-]*\s*$",
    re.I,
)
NAME_DASH = re.compile(r"^\s*(-|-- ?)[^\W\d_][\w.'’-]*( [^\W\d_][\w.'’-]*){0,2}\s*$")
POSTSCRIPT = re.compile(r"^\s*p\.? ?s\.?\s*[:.-]?\s", re.I)
CONTACT = re.compile(
    r"(https?://|www\.|[^\s@]+@[^\s@]+\.[a-z]|(\+|\()?\d[\d ()/.+-]{6,}\d|"
    r"\b(skype|fax|tel|phone|mobil[e]?)\b)",
    re.I,
)
MAX_NAME = 50
MAX_SIGNATURE = 30  # lines with words
MAX_CONTACT_BLOCK = 7


@dataclass(frozen=True)
class Reply:
    """A mail's text, taken apart; the parts keep their order, not their places."""

    visible: str
    signature: str
    quoted: str

    @property
    def written(self):
        """Without the quote, with the signature."""
        return f"{self.visible}\n\n{self.signature}".strip()


def split_text(text):
    """Return the ``Reply`` that a plain text is.

    >>> split_text("Hello\\n\\n-- \\nIda\\n\\nOn 3 May 2024, Jan wrote:\\n> Hi").visible
    'Hello'
    """
    lines = (text or "").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    kinds = classify(lines)
    parts = {
        kind: "\n".join(
            line for line, of in zip(lines, kinds, strict=True) if of == kind
        ).strip()
        for kind in (TEXT, QUOTE, SIGNATURE)
    }
    return Reply(parts[TEXT], parts[SIGNATURE], parts[QUOTE])


def classify(lines, hints=None):
    """Return a list that says for each line what it is.

    :param lines: list of str
    :param hints: list of what is known of each line already (None: nothing), as HTML
        tells by its elements
    """
    short = [line[:MAX_LINE] for line in lines[:MAX_LINES]]
    hints = list(hints or [None] * len(short))[: len(short)]
    kinds = _find_quotes(short, hints)
    _join_broken_quotes(short, kinds)
    _find_signatures(short, kinds)
    if not any(
        kind == TEXT and line.strip() for line, kind in zip(short, kinds, strict=True)
    ):
        kinds = [TEXT] * len(short)
    return kinds + [kinds[-1] if kinds else TEXT] * (len(lines) - len(short))


# ----------------------------------------------------------------
# Quotes
# ----------------------------------------------------------------


def _find_quotes(lines, hints):
    kinds = [TEXT] * len(lines)
    index = 0
    while index < len(lines):
        line = lines[index]
        if hints[index]:
            kinds[index] = hints[index]
        elif line.lstrip().startswith(">"):
            kinds[index] = QUOTE
        elif FORWARD.match(line):
            break
        elif ORIGINAL.match(line) or _is_header_block(lines, index):
            _hide_rest(lines, kinds, _with_rule(lines, kinds, index))
            break
        elif length := _attribution_length(lines, index):
            kinds[index : index + length] = [QUOTE] * length
            index += length
            following = _next_words(lines, index)
            if following is not None and not (
                lines[following].lstrip().startswith(">") or hints[following] == QUOTE
            ):
                _hide_rest(lines, kinds, index)
                break
            continue
        index += 1
    return kinds


def _hide_rest(lines, kinds, start):
    kinds[start:] = [QUOTE] * (len(lines) - start)


def _with_rule(lines, kinds, index):
    """Where a block begins, with the line drawn above it."""
    above = index - 1
    while above >= 0 and not lines[above].strip():
        above -= 1
    if above >= 0 and RULE.match(lines[above]) and kinds[above] == TEXT:
        return above
    return index


def _next_words(lines, index):
    return next((i for i in range(index, len(lines)) if lines[i].strip()), None)


def _is_header_block(lines, index):
    """Whether the block that Outlook and others put above a quote begins here."""
    first = LABEL.match(lines[index])
    if not first or first.lastgroup not in ("from", "date"):
        return False
    found = {first.lastgroup}
    broken = 0
    for line in lines[index + 1 : index + MAX_HEADERS]:
        if not line.strip():
            # a program of its own kind leaves a line between them
            broken += 1
        elif match := LABEL.match(line):
            found.add(match.lastgroup)
        else:
            broken += 1
        if broken > 3:
            break
    return bool(
        len(found) > 2
        or (
            len(found) == 2
            and found & {"subject", "to"}
            and (ADDRESS.search(lines[index]) or DATE.search(lines[index]))
        )
    )


def _is_attribution(text):
    return bool(
        len(text) < MAX_LINE
        and END.search(text)
        and VERBS.search(text)
        and (DATE.search(text) or ADDRESS.search(text))
    )


def _attribution_length(lines, index):
    """Number of lines of "On Monday Ida wrote:" that begins here, or 0."""
    line = lines[index]
    if not line.strip():
        return 0
    if _is_attribution(line):
        return 1
    if (
        END.search(line)
        and len(line) < 120
        and (VERBS.search(line) or (DATE.search(line) and ADDRESS.search(line)))
    ):
        # "Ida wrote:" and "3 May, Ida <ida@…>:" are one above a quote only
        following = _next_words(lines, index + 1)
        if following is not None and lines[following].lstrip().startswith(">"):
            return 1
    if not (BEGIN.match(line) and DATE.search(line)):
        return 0
    for length in range(2, MAX_ATTRIBUTION + 1):
        block = lines[index : index + length]
        if len(block) < length or not block[-1].strip():
            return 0
        if _is_attribution(block[-1]) and BEGIN.match(block[-1]):
            return 0  # that one is, this is text
        if _is_attribution(" ".join(block)):
            return length
    return 0


def _join_broken_quotes(lines, kinds):
    """Ends of quoted lines that a program broke without marking them."""
    index = 1
    while index < len(lines):
        above = lines[index - 1]
        if (
            kinds[index] == TEXT
            and lines[index].strip()
            and kinds[index - 1] == QUOTE
            and above.lstrip().startswith(">")
            and len(above) >= 60
        ):
            end = index
            while (
                end < len(lines)
                and end - index < 2
                and lines[end].strip()
                and not lines[end].lstrip().startswith(">")
            ):
                end += 1
            if end < len(lines) and lines[end].lstrip().startswith(">"):
                kinds[index:end] = [QUOTE] * (end - index)
                index = end
        index += 1


# ----------------------------------------------------------------
# Signatures
# ----------------------------------------------------------------


def _find_signatures(lines, kinds):
    """One signature at the end of each run of text, above a quote or at the end."""
    start = 0
    while start < len(lines):
        if kinds[start] != TEXT:
            start += 1
            continue
        end = start
        while end < len(lines) and kinds[end] == TEXT:
            end += 1
        begin = _signature_start(lines, start, end)
        if begin is not None:
            kinds[begin:end] = [SIGNATURE] * (end - begin)
        start = end


def _signature_start(lines, start, end):
    words = [i for i in range(start, end) if lines[i].strip()]
    if not words:
        return None
    for place, index in enumerate(words):
        rest = words[place + 1 :]
        if FORWARD.match(lines[index]):
            return None
        if DELIMITER.match(lines[index]) or DEVICE.match(lines[index]):
            if not _has_postscript(lines, rest):
                return index
        elif len(rest) > MAX_SIGNATURE or not (place or start):
            # too much below for a signature, or nothing above
            continue
        elif _is_signature(lines, index, rest) and not _has_postscript(lines, rest):
            return index
    return _contact_block(lines, words)


def _is_signature(lines, index, rest):
    line = lines[index]
    if RULE.match(line):
        return any(CONTACT.search(lines[i]) for i in rest)
    if NAME_DASH.match(line):
        return not lines[index - 1].strip() and (
            len(rest) <= MAX_CONTACT_BLOCK
            and all(len(lines[i].strip()) <= 100 for i in rest)
        )
    if CLOSING.match(line):
        # a name stands below; a sentence is no name
        return bool(rest) and _is_name(lines[rest[0]])
    return False


def _is_name(line):
    words = line.split()
    return len(line.strip()) <= MAX_NAME and len(words) <= 6 and "?" not in line


def _has_postscript(lines, rest):
    return any(POSTSCRIPT.match(lines[i]) for i in rest)


def _contact_block(lines, words):
    """A last paragraph of short lines, most of them ways to reach somebody."""
    last = words[-1]
    begin = last
    while begin - 1 >= words[0] and lines[begin - 1].strip():
        begin -= 1
    block = lines[begin : last + 1]
    if (
        begin > words[0]
        and 2 <= len(block) <= MAX_CONTACT_BLOCK
        and all(len(line.strip()) <= 60 for line in block)
        and _is_name(block[0])
        and sum(bool(CONTACT.search(line)) for line in block) * 2 >= len(block)
    ):
        return begin
    return None


# ----------------------------------------------------------------
# HTML
# ----------------------------------------------------------------

MARK = "data-o-mail-quote"
BLOCKS = frozenset(
    re.findall(
        r"\w+",
        """
    address article aside blockquote body center dd div dl dt fieldset footer
    form h1 h2 h3 h4 h5 h6 header hr html li main nav ol p pre section table
    tbody td tfoot th thead tr ul
""",
    )
)
SILENT = frozenset(("head", "script", "style", "title", "meta", "link"))
QUOTE_HINT = re.compile(
    r"(gmail_quote|yahoo_quoted|divRplyFwdMsg|OLK_SRC_BODY_SECTION|moz-cite-prefix|"
    r"moz-email-headers|protonmail_quote|WordSection1_quoted|mail_quote|"
    r"outlook_quote|__quoted|msg_quote)",
    re.I,
)
SIGNATURE_HINT = re.compile(
    r"(gmail_signature|moz-signature|odoo_signature_wrapper|protonmail_signature)", re.I
)


def mark_html(html):
    """Return ``(html, text)``: the body with quote and signature marked, and what the
    sender wrote himself.

    :param html: str, of a mail, cleaned or not
    """
    if not html or len(html) > MAX_HTML:
        return html, None
    try:
        root = lxml_html.fragment_fromstring(html, create_parent="div")
    except (etree.ParserError, etree.XMLSyntaxError, ValueError):
        return html, None
    _spread_lines(root)
    reader = _LineReader(root)
    lines, places = reader.get_texts(), reader.places
    kinds = classify(lines, reader.hints)
    text = "\n".join(
        line for line, kind in zip(lines, kinds, strict=True) if kind == TEXT
    ).strip()
    hidden = [
        place
        for kind, of_line in zip(kinds, places, strict=True)
        if kind != TEXT
        for place in of_line
    ]
    if not hidden:
        return html, text
    _mark_places(root, hidden, [place for of_line in places for place in of_line])
    inner = (root.text or "") and _escape(root.text)
    return inner + "".join(
        etree.tostring(child, encoding="unicode", method="html") for child in root
    ), text


def _escape(text):
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _spread_lines(root):
    """Give each line of a preformatted text an element of its own."""
    for pre in list(root.iter("pre")):
        for element in list(pre.iter()):
            if not isinstance(element.tag, str):
                continue
            for attribute in ("text", "tail"):
                if attribute == "tail" and element is pre:
                    continue
                value = getattr(element, attribute)
                if not value or "\n" not in value:
                    continue
                pieces = value.splitlines(keepends=True)[:MAX_LINES]
                rest = value[sum(map(len, pieces)) :]
                spans = []
                for piece in pieces:
                    span = etree.Element("span")
                    span.text = piece
                    spans.append(span)
                spans[-1].tail = rest or None
                setattr(element, attribute, None)
                if attribute == "text":
                    for offset, span in enumerate(spans):
                        element.insert(offset, span)
                else:
                    parent = element.getparent()
                    at = parent.index(element) + 1
                    for offset, span in enumerate(spans):
                        parent.insert(at + offset, span)


class _LineReader:
    """The lines of an HTML text, the places of their words, and what their elements
    tell of them.

    A place is ``(element, "text" or "tail")``.
    """

    def __init__(self, root):
        self.root = root
        self.lines, self.places, self.hints = [[]], [[]], [None]
        self.depth = {QUOTE: 0, SIGNATURE: 0}
        self.silent = 0
        for event, element in etree.iterwalk(root, events=("start", "end")):
            if isinstance(element.tag, str):
                (self._start if event == "start" else self._end)(element)

    def get_texts(self):
        return [
            re.sub(r"[ \t\r\f\v\n\u00a0]+", " ", "".join(parts)).strip()
            for parts in self.lines
        ]

    def _start(self, element):
        self.silent += element.tag in SILENT
        if element.tag in BLOCKS or element.tag == "br":
            self._end_line()
        if kind := _element_kind(element):
            self.depth[kind] += 1
        self._add(element, "text", element)

    def _end(self, element):
        if kind := _element_kind(element):
            self.depth[kind] -= 1
        self.silent -= element.tag in SILENT
        if element.tag in BLOCKS:
            self._end_line()
        if element is not self.root:
            self._add(element, "tail", element.getparent())

    def _end_line(self):
        self.lines.append([])
        self.places.append([])
        self.hints.append(None)

    def _add(self, element, attribute, holder):
        value = getattr(element, attribute)
        if not value or self.silent:
            return
        self.lines[-1].append(value)
        if value.strip():
            kind = next((kind for kind, depth in self.depth.items() if depth), None)
            # a line is quoted when all of it is
            first = not self.places[-1]
            self.hints[-1] = kind if first else self.hints[-1] and kind
            self.places[-1].append((element, attribute))
        if value.endswith("\n") and _in_pre(holder):
            self._end_line()


def _in_pre(element):
    while element is not None:
        if element.tag == "pre":
            return True
        element = element.getparent()
    return False


def _element_kind(element):
    names = f"{element.get('class') or ''} {element.get('id') or ''}"
    if element.tag == "blockquote" or QUOTE_HINT.search(names):
        return None if _is_forward(element) else QUOTE
    if SIGNATURE_HINT.search(names):
        return SIGNATURE
    if element.get(MARK) and not _is_forward(element):
        return QUOTE
    return None


def _is_forward(element):
    """Whether an element that looks like a quote begins with the mark of a forward."""
    start = ""
    for text in element.itertext():
        start += text.strip()
        if len(start) > MAX_LINE or FORWARD.match(start):
            break
    return bool(FORWARD.match(start))


def _mark_places(root, hidden, every):
    """Mark the largest elements that hold nothing but hidden words; words beside
    visible ones get an element of their own."""
    hidden_set = set(hidden)
    shown = set()  # elements with visible words in them
    for place in every:
        if place in hidden_set:
            continue
        element, attribute = place
        element = element.getparent() if attribute == "tail" else element
        while element is not None and element not in shown:
            shown.add(element)
            element = element.getparent()
    for element, attribute in hidden:
        holder = element.getparent() if attribute == "tail" else element
        if holder is not None and holder not in shown and holder is not root:
            top = holder
            while (
                (parent := top.getparent()) is not None
                and parent is not root
                and parent not in shown
            ):
                top = parent
            top.set(MARK, "1")
            continue
        span = etree.Element("span")
        span.set(MARK, "1")
        span.text = getattr(element, attribute)
        setattr(element, attribute, None)
        if attribute == "text":
            element.insert(0, span)
        else:
            parent = element.getparent()
            parent.insert(parent.index(element) + 1, span)
