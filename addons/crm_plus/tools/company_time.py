"""The days of a company: what its dates and the periods of its reports mean."""

from datetime import date, datetime
from zoneinfo import ZoneInfo

from odoo import fields
from odoo.tools import SQL

# what ``zones`` reads, for the _depends of a report
ZONES_DEPENDS = {
    "res.company": ["partner_id", "resource_calendar_id"],
    "res.partner": ["tz"],
    "resource.calendar": ["tz"],
}


def company_timezone(company) -> ZoneInfo:
    """The time zone of the company's address, else of its working hours, else UTC.

    Whoever reads: a figure of a day must not depend on where its reader sits.
    """
    company = company.sudo()  # a seller reads neither address nor working hours of it
    return ZoneInfo(company.partner_id.tz or company.resource_calendar_id.tz or "UTC")


def company_today(company) -> date:
    """The day that it is where the company is."""
    return datetime.now(company_timezone(company)).date()


def zones() -> SQL:
    """SELECT ``company_id`` and the ``name`` of its time zone, as ``company_timezone``
    says it, of all companies.
    """
    return SQL(
        """
        SELECT c.id AS company_id,
               COALESCE(NULLIF(p.tz, ''), NULLIF(r.tz, ''), 'UTC') AS name
          FROM res_company c
          JOIN res_partner p ON p.id = c.partner_id
     LEFT JOIN resource_calendar r ON r.id = c.resource_calendar_id
        """
    )


def day(moment, zone) -> SQL:
    """SQL of the date of a moment (UTC) in a time zone, both SQL."""
    return SQL("(%s AT TIME ZONE 'UTC' AT TIME ZONE %s)::date", moment, zone)


def zones_today() -> SQL:
    """``zones``, and the day that it is ``today`` in each."""
    return SQL(
        "SELECT zones.company_id, zones.name, %s AS today FROM (%s) zones",
        day(SQL("%s::timestamp", fields.Datetime.now()), SQL("zones.name")),
        zones(),
    )


def day_start(date, zone) -> SQL:
    """SQL of the moment (UTC) at which a date begins in a time zone, both SQL."""
    return SQL("((%s)::timestamp AT TIME ZONE %s AT TIME ZONE 'UTC')", date, zone)
