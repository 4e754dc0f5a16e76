import base64
import re

from markupsafe import Markup
from psycopg2 import DataError, IntegrityError

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.fields import Command

from odoo.addons.crm_plus.tools.form_file import refusal

from ...tools.journey_file import (
    MAIL_TEXTS,
    JourneyFileError,
    dump,
    get_filters,
    get_local_pictures,
    get_placeholders,
    load,
    replace_filters,
    step_title,
)
from ...tools.record_file import RecordFile

# What has a place of its own in the file, or is for whoever imports it to say.
CAMPAIGN_SKIPPED = {
    "active",
    "email_from",
    "entry",
    "model_id",
    "name",
    "state",
    "user_id",
    "utm_campaign_id",
}
STEP_SKIPPED = {"branch", "campaign_id", "kind", "name", "parent_id", "way_id"}


class CrmCampaign(models.Model):
    """Journeys as files: to be kept, compared, and carried to another database.

    The form of the file, and what can be wrong with one, is in
    ``tools/journey_file.py``; how fields of records are written down, in
    ``tools/record_file.py``.
    """

    _inherit = "crm.campaign"

    export_file = fields.Binary(compute="_compute_export_file")
    export_filename = fields.Char(
        compute="_compute_export_file", export_string_translation=False
    )

    def _compute_export_file(self):
        for campaign in self:
            text = dump(campaign._get_file_content())
            name = re.sub(r"[^\w .-]", "-", campaign.name or "") or "journey"
            campaign.export_file = base64.b64encode(text.encode())
            campaign.export_filename = f"{name}.json"

    def action_export_file(self):
        if len(self) > 1:
            raise UserError(self.env._("Each journey is a file: choose one."))
        return {
            "type": "ir.actions.act_url",
            "url": f"/web/content/{self._name}/{self.id}/export_file"
            "?download=1&filename_field=export_filename",
            "target": "download",
        }

    # ------------------------------------------------------------
    # Export
    # ------------------------------------------------------------

    def _get_file_content(self):
        """What a file says of this journey, to be turned into text."""
        self.ensure_one()
        self.check_access("read")
        steps = self.step_ids
        keys = {step.id: str(number) for number, step in enumerate(steps, 1)}
        writer = RecordFile(self.env, keys)
        content = {
            "name": self.name,
            "entry": self.entry,
            "model": self._get_model(),
            "values": writer.get_values(self, CAMPAIGN_SKIPPED),
            "steps": [step._get_file_content(writer) for step in steps],
        }
        return {key: value for key, value in content.items() if value}

    # ------------------------------------------------------------
    # Import
    # ------------------------------------------------------------

    @api.model
    def _read_file(self, text):
        """Check a file against this database: nothing is created.

        :return: ``(values of the campaign, [values of a step], [what is not here])``;
            with the step's values, ``key``, ``after``, ``way`` and ``mail`` of the file
        :raise JourneyFileError: with all that is wrong with it
        """
        content = load(text, self.env)
        reader = RecordFile(
            self.env,
            {step["key"]: -n for n, step in enumerate(content.get("steps", []), 1)},
        )
        values = {
            "name": content["name"],
            **self._read_file_entry(content, reader.problems),
        }
        values.update(
            reader.read_values(self, content.get("values", {}), CAMPAIGN_SKIPPED)
        )
        steps = []
        if not reader.problems:
            steps = self._read_file_steps(content, reader)
        if reader.problems:
            raise JourneyFileError(reader.problems)
        return values, steps, reader.missing

    @api.model
    def _read_file_entry(self, content, problems):
        if content["entry"] not in dict(self._selection_entry()):
            problems.append(
                self.env._(
                    "“%(key)s” cannot be %(value)s", key="entry", value=content["entry"]
                )
            )
        model = content["model"]
        possible = self.new({}).possible_model_ids.sudo()  # names are no secret
        if model not in possible.mapped("model"):
            problems.append(
                self.env._("nobody is behind records of the model “%s” here", model)
            )
        # sudo: names of models are no secret
        return {
            "entry": content["entry"],
            "model_id": self.env["ir.model"].sudo()._get(model).id,
        }

    @api.model
    def _read_file_steps(self, content, reader):
        Step = self.env["crm.campaign.step"]
        kinds = Step._get_kind_classes()
        steps = []
        for number, step in enumerate(content.get("steps", [])):
            title = f"{step_title(number, step, self.env)}: "
            kind = kinds.get(step["kind"])
            if kind is None:
                reader.problems.append(
                    title + self.env._("no kind of step is “%s” here", step["kind"])
                )
                continue
            skipped = {*STEP_SKIPPED, *kind.file_skipped}
            values = reader.read_values(Step, step.get("values", {}), skipped, title)
            mail = step.get("mail", {})
            if mail and not kind.has_file_mail:
                reader.problems.append(title + self.env._("such a step has no mail"))
            self._check_file_mail(content["model"], mail, reader, title)
            steps.append(
                {
                    "key": step["key"],
                    "after": step.get("after"),
                    "way": step.get("way", "next"),
                    "mail": self._read_file_mail(mail, reader, title),
                    "values": {"name": step["name"], "kind": step["kind"], **values},
                }
            )
        return steps

    @api.model
    def _read_file_mail(self, mail, reader, title):
        if not mail:
            return {}
        mapping = reader.read_records(mail.get("records", {}), title)
        values = {
            key: replace_filters(mail.get(key, ""), mapping) for key in MAIL_TEXTS
        }
        if code := mail.get("purpose"):
            purpose = self.env["crm.consent.purpose"].search(
                [("code", "=", code), ("nature", "!=", "transaction")], limit=1
            )
            values["purpose_id"] = purpose.id
            if not purpose:
                reader.missing.append(
                    title + self.env._("no purpose of mails is “%s” here", code)
                )
        return values

    @api.model
    def _check_file_mail(self, model, mail, reader, title):
        """Placeholders name fields; pictures stay in the database of their author."""
        for key in MAIL_TEXTS:
            for path in get_placeholders(mail.get(key)):
                Model = self.env[model]
                for name in path:
                    field = Model._fields.get(name) if Model is not None else None
                    if field is None:
                        reader.problems.append(
                            title
                            + self.env._(
                                "mail.%(key)s: no field “%(path)s” here",
                                key=key,
                                path=".".join(path),
                            )
                        )
                        break
                    Model = self.env[field.comodel_name] if field.relational else None
            for picture in get_local_pictures(mail.get(key)):
                reader.missing.append(
                    title + self.env._("the picture %s is not in the file", picture)
                )

    @api.model
    def _import_file(self, text):
        """Create a draft from a file: all of it, or nothing and a clear error.

        :return: ``(campaign, [what is not here])``; the campaign's messages say so too
        """
        self.browse().check_access("create")
        try:
            values, steps, missing = self._read_file(text)
        except JourneyFileError as error:
            raise self._get_file_error(error.problems) from error
        try:
            with self.env.cr.savepoint():
                campaign = self.create(values)
                campaign._create_file_steps(steps)
                # what the database refuses is refused within the savepoint
                self.env.flush_all()
        except AccessError:
            raise
        except (UserError, ValueError, IntegrityError, DataError) as error:
            raise self._get_file_error([str(error.args[0])]) from error
        if missing:
            campaign._message_log(
                body=Markup("<p>%s</p><ul>%s</ul>")
                % (
                    self.env._("To be filled in, since it is not here:"),
                    Markup().join(Markup("<li>%s</li>") % one for one in missing),
                )
            )
        return campaign, missing

    def _create_file_steps(self, steps):
        """Create the steps of a file, each after one that is there already."""
        self.ensure_one()
        Step = self.env["crm.campaign.step"]
        by_key, ids, links = {}, {}, []
        for number, content in enumerate(steps, 1):
            values, later = Step._split_file_links(content["values"])
            parent = by_key.get(content["after"], Step)
            # parents first; each has values of its own
            step = Step.create(
                {
                    **values,
                    "campaign_id": self.id,
                    "parent_id": parent.id,
                    **parent._get_file_place(content["way"]),
                }
            )
            by_key[content["key"]] = step
            ids[-number] = step.id
            if later:
                links.append((step, later))
            if content["mail"]:
                step._get_kind().set_file_mail(content["mail"])
        for step, later in links:
            step.write(
                {
                    name: ids[value]
                    if isinstance(value, int)
                    else [Command.set([ids[one] for one in value[0][2]])]
                    for name, value in later.items()
                }
            )

    @api.model
    def _get_file_error(self, problems):
        return UserError(refusal(problems, self.env))


