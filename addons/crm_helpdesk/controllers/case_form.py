import logging
import secrets
import time
from datetime import datetime

import pytz

from odoo import fields, http
from odoo.exceptions import UserError
from odoo.http import request
from odoo.tools import consteq, email_normalize, hmac, plaintext2html
from odoo.tools.misc import format_date

from ..tools import form_upload
from ..tools.own_field import read_number
from .portal import MAX_DESCRIPTION, MAX_SUBJECT, CasePortal

_logger = logging.getLogger(__name__)

# nobody reads, thinks and writes so fast; nobody writes so long
MIN_SECONDS = 3
MAX_SECONDS = 12 * 3600
MAX_TEXT = 2_000
MAX_GOODS = 200
# so many times what one address may, a whole company behind one connection may
PER_CONNECTION = 4


class CaseForm(CasePortal):
    """A new case: on the portal by customers, on a page of its own by anybody."""

    # ------------------------------------------------------------
    # What is in the form
    # ------------------------------------------------------------

    def _get_portal_company(self):
        website = getattr(request, "website", None)
        return website.company_id if website else request.env.company

    def _get_portal_teams(self):
        """Teams that take cases on the portal, of the company whose portal this is."""
        # sudo: customers do not read teams; the form prints their names
        return (
            request.env["crm.case.team"]
            .sudo()
            .search(
                [
                    ("is_portal", "=", True),
                    ("company_id", "=", self._get_portal_company().id),
                ]
            )
        )

    def _get_portal_orders(self):
        """The user's confirmed orders, under the portal's own rules."""
        Order = request.env["sale.order"]
        if not Order.has_access("read"):
            return Order
        return Order.search(
            [
                ("state", "=", "sale"),
                ("company_id", "=", self._get_portal_company().id),
                (
                    "partner_id",
                    "child_of",
                    request.env.user.partner_id.commercial_partner_id.id,
                ),
            ],
            order="date_order desc, id desc",
            limit=100,
        )

    def _get_portal_goods(self):
        """What the customer bought: his orders, their lines, and the serial numbers
        that were delivered to him.

        :return: ``[(label, [(key, label, values of the case)])]``
        """
        # sudo: found under the rights of the user; the page only shows them
        orders_sudo = self._get_portal_orders().sudo()
        lots = self._get_portal_lots()
        groups = []
        for order in orders_sudo:
            options = [
                (
                    f"order-{order.id}",
                    request.env._("%s as a whole", order.name),
                    {"sale_order_id": order.id},
                )
            ]
            for line in order.order_line:
                if line.display_type or not line.product_id:
                    continue
                options.append(
                    (
                        f"line-{line.id}",
                        request.env._(
                            "%(quantity)s of %(product)s",
                            quantity=f"{line.product_uom_qty:g}",
                            product=line.product_id.display_name,
                        ),
                        {"sale_line_id": line.id},
                    )
                )
                options += self._prepare_lot_options(lots.pop(line, []))
            date = format_date(request.env, order.date_order)
            groups.append((f"{order.name} ({date})", options))
        rest = [move_line for of_line in lots.values() for move_line in of_line]
        if rest:
            groups.append(
                (request.env._("Serial numbers"), self._prepare_lot_options(rest))
            )
        return groups

    def _prepare_lot_options(self, move_lines):
        return [
            (
                f"lot-{move_line.lot_id.id}",
                f"{move_line.product_id.display_name}, {move_line.lot_id.name}",
                {"lot_id": move_line.lot_id.id},
            )
            for move_line in move_lines
        ]

    def _get_portal_lots(self):
        """``{order line: last move line of each lot}`` that came to the customer."""
        customer = request.env.user.partner_id.commercial_partner_id
        # sudo: customers read no stock; only what was delivered to them comes back
        Case = request.env["crm.case"].sudo()
        move_lines = Case.env["stock.move.line"].search(
            Case._get_delivered_domain(customer)
            & fields.Domain("lot_id", "!=", False)
            & fields.Domain("company_id", "=", self._get_portal_company().id),
            order="date desc, id desc",
            limit=MAX_GOODS,
        )
        result, seen = {}, set()
        for move_line in move_lines:
            if move_line.lot_id not in seen:
                seen.add(move_line.lot_id)
                result.setdefault(move_line.move_id.sale_line_id, []).append(move_line)
        return result

    def _get_case_form_values(self, team, post=None, errors=None):
        """What both forms print."""
        return {
            "team": team,
            "team_fields": team._get_form_fields() if team else [],
            "post": post or {},
            "posted_tags": self._get_posted_tags(),
            "errors": errors or {},
            "max_subject": MAX_SUBJECT,
            "max_mb": form_upload.MAX_SIZE // 1024 // 1024,
            "max_files": form_upload.MAX_FILES,
            "accept": ",".join(f".{name}" for name in sorted(form_upload.EXTENSIONS)),
            "form_token": self._make_form_token(team),
            "back": self._format_moment(
                team._get_next_opening(), self._get_form_zone(team)
            )
            if team
            else None,
        }

    def _get_form_zone(self, team):
        """The reader's own time zone where it is known, else that of our hours."""
        calendar = team.resource_calendar_id or team.company_id.resource_calendar_id
        return self._get_reader_zone() or calendar.tz

    def _get_posted_tags(self):
        form = request.httprequest.form
        return {name: form.getlist(name) for name in form if name.startswith("field-")}

    # ------------------------------------------------------------
    # What was sent
    # ------------------------------------------------------------

    def _read_text(self, post, name, limit):
        # zeros: the database takes none
        return (post.get(name) or "").replace("\0", "").strip()[:limit]

    def _read_case_form(self, team, post):
        """Return the values of the case that the form asks for, its files, and errors
        by field. Nothing but what the form asks for is taken.
        """
        errors = {}
        name = self._read_text(post, "name", MAX_SUBJECT)
        description = self._read_text(post, "description", MAX_DESCRIPTION)
        if not team:
            errors["name"] = request.env._(
                "No team takes cases here. Please write to us."
            )
            return {}, [], errors
        if not name:
            errors["name"] = request.env._(
                "Please say in a few words what it is about."
            )
        if not description:
            errors["description"] = request.env._("Please describe it.")
        properties = self._read_team_fields(team, post, errors)
        files = self._read_files(errors)
        values = {
            "name": name,
            "description": plaintext2html(description),
            "team_id": team.id,
        }
        if properties:
            values["case_properties"] = properties
        return values, files, errors

    def _read_team_fields(self, team, post, errors):
        """The values of the team's own fields, each as its type has it."""
        values = {}
        for field in team._get_form_fields():
            if field["type"] == "separator":
                continue
            key = f"field-{field['name']}"
            try:
                value = self._read_team_field(team, field, key, post)
            except ValueError as problem:
                errors[key] = str(problem)
                continue
            # none at all; zero is a number
            if field["is_required"] and (value is False or value in ("", [])):
                errors[key] = request.env._("Please fill this in.")
            values[field["name"]] = value
        return values

    def _read_team_field(self, team, field, key, post):
        kind = field["type"]
        allowed = {str(option) for option, _label in field["options"]}
        if kind == "tags":
            return [
                tag for tag in self._get_posted_tags().get(key, ()) if tag in allowed
            ]
        text = self._read_text(post, key, MAX_TEXT)
        if kind == "boolean":
            return bool(text)
        if not text:
            return False
        if kind == "selection":
            if text not in allowed:
                raise ValueError(request.env._("Please choose one of the list."))
            return text
        if kind in ("integer", "float"):
            number = read_number(text)
            if number is None:
                raise ValueError(request.env._("Please give a number."))
            return int(number) if kind == "integer" else number
        if kind == "date":
            try:
                return fields.Date.to_string(datetime.strptime(text, "%Y-%m-%d"))
            except ValueError:
                raise ValueError(request.env._("Please give a day.")) from None
        if kind == "datetime":
            return self._read_moment(team, text)
        return text

    def _read_moment(self, team, text):
        try:
            moment = datetime.strptime(text[:16], "%Y-%m-%dT%H:%M")
            zone = pytz.timezone(self._get_form_zone(team) or "UTC")
            moment = zone.localize(moment).astimezone(pytz.UTC)
        except (ValueError, OverflowError):
            raise ValueError(request.env._("Please give a day and a time.")) from None
        return fields.Datetime.to_string(moment)

    def _read_files(self, errors):
        """The files of the form as ``[(name, content)]``."""
        uploads = [
            upload
            for upload in request.httprequest.files.getlist("attachments")
            if upload.filename
        ]
        problem = None
        if len(uploads) > form_upload.MAX_FILES:
            problem = request.env._("At most %s files, please.", form_upload.MAX_FILES)
            uploads = []
        texts = {
            "type": request.env._(
                "Files such as “%s” are not taken: photos, papers, films are."
            ),
            "size": request.env._("“%s” is too big."),
            "empty": request.env._("“%s” is empty."),
        }
        files, total = [], 0
        for upload in uploads:
            name = form_upload.clean_name(upload.filename)
            content = upload.read(form_upload.MAX_SIZE + 1)
            total += len(content)
            what = form_upload.get_problem(name, content)
            if what:
                problem = texts[what] % name
                break
            if total > form_upload.MAX_TOTAL:
                problem = request.env._("These files are too big together.")
                break
            files.append((name, content))
        if problem:
            errors["attachments"] = problem
            return []
        return files

    # ------------------------------------------------------------
    # One form, one case
    # ------------------------------------------------------------

    def _make_form_token(self, team):
        """What a form carries: when it was made, and a word that is used once."""
        stamp, word = str(int(time.time())), secrets.token_urlsafe(12)
        return f"{stamp}.{word}.{self._sign_form(team, stamp, word)}"

    def _sign_form(self, team, stamp, word):
        # sudo: the secret of the database
        return hmac(request.env(su=True), "crm_helpdesk.form", (team.id, stamp, word))

    def _read_form_token(self, team, token):
        """``(word, age in seconds)`` of a form of ours; else ``(None, None)``."""
        stamp, _dot, rest = (token or "").partition(".")
        word, _dot, sign = rest.rpartition(".")
        if not (
            token
            and token.isascii()
            and stamp.isdecimal()
            and len(stamp) <= 12
            and consteq(sign, self._sign_form(team, stamp, word))
        ):
            return None, None
        return word, time.time() - int(stamp)

    # ------------------------------------------------------------
    # On the portal
    # ------------------------------------------------------------

    @http.route(
        ["/my/cases/new"],
        type="http",
        auth="user",
        methods=["GET", "POST"],
        website=True,
    )
    def portal_case_new(self, **post):
        teams = self._get_portal_teams()
        team = teams.filtered(lambda team: str(team.id) == post.get("team_id"))
        team = team or teams[:1]
        if request.httprequest.method != "POST":
            return self._render_portal_form(teams, team, post)
        values, files, errors = self._read_case_form(team, post)
        goods = self._read_goods(post, errors)
        if errors:
            return self._render_portal_form(teams, team, post, errors)
        # sudo: customers may not create cases by themselves; the values are ours
        Case = request.env["crm.case"].sudo()
        word, _age = self._read_form_token(team, post.get("form_token"))
        partner = request.env.user.partner_id
        case_sudo = word and Case._find_by_intake_key(team, word)
        if not case_sudo:
            case_sudo = Case._open_from_portal(
                {**values, **goods, "intake_key": word or False}, partner, files
            )
        return request.redirect(f"{case_sudo.access_url}?success=opened")

    def _render_portal_form(self, teams, team, post, errors=None):
        values = self._prepare_portal_layout_values()
        values.update(self._get_case_form_values(team, post, errors))
        goods = self._get_portal_goods()
        values.update(
            {
                "page_name": "case_new",
                "teams": teams,
                "goods": goods,
                "chosen_goods": self._get_goods_key(post),
            }
        )
        return request.render("crm_helpdesk.portal_case_new", values)

    def _get_goods_key(self, post):
        """The key of what the case is about; links elsewhere name an order."""
        if post.get("goods"):
            return post["goods"]
        return f"order-{post['order_id']}" if post.get("order_id") else ""

    def _read_goods(self, post, errors):
        key = self._get_goods_key(post)
        if not key:
            return {}
        for _label, options in self._get_portal_goods():
            for option, _name, values in options:
                if option == key:
                    return values
        errors["goods"] = request.env._("You have not bought this from us.")
        return {}

    # ------------------------------------------------------------
    # Without login
    # ------------------------------------------------------------

    def _get_public_team(self, slug):
        _name, team_id = request.env["ir.http"]._unslug(slug)
        # ids have no more digits
        if not team_id or not 0 < team_id < 2**31:
            raise request.not_found()
        # sudo: strangers do not read teams; the form prints the name
        team_sudo = request.env["crm.case.team"].sudo().browse(team_id).exists()
        if not team_sudo.active or not team_sudo.is_public_form:
            raise request.not_found()
        return team_sudo

    @http.route(
        ["/case/new/<string:slug>"],
        type="http",
        auth="public",
        methods=["GET", "POST"],
        website=True,
        sitemap=False,
    )
    def public_case_new(self, slug, **post):
        team_sudo = self._get_public_team(slug)
        if request.env.user._is_portal() and team_sudo in self._get_portal_teams():
            # who is logged in need not say who he is, and chooses what he bought
            return request.redirect(f"/my/cases/new?team_id={team_sudo.id}")
        if request.httprequest.method != "POST":
            return self._render_public_form(team_sudo, post)
        # sudo: see above
        Case = request.env["crm.case"].sudo()
        # pressed twice, or loaded again; looked for first: a captcha holds only once
        word, age = self._read_form_token(team_sudo, post.get("form_token"))
        case_sudo = Case.browse()
        if word and age <= MAX_SECONDS:
            case_sudo = Case._find_by_intake_key(team_sudo, word)
        if not case_sudo:
            word, errors, status = self._check_human(team_sudo, post)
            values, files, mistakes = self._read_case_form(team_sudo, post)
            name, email = self._read_person(post, mistakes)
            errors = {**mistakes, **errors}
            if not errors:
                errors, status = self._check_quota(team_sudo, email)
            if errors:
                return self._render_public_form(team_sudo, post, errors, status)
            values["intake_key"] = word
            phone = self._read_text(post, "phone", 40)
            if phone:
                values["description"] += plaintext2html(
                    request.env._("Phone: %s", phone)
                )
            case_sudo = Case._open_from_form(values, name, email, files)
        [line, *_rest] = case_sudo._get_promise()["lines"] or [None]
        request.session["crm_case_sent"] = {
            "number": case_sudo.number,
            "team": team_sudo.display_name,
            "due": line
            and line["kind"] == "first_response"
            and self._format_moment(line["due"], self._get_form_zone(team_sudo)),
        }
        return request.redirect("/case/sent")

    @http.route(
        ["/case/sent"],
        type="http",
        auth="public",
        methods=["GET"],
        website=True,
        sitemap=False,
    )
    def public_case_sent(self, **kw):
        """The number, and no more: whoever sent it has not proved who he is."""
        sent = request.session.get("crm_case_sent")
        if not sent:
            raise request.not_found()
        return request.render("crm_helpdesk.public_case_sent", {"sent": sent})

    def _render_public_form(self, team_sudo, post, errors=None, status=200):
        values = self._get_case_form_values(team_sudo, post, errors)
        values["form_path"] = team_sudo._get_form_path()
        user = request.env.user
        if not user._is_public() and not post:
            values["post"] = {"person": user.name, "email": user.email}
        return request.render("crm_helpdesk.public_case_new", values, status=status)

    def _read_person(self, post, errors):
        name = self._read_text(post, "person", 100)
        name = " ".join(name.split())
        email = email_normalize(self._read_text(post, "email", 200))
        if not name:
            errors["person"] = request.env._("Please tell us your name.")
        if not email:
            errors["email"] = request.env._(
                "Please tell us your e-mail address: we answer there."
            )
        return name, email

    def _check_human(self, team_sudo, post):
        """``(word of the form, errors, status)``: programs are told what people need to
        know, too, as a person may be taken for one.
        """
        word, age = self._read_form_token(team_sudo, post.get("form_token"))
        errors, status = {}, 200
        if post.get("homepage"):
            reason = "honeypot"
            errors["form"] = request.env._(
                "A field that nobody sees was filled in, as programs do. Please empty "
                "what your browser filled in by itself, and send again."
            )
        elif word is None or age > MAX_SECONDS:
            reason = "token"
            errors["form"] = request.env._(
                "This page was open for long. Please send again."
            )
        elif age < self._get_min_seconds():
            reason = "speed"
            errors["form"] = request.env._(
                "That was fast. Please read it again, and send it then."
            )
        else:
            try:
                # does nothing where no captcha is set up
                request.env["ir.http"]._verify_request_recaptcha_token("crm_case_form")
                return word, errors, status
            except UserError as error:
                reason = "captcha"
                errors["form"] = str(error)
        _logger.info(
            "Form of case team %s: refused %s, %s",
            team_sudo.id,
            request.httprequest.remote_addr,
            reason,
        )
        return None, errors, status

    def _get_min_seconds(self):
        # sudo: a setting
        params = request.env["ir.config_parameter"].sudo()
        return int(params.get_param("crm_helpdesk.form_min_seconds", MIN_SECONDS))

    def _check_quota(self, team_sudo, email):
        Quota = request.env["crm.case.quota"]
        limit = team_sudo.form_hourly_limit
        within = [
            Quota._take("form-mail", (team_sudo.id, email), limit),
            Quota._take(
                "form-address",
                (team_sudo.id, request.httprequest.remote_addr),
                limit * PER_CONNECTION,
            ),
        ]
        if all(within):
            return {}, 200
        _logger.info("Form of case team %s: too many cases", team_sudo.id)
        return {
            "form": request.env._(
                "You have sent several cases within the hour. Please wait a little, or "
                "write to us by e-mail."
            )
        }, 429
