"""The words in which servers refuse a mail, by what they mean."""

import re


def _words(*alternatives):
    return re.compile("|".join(alternatives), re.IGNORECASE)


# The nouns servers use for who receives, and for where he receives.
WHO = r"(?:user|recipient|mailbox|account|address|addressee|alias|local.?part|person)"
NOT_THERE = (
    r"(?:unknown|not (?:be )?found|does ?n[o']t exist|is not (?:known|valid|recognized"
    r"|here|local)|no longer (?:valid|exists?|available)|invalid|non-?existent"
    r"|unavailable|not listed|could ?n[o']t be found|isn't (?:known|valid))"
)
IP_WORD = r"(?:ip|host|client|server|network|mta|domain|sender)"

# (reason, words): the first that matches is the reason.
WORDING = (
    # phrases that name their reason whatever else the text speaks of
    (
        "spamdetected",
        _words(r"spam classification", r"likely (?:unsolicited|spam|suspicious)"),
    ),
    ("policyviolation", _words(r"presents a potential")),
    ("networkerror", _words(r"dns query failed")),
    ("expired", _words(r"message expired", r"queue\.expired")),
    ("hostunknown", _words(r"account or domain may not exist")),
    (
        "blocked",
        _words(
            r"(?:client|ip|host|server|client host|ip source)\b.{0,20}"
            r"(?:blocked|bloquee|banned|blacklisted)(?! by the recipient)",
            r"(?:daily|relay|sending|hourly) quota",
        ),
    ),
    (
        "requireptr",
        _words(
            r"\bptr\b",
            r"reverse[ -]?dns",
            r"\brdns\b",
            r"reverse (?:lookup|hostname|mapping|address)",
            r"ip name lookup failed",
            r"cannot (?:find|resolve) your (?:reverse )?(?:host ?name|address|ip)",
            r"unverif[iy]able (?:sending )?ip",
            r"(?:hostname|address) (?:lookup|verification) failed for (?:your|client)",
            r"dns (?:entry|record) (?:does|for) .{0,40}sending ip",
            r"no matches to name ?server query",
        ),
    ),
    (
        "authfailure",
        _words(
            r"\bdmarc\b",
            r"\bdkim\b",
            r"\bspf\b",
            r"sender policy framework",
            r"\bunauthenticated\b",
            r"(?:multiple )?authentication checks? failed",
            r"does not (?:have|contain) authentication information",
            r"(?:domain|sender) (?:is )?not authenticated",
        ),
    ),
    (
        "notcompliantrfc",
        _words(
            r"not (?:rfc[ -]?\d+|compliant with rfc)",
            r"rfc ?\d+ (?:non-?)?complian",
            r"multiple.{0,30}(?:addresses in from|(?:subject|from|to"
            r"|date) .{0,20}headers?)",
            r"(?:missing|duplicate|multiple|invalid).{0,25}(?:message-id|from|date"
            r"|subject"
            r"|to).{0,10}header",
            r"bare (?:lf|cr|line ?feed)",
            r"from: header (?:is missing|field)",
        ),
    ),
    (
        "virusdetected",
        _words(
            r"\bvirus(?:es)?\b(?! filter)",
            r"\bmalware\b",
            r"\binfected\b",
            r"\btrojan\b",
            r"\bworm (?:detected|found)",
            r"phish.{0,20}(?:url|site|link)",
        ),
    ),
    (
        "badreputation",
        _words(
            r"\breputation\b",
            r"user complaints",
            r"unexpected volume",
            r"poor (?:sender )?score",
            r"unusual rate of unsolicited",
        ),
    ),
    (
        "toomanyconn",
        _words(
            r"too many (?:simultaneous |concurrent |open )?(?:smtp )?(?:connections"
            r"|sessions"
            r"|connects)",
            r"(?:connection|ip) (?:frequency|rate|count|limit)",
            r"(?:maximum|max|limit).{0,30}(?:concurrent|simultaneous|connections"
            r"|sessions)",
            r"connections? (?:from your .{0,20})?(?:exceed|are limited)",
            r"all available ips? (?:is|are) at maximum connection",
        ),
    ),
    (
        "speeding",
        _words(
            r"too many (?:recipients|messages|e-?mails|mails|rcpts?)"
            r".{0,25}(?:hour|minute|day|time|period|short)",
            r"sent (?:to )?too many",
            r"(?:sending|delivery|message|mail) rate",
            r"rate[ -]?limit|frequency limited|slow down",
            r"at a rate that|too much mail from",
            r"receiving (?:mail|email) (?:at a rate|too quickly)",
            r"too (?:fast|quickly|frequent)",
            r"throttl(?:ed|ing)",
            r"(?:message|mail) (?:count|volume) .{0,20}exceed",
        ),
    ),
    (
        "mailboxfull",
        _words(
            r"mail ?(?:box|folder|dir|drop|store)s?'?s? (?:\S+ )?(?:is |are "
            r"|has been |almost )?"
            r"(?:too )?(?:full|out of space|over|exceed)",
            r"(?:mail ?box|account|user|recipient|inbox|maildir"
            r"|mail ?drop)\S{0,40} .{0,60}"
            r"(?:over|exceed(?:s|ed|ing)?|beyond|reached|above)"
            r".{0,20}(?:quota|storage|allocation|disk|space|allotted)",
            r"over (?:the |its |his |disk |mail |storage )*quota",
            r"messages? in .{0,20}mailbox exceed|exceeded the local limit",
            r"filled to capacity|user(?:'s)? disk quota",
            r"quota.{0,20}(?:exceed|violation|full|overflow|reached)",
            r"(?:exceed\w*|reached|out of) .{0,25}(?:quota|storage (?:limit"
            r"|allocation|space"
            r"|capacity)|disk space|mailbox size)",
            r"inbox .{0,20}(?:full|out of)",
            r"not enough (?:disk|storage|free) space",
            r"insufficient (?:quota|disk|storage|mailbox)",
            r"too much mail data",
            r"account is full",
            r"(?:overquota|overquotaperm|shutoffquotaexceeded|mboxfull)",
            r"no space left (?:in|for) (?:the )?(?:mailbox|user)",
            r"has too (?:many messages|much mail)",
            r"bo[iî]te.{0,20}pleine",
            r"postfach.{0,25}voll",
            r"buz[oó]n.{0,20}lleno",
            r"casella.{0,20}piena",
            r"ящик.{0,20}(?:переполнен|полон)",
            r"容量.{0,12}(?:超|オーバー|一杯|いっぱい)",
        ),
    ),
    (
        "exceedlimit",
        _words(
            r"(?:message|mail|body) length exceeds",
            r"exceeds? (?:the )?(?:administrative|maximum receiving|recipient) limit",
            r"limit set by (?:the )?recipient",
        ),
    ),
    (
        "mesgtoobig",
        _words(
            r"(?:message|mail|e-?mail|body|data|attachment|file)\S{0,3} .{0,30}"
            r"(?:too (?:large|big)|larger than)|(?:message|data) too long",
            r"(?:message|mail|data|header)s? ?size .{0,40}"
            r"(?:exceed|limit|maximum|too|larger|greater)",
            r"size (?:limit|of).{0,40}exceed",
            r"exceed\w* .{0,30}(?:message|maximum|max|file|fixed)\S? .{0,20}size",
            r"exceeded max size",
            r"maximum (?:message )?size",
            r"recipsizelimit|sizelimit",
            r"nachricht.{0,20}zu gro(?:ß|ss)|mail size limit",
        ),
    ),
    (
        "suspend",
        _words(
            r"(?:account|mailbox|user|address|recipient|domain)\S{0,40} .{0,60}"
            r"(?:disabled|suspended|locked|frozen|inactive|deactivated|discontinued"
            r"|blocked by (?:the )?admin|closed|cancell?ed|terminated|not active"
            r"|not activated|limited)",
            r"account .{0,30}expired|temporarily limited|no longer accepts (?:mail"
            r"|messages)",
            r"(?:disabled|suspended|inactive|locked|frozen|deactivated|discontinued"
            r"|closed"
            r"|deleted) (?:the )?(?:e-?mail )?(?:account|mailbox|user|address"
            r"|recipient)",
            r"not accepting (?:mail|messages) (?:at this time|for this user)",
            r"disableduser|inactiveuser",
            r"vacation ?-? ?mailbox",
            r"boite du destinataire (?:archivee|bloquee|inactive)",
        ),
    ),
    (
        "hasmoved",
        _words(
            r"(?:user|mailbox|address|recipient)\S{0,40} .{0,20}has (?:been )?moved",
            r"has (?:moved|changed) (?:to|its|his|e-?mail)",
            r"no forwarding address",
            r"no longer on (?:this )?server",
            r"not our (?:user|customer)",
            r"has been replaced by",
            r"(?:user|recipient) (?:is )?not local",
        ),
    ),
    (
        "securityerror",
        _words(
            r"(?:smtp )?auth(?:entication|orization)? (?:is )?(?:required|needed|failed"
            r"|failure|turned on|unsuccessful)",
            r"turn on smtp auth",
            r"authrequired|sendernotauthenticated|notauthori[sz]ed",
            r"not (?:authenticated|authori[sz]ed|allowed) to (?:send|submit|use)",
            r"must (?:issue a )?(?:starttls|authenticate)",
            r"\btls (?:is )?(?:required|not available|negotiation)",
            r"encryption (?:is )?(?:required|needed)",
            r"sorry, (?:that domain|i) .{0,20}(?:not|don't) (?:accept"
            r"|allow).{0,10}auth",
            r"verification failed for .{0,60}certificate",
            r"delivery (?:to this address )?(?:is )?restricted",
        ),
    ),
    (
        "norelaying",
        _words(
            r"relay(?:ing)? (?:access )?(?:is )?(?:denied|prohibited|forbidden|disabled"
            r"|not (?:allowed|permitted|possible|available))",
            r"(?:un(?:able|authori[sz]ed)|not (?:allowed|permitted|configured)|cannot"
            r"|refus\w+|don'?t|no|may not|insecure|we do not"
            r"|won't) .{0,20}relay(?:ing)?\b",
            r"relay (?:restriction|not permitted|from|attempt)",
            r"mail relay\b",
            r"not (?:in|a) (?:my |our |list of )?(?:allowed )?(?:rcpt ?hosts"
            r"|gateway domain)",
            r"isn't in my list of allowed rcpthosts",
            r"not (?:a |our )?local (?:domain|host|mail ?box)",
            r"as a relay",
        ),
    ),
    (
        "spamdetected",
        _words(
            r"(?:uri|sur|ur|dom)bl\b",
            r"black ?list(?:ed)? (?:ur[li]|link)",
            r"(?:message|mail|e-?mail|content|it)\S* .{0,50}"
            r"(?:classified|identified|considered|detected|scored|recogni[sz]ed"
            r"|marked|looks?"
            r"|appears?|seems?|suspected|reported|tagged|contains?|rejected|flagged"
            r"|refused"
            r"|determined|blocked|similar).{0,30}"
            r"(?:spam|\bube\b|\buce\b|junk|unsolicited|bulk)",
            r"spam (?:content|classification|message|score|detected|filter|rejected"
            r"|policy"
            r"|e-?mail|mail|refused|engine|firewall|signature)",
            r"(?:rejected|blocked|refused|denied) .{0,25}(?:as|by|for|due to) .{0,15}"
            r"(?:spam|bulk)(?!haus|cop)",
            r"(?:message |mail |body )?content (?:was |has been |is )?"
            r"(?:rejected|denied|refused|not accept)",
            r"(?:anti-?spam|bulk e-?mail) (?:filter|policy|engine)",
            r"probably spam|probability of spam|high spam|spamassassin",
            r"rejected as bulk",
            r"(?:rejected|refused|blocked) due to (?:its |the )?content",
            r"spamming not allowed|we don't (?:want|accept) (?:your )?spam",
            r"unsolicited (?:mail|e-?mail|bulk|commercial|content)",
        ),
    ),
    (
        "rejected",
        _words(
            r"sender (?:address |e-?mail )?(?:is |was |has been )?"
            r"(?:rejected|denied|refused|invalid|not allowed|unknown|blacklisted)",
            r"(?:invalid|unroutable|bad|unknown|unverified"
            r"|forged) (?:envelope )?sender",
            r"sender (?:address |domain )?.{0,30}(?:does not (?:exist|resolve)"
            r"|verify failed"
            r"|not (?:found|exist))",
            r"(?:domain of|your) (?:sender|from).{0,20}(?:not|does)",
            r"return path .{0,20}(?:not|invalid)",
            r"(?:to/from|from) an? address .{0,20}blacklist",
            r"mail ?from .{0,40}(?:denied|rejected|not (?:allowed|accepted)"
            r"|listed)(?! for)",
            r"not (?:a )?member of (?:this|the) (?:mailing )?list",
            r"only (?:members|subscribers) (?:can|may)",
            r"permission to post|not open to posting"
            r"|group.{0,40}(?:may )?not (?:exist|open)",
            r"groups\.google\.com/support",
            r"is not a registered gateway user",
            r"rejected by (?:the )?(?:recipient|destination) domain",
        ),
    ),
    (
        "blocked",
        _words(
            r"blocked (?:using|by|for|because|from|due|at)",
            r"(?:dns|r|real-?time )bls?\b",
            r"spamhaus|spamcop|sorbs|barracudacentral|cloudmark|abuseat|uceprotect"
            r"|senderbase",
            r"block ?list|black ?list|block list|deny ?list|blacklisted",
            rf"{IP_WORD}\b.{{0,40}}(?:blocked|banned|black ?listed|blacklisted"
            rf"|not allowed"
            r"|rejected|refused|denied|bloquee|is listed|not permitted)",
            r"(?:banned|blocked|bad|rejected|blacklisted|invalid) (?:sending )?ip",
            r"invalid (?:helo|ehlo)|(?:helo|ehlo) (?:command )?rejected",
            r"bad (?:helo|ehlo|host ?name)",
            r"(?:refused|declined) to talk to",
            r"no access from mail server",
            r"my name was rejected",
            r"(?:use|through) (?:the )?(?:smtp |mail )?server of your isp",
            r"connections? (?:from .{0,40})?(?:refused|not accepted|rejected|denied)"
            r" (?:by|from|due|for)",
            r"relay quota|traffic not accepted",
            r"abuse (?:rejected|detected)|for abuse",
            r"we (?:do not|don't) accept (?:mail|connections) from",
            r"mail from .{0,40} refused",
            r"not (?:accept|allow)\w* .{0,30}(?:dynamic|dial-?up|residential|your ip)",
        ),
    ),
    (
        "notaccept",
        _words(
            r"null mx",
            r"does(?: not|n't) (?:accept|receive) (?:any )?e?-?mail",
            r"no mx (?:found|record)",
            r"no smtp service",
            r"find a mail exchanger",
            r"mx (?:points to|record).{0,40}(?:localhost|127\.0|0\.0\.0\.0|does not)",
            r"(?:host|domain|server) .{0,30}not accept(?:ing)? (?:any )?mail",
            r"no mail ?(?:server|host|exchanger) (?:for|found)",
        ),
    ),
    (
        "hostunknown",
        _words(
            r"(?:host|domain|machine|server)(?: or domain)?(?: name)? ?(?:is |was )?"
            r"(?:unknown|not found|invalid|unreachable by name)",
            r"(?:domain|host)\b.{0,50}(?:does ?n[o']t exist|not exist"
            r"|could ?n[o']t be found"
            r"|cannot be (?:resolved|found)|is not reachable|is invalid|may not exist)",
            r"(?:unknown|no such|illegal|invalid|unresolvable|unrouteable|unroutable)"
            r" (?:mail )?(?:host|domain)(?:/domain)?(?: name)?",
            r"\bnxdomain\b",
            r"host \S+ not found|any host named|(?:host|mx) lookup(?:s)? failed perm",
            r"all host address lookups failed|unrouteable address",
            r"could not be found in (?:the )?domain name|no route found to domain",
            r"no route to (?:the )?domain",
            r"recipient.{0,20}domain .{0,30}(?:not|invalid|unknown)",
            r"(?:unrouteable|unroutable) (?:mail )?domain",
            r"(?:mail ?server|name server).{0,20}no data known",
            r"all relevant mx records point to non-existent hosts",
        ),
    ),
    (
        "networkerror",
        _words(
            r"no route to host",
            r"network (?:is )?(?:unreachable|error)",
            r"connection (?:refused|reset|dropped|was (?:closed|dropped|lost))",
            r"lost connection",
            r"(?:un|not )?able to (?:establish|open|make) an? (?:smtp )?connection",
            r"could ?n[o']t (?:connect|establish|open)",
            r"(?:too many|max(?:imum)?|exceeded?) .{0,12}hops?\b|hop count",
            r"(?:mail|routing|forwarding|message) loop",
            r"forwarded more than the maximum",
            r"loops? back to (?:myself|me)|is looping|connection died",
            r"lookup failed temporarily|lookup did not complete|best-preference mx",
            r"host name lookup failure|name ?server (?:time|error|fail)",
            r"dns (?:error|query failed|lookup fail|server fail|timeout)|servfail",
            r"domain name system .{0,60}failed",
            r"server did not respond|no answer from host|socket error on connect",
            r"(?:bad|invalid) (?:greeting|response) from",
        ),
    ),
    (
        "expired",
        _words(
            r"retry time ?(?:out)? ?(?:exceeded|not reached)",
            r"(?:envelope|message|mail|queue|delivery time) (?:has )?expired",
            r"queue\.expired|message expired",
            r"(?:too long|long time) in (?:the )?queue|in the queue too long",
            r"delivery (?:failed|attempts?) .{0,12}(?:\d+ attempts|expired)",
            r"could not (?:send|deliver|be delivered) .{0,24}(?:for|within|after) "
            r"(?:the )?(?:last |past |more than )?\d+ ?(?:s|m|h|d)",
            r"(?:multiple|repeated|many|several) (?:retries|attempts|tries)",
            r"(?:connection|operation|session|conversation|command)? ?timed[ -]?out",
            r"time-?out (?:waiting|during|while|exceeded)",
            r"did not accept (?:our|any) (?:requests|connection)",
            r"gave up|giving up(?! on \d)",
            r"host not reachable",
            r"not (?:be )?delivered (?:within|for|after) .{0,20}(?:hour|day|minute)",
            r"(?:undeliverable|enqueued|delayed) .{0,20}for (?:more than )?\d+ (?:day"
            r"|hour)",
            r"cannot send message for|unable to deliver .{0,30}after \d+ (?:day|hour)",
            r"user open with",
        ),
    ),
    (
        "policyviolation",
        _words(
            r"polic(?:y|ies)\b",
            r"protocol violation",
            r"(?:presents a )?potential security (?:issue|risk|threat)",
            r"(?:illegal|prohibited|forbidden|dangerous) attachment",
            r"(?:attachment|file) .{0,40}(?:not (?:allowed|permitted|accepted)"
            r"|prohibited"
            r"|blocked|banned)",
            r"(?:executable|attachment) (?:type|file|content)",
            r"host network not allowed",
            r"local configuration denied|closed-loop confirmation"
            r"|administrative prohibition",
        ),
    ),
    (
        "mailererror",
        _words(
            r"\bprocmail\b",
            r"\bx-unix\b",
            r"pipe to \|",
            r"\bcommand (?:died|failed|output|line)",
            r"(?:local )?delivery agent",
            r"exit (?:status|code)|exited with|child (?:process|crashed)"
            r"|exec(?:ute)? .{0,30}failed",
            r"\|\S{0,5}(?:/|ifs=)",
            r"mailer (?:error|returned)|local mailer",
            r"can'?t (?:create|open|write) (?:user )?(?:output|temp|mailbox)?",
            r"operating system error",
            r"lock failure|temporary .{0,10}mailbox",
        ),
    ),
    (
        "systemfull",
        _words(
            r"insufficient (?:system|server) (?:storage|resources)",
            r"(?:disk|file ?system|device|spool) (?:is )?full",
            r"no space left",
            r"mail system full|requested mail action aborted: exceeded storage",
        ),
    ),
    (
        "syntaxerror",
        _words(
            r"(?:improper|bad|wrong|out of) sequence|sequence of commands",
            r"(?:command|parameter|syntax) (?:not (?:implemented|recogni[sz]ed)"
            r"|unrecogni[sz]ed)",
            r"unrecogni[sz]ed (?:smtp )?command|command unknown|invalid command",
            r"syntax error|need (?:rcpt|mail|helo)",
        ),
    ),
    (
        "contenterror",
        _words(
            r"headers? (?:is |are |line )?too (?:large|long|big|many)",
            r"(?:invalid|bad|malformed|improper|incorrect) (?:mime|header|content"
            r"|message"
            r" format|8-?bit)",
            r"8[ -]?bit (?:data|not|characters)|mime (?:header|error|conversion)",
            r"(?:body|charset|encoding) (?:type )?not supported"
            r"|not in a supported format",
            r"conversion (?:required|failed|not)",
            r"message (?:is )?(?:malformed|corrupt)|improper use of 8-?bit",
        ),
    ),
    (
        "filtered",
        _words(
            r"^\W*55\d:? : ?user unknown",
            r"message filtered|filtered by|rejected by (?:a )?(?:user|recipient"
            r"|personal)",
            r"(?:user|recipient|account).{0,40}(?:rejected|refused|does not (?:accept"
            r"|want)) "
            r"(?:your |this |the )?(?:message|mail|e-?mail)",
            r"header error|recipient preferences|because the recipient (?:is not"
            r"|does not)",
            r"can not accept (?:mail|messages) from (?:you|this)",
            r"(?:too many|exceeded).{0,10}spam|domain protected|resolver\.rst\.",
            r"message rejected by (?:the )?(?:user|recipient)",
        ),
    ),
    (
        "userunknown",
        _words(
            rf"{WHO}s?\b(?: \S+){{0,6}}? {NOT_THERE}",
            rf"(?:unknown|invalid|no such|non-?existent|illegal|unrecogni[sz]ed|bad"
            rf"|no valid"
            rf"|inactive|wrong) (?:\S+ )?(?:e-?mail )?(?:or \S+ )?{WHO}",
            rf"(?:no|not a valid|isn't a valid) {WHO}s? (?:here|by|with|of|named"
            rf"|called|found)",
            r"unknown (?:or illegal )?(?:user|recipient|alias|address|local)",
            r"recip(?:ient)?\W?not ?found|nosuchuser|usersearch",
            r"does(?:n't| not) have an? \S+ account",
            r"name is not recogni[sz]ed",
            r"(?:no|not a) (?:such )?(?:mailbox|account|person|recipient|user)\b",
            r"not (?:a )?(?:known|valid|registered|listed)? ?(?:user|recipient|customer"
            r"|subscriber|mailbox)\b",
            r"not (?:listed )?in .{0,20}(?:directory|address book|name (?:&"
            r"|and) address)",
            r"recipient address rejected: access denied",
            r"all recipient addresses rejected",
            r"address(?:es)? rejected",
            r"rejected (?:the )?(?:recipient|address)",
            r"(?:address|mailbox|e-?mail)\S* .{0,20}(?:couldn.t|could not|cannot"
            r"|can't) be found",
            r"possibly incorrect",
            r"mailbox (?:name )?(?:not allowed|unavailable|not available|invalid"
            r"|not exist)",
            r"no valid recipients?|invalid (?:final )?(?:recipient|user|address)",
            r"undeliverable address",
            r"(?:user|account|mailbox)\S* .{0,20}(?:has been )?(?:deleted|removed)",
            r"this-user-unknown|user\W?unknown|bad-mailbox|unknown user",
            r"адрес.{0,30}(?:не существует|не найден)|получател.{0,20}не найден",
            r"destinat\w+ (?:inconnu|invalide|sconosciut|desconocid)",
            r"empf(?:ä|ae)nger.{0,20}(?:unbekannt|existiert nicht|nicht gefunden)",
            r"ディレクトリのリストにありません|見つからない|存在しません|あて先不明|宛先不明",
            r"unable to deliver message to",
        ),
    ),
    (
        "systemerror",
        _words(
            r"(?:internal|local|system|server|backend|upstream|database|ldap|i/o"
            r"|software|fatal)"
            r" ?(?:system |server |config(?:uration)? |software )?(?:error|failure"
            r"|problem)",
            r"(?:service|system|server|resources?) .{0,20}(?:temporarily "
            r"|currently )?unavailable",
            r"error in processing|cannot (?:allocate|open database)|out of memory",
            r"configuration (?:error|problem)|can'?t create|unexpected (?:error"
            r"|failure)",
            r"mail system problem|protocol error|delivery error|service refuse",
        ),
    ),
    (
        "expired",
        _words(
            r"try again later",
            r"will (?:be retried|retry)|gr[ae]y-?list",
            r"temporarily deferred",
        ),
    ),
    (
        "onhold",
        _words(
            r"\bon hold", r"temporar(?:y|ily) (?:failure|error|rejected|unavailable)"
        ),
    ),
)

# Refusals that name no cause: whom they mean is told by the stage they came at.
ACCESS_DENIED = _words(
    r"access (?:is )?denied",
    r"(?:mail|message|delivery|request|transaction) (?:was )?(?:refused|rejected"
    r"|denied)",
    r"^\W*(?:\d{3}[ -])?(?:\d\.\d+\.\d+ )?\W*(?:rejected|denied|refused|failed)\W*$",
    r"not (?:allowed|permitted|accepted)",
    r"service refuse",
)