class CrmCampaignStep(models.Model):
    _inherit = "crm.campaign.step"

    def _get_file_content(self, writer):
        self.ensure_one()
        kind = self._get_kind()
        content = {
            "key": writer.step_keys[self.id],
            "name": self.name,
            "kind": self.kind,
            "after": writer.step_keys.get(self.parent_id.id),
        }
        if self.way_id:
            content["way"] = self.parent_id.way_ids.ids.index(self.way_id.id) + 1
        elif self.branch != "next":
            content["way"] = self.branch
        content["values"] = writer.get_values(self, {*STEP_SKIPPED, *kind.file_skipped})
        content["mail"] = mail = kind.get_file_mail()
        records = {}
        for domain in get_filters(mail.get("html") or mail.get("body")):
            for path, found in writer.get_records(self.model_name, domain).items():
                records.setdefault(path, {}).update(found)
        if records:
            mail["records"] = records
        return {key: value for key, value in content.items() if value}

    @api.model
    def _split_file_links(self, values):
        """Values to create a step with, and those that are other steps: they may come
        after it."""
        later = {
            name: value
            for name, value in values.items()
            if self._fields[name].relational
            and self._fields[name].comodel_name == self._name
            and value
        }
        return {k: v for k, v in values.items() if k not in later}, later

    def _get_file_place(self, way):
        """Fields of a step on a way out of this one, as a file tells the way."""
        if isinstance(way, str):
            return {"branch": way, "way_id": False}
        if way > len(self.way_ids):
            raise UserError(
                self.env._("“%(step)s” has no way %(way)s", step=self.name, way=way)
            )
        return {"branch": "way", "way_id": self.way_ids[way - 1].id}
