import base64
import csv
import io
from datetime import datetime

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import email_normalize

from ..models.contact.crm_consent import BASES

COLUMNS = [
    "email",
    "purpose",
    "channel",
    "date",
    "basis",
    "source",
    "text_version",
    "proof",
]
CHANNELS = ("email", "sms", "phone")
DATE_FORMATS = ("%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d")


class CrmConsentImport(models.TransientModel):
    """Take over what people agreed to elsewhere, with its proof.

    A CSV file; a line is taken as it is or not at all. Lines that cannot be taken come
    back as a file with what is wrong with each, so nothing is lost. Taking a file twice
    adds nothing.
    """

    _name = "crm.consent.import"
    _description = "Import Consents"

    file = fields.Binary(required=True, help="CSV with the columns named below.")
    filename = fields.Char()
    company_id = fields.Many2one(
        "res.company", required=True, default=lambda self: self.env.company
    )
    proof = fields.Text(
        string="Proof of the Whole File",
        required=True,
        help="Where the file comes from and how its entries can be shown; written to "
        "each line without a proof of its own.",
    )
    line_count = fields.Integer(string="Lines", compute="_compute_lines")
    good_count = fields.Integer(string="Can Be Taken", compute="_compute_lines")
    problems = fields.Text(compute="_compute_lines")
    # afterwards
    taken_count = fields.Integer(string="Taken", readonly=True)
    known_count = fields.Integer(string="Known Already", readonly=True)
    rest = fields.Binary(string="Not Taken", readonly=True)
    rest_name = fields.Char(readonly=True)
    is_done = fields.Boolean(readonly=True)

    @api.depends("file")
    def _compute_lines(self):
        for wizard in self:
            wizard.line_count = wizard.good_count = 0
            wizard.problems = False
            if not wizard.file:
                continue
            try:
                lines = wizard._read_lines()
            except UserError as error:
                wizard.problems = str(error)
                continue
            bad = [line for line in lines if line["error"]]
            wizard.line_count = len(lines)
            wizard.good_count = len(lines) - len(bad)
            shown = [
                self.env._(
                    "Line %(number)s: %(error)s",
                    number=line["number"],
                    error=line["error"],
                )
                for line in bad[:20]
            ]
            if len(bad) > 20:
                shown.append(self.env._("… and %s more", len(bad) - 20))
            wizard.problems = "\n".join(shown) or False

    def _read_rows(self):
        # not size_of: the client may send anything
        content = base64.b64decode(self.with_context(bin_size=False).file)
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError:
            text = content.decode("cp1252", errors="replace")
        head = text.partition("\n")[0]
        delimiter = ";" if head.count(";") > head.count(",") else ","
        reader = csv.DictReader(io.StringIO(text), delimiter=delimiter)
        reader.fieldnames = [
            (name or "").strip().lower() for name in reader.fieldnames or ()
        ]
        missing = {"email", "purpose"} - set(reader.fieldnames)
        if missing:
            raise UserError(
                self.env._("The file has no column %s.", ", ".join(sorted(missing)))
            )
        return [
            (number, {name: (row.get(name) or "").strip() for name in COLUMNS})
            for number, row in enumerate(reader, start=2)
            if any(isinstance(cell, str) and cell.strip() for cell in row.values())
        ]

    def _read_lines(self):
        """Each line with its values, or with what is wrong with it."""
        self.ensure_one()
        purposes = {
            key.lower(): purpose
            for purpose in self.env["crm.consent.purpose"].search(
                [("nature", "=", "marketing")]
            )
            for key in (purpose.name, purpose.code)
        }
        lines = []
        for number, row in self._read_rows():
            values, error = self._check_row(row, purposes)
            lines.append(
                {"number": number, "row": row, "values": values, "error": error}
            )
        return lines

    def _check_row(self, row, purposes):
        # the database keeps none in its texts; the line comes back as it was
        unreadable = [name for name in COLUMNS if "\0" in row[name]]
        if unreadable:
            return None, self.env._(
                "there is an unreadable character (NUL) in %s", ", ".join(unreadable)
            )
        email = email_normalize(row["email"])
        if not email:
            return None, self.env._("“%s” is no e-mail address", row["email"])
        purpose = purposes.get(row["purpose"].lower())
        if not purpose:
            return None, self.env._("there is no purpose “%s”", row["purpose"])
        channel = row["channel"].lower()
        if channel and channel not in CHANNELS:
            return None, self.env._("the channel is none of %s", ", ".join(CHANNELS))
        basis = row["basis"].lower() or "consent"
        if basis not in dict(BASES):
            return None, self.env._("the basis is none of %s", ", ".join(dict(BASES)))
        date = self._parse_date(row["date"])
        if not date:
            return None, self.env._("“%s” is no date such as 2026-01-31", row["date"])
        if date > fields.Datetime.now():
            return None, self.env._("nobody agreed in the future")
        return {
            "email": email,
            "purpose_id": purpose.id,
            "channel": channel or False,
            "basis": basis,
            "date": date,
            "source": row["source"] or self.env._("Import of %s", self.filename or ""),
            "text_version": row["text_version"] or False,
            "proof": row["proof"] or self.proof,
        }, None

    def _parse_date(self, text):
        for date_format in DATE_FORMATS:
            try:
                return datetime.strptime(text, date_format)
            except ValueError:
                continue
        return None

    def action_import(self):
        self.ensure_one()
        lines = self._read_lines()
        good = [line["values"] for line in lines if line["values"]]
        new = self._leave_out_known(good)
        partners = self._get_partners([values["email"] for values in new])
        self.env["crm.consent"].create(
            [
                {
                    **values,
                    "company_id": self.company_id.id,
                    "partner_id": partners.get(values["email"], False),
                    "state": "given",
                }
                for values in new
            ]
        )
        self.write(
            {
                "is_done": True,
                "taken_count": len(new),
                "known_count": len(good) - len(new),
                "rest": self._write_rest([line for line in lines if line["error"]]),
                "rest_name": "not_taken.csv",
            }
        )
        return {
            "type": "ir.actions.act_window",
            "res_model": self._name,
            "res_id": self.id,
            "views": [(False, "form")],
            "target": "new",
        }

    def _leave_out_known(self, good):
        """Lines that are in the ledger, or twice in the file, add nothing."""
        known = {
            (row.email, row.purpose_id.id, row.channel or False, row.date)
            for row in self.env["crm.consent"].search(
                [
                    ("email", "in", [values["email"] for values in good]),
                    ("company_id", "=", self.company_id.id),
                    ("state", "=", "given"),
                ]
            )
        }
        new = []
        for values in good:
            key = tuple(
                values[name] for name in ("email", "purpose_id", "channel", "date")
            )
            if key not in known:
                known.add(key)
                new.append(values)
        return new

    def _get_partners(self, emails):
        """``{address: id}`` of the oldest contact with it that the user may see."""
        partners = self.env["res.partner"].search_fetch(
            [("email_normalized", "in", emails)], ["email_normalized"], order="id desc"
        )
        return {partner.email_normalized: partner.id for partner in partners}

    def _write_rest(self, bad):
        if not bad:
            return False
        out = io.StringIO()
        writer = csv.writer(out)
        writer.writerow([*COLUMNS, "line", "error"])
        for line in bad:
            writer.writerow(
                [
                    *(line["row"][name] for name in COLUMNS),
                    line["number"],
                    line["error"],
                ]
            )
        return base64.b64encode(out.getvalue().encode("utf-8-sig"))
