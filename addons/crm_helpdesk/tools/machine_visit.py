"""Who opens and posts pages that only people are meant for: mail scanners follow links,
some of them press buttons.
"""

# parts of what programs call themselves that fetch and try the links of mails, in lower
# case; search engines are known to Odoo
PROGRAMS = (
    "barracuda",
    "mimecast",
    "proofpoint",
    "symantec",
    "messagelabs",
    "trendmicro",
    "fireeye",
    "trellix",
    "sophos",
    "cisco-ironport",
    "safelinks",
    "existence discovery",
    "skypeuripreview",
    "headlesschrome",
    "phantomjs",
    "python-",
    "curl/",
    "wget/",
    "go-http-client",
    "apache-httpclient",
    "java/",
    "okhttp",
    "libwww-perl",
)


def is_program(user_agent):
    """Whether this calls itself a program, or nothing at all, as browsers never do."""
    user_agent = (user_agent or "").strip().lower()
    return not user_agent or any(name in user_agent for name in PROGRAMS)
