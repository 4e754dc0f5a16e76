"""The days of a company: what its dates and the periods of its reports mean."""

from zoneinfo import ZoneInfo


def company_timezone(company) -> ZoneInfo:
    """The time zone of the company's address, else of its working hours, else UTC.

    Whoever reads: a figure of a day must not depend on where its reader sits.
    """
    company = company.sudo()  # a seller reads neither address nor working hours of it
    return ZoneInfo(company.partner_id.tz or company.resource_calendar_id.tz or "UTC")
