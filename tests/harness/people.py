"""Who acts: users of Odoo's web client, and visitors of its public pages."""

import itertools
from urllib.parse import urljoin

import lxml.html
import requests

BROWSER = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/142.0.0.0 Safari/537.36"
)


class Refused(AssertionError):
    """The server answered a call with an error."""

    def __init__(self, what, error):
        data = error.get("data", {})
        self.kind = data.get("name", "")
        self.text = data.get("message") or error.get("message", "")
        super().__init__(f"{what}: {self.kind} {self.text}\n{data.get('debug', '')}")


class Visitor:
    """Somebody outside with an ordinary browser."""

    def __init__(self, server, agent=BROWSER):
        self.url = server.url
        self.session = requests.Session()
        self.session.headers["User-Agent"] = agent

    def open(self, url):
        answer = self.session.get(urljoin(self.url, url), timeout=30)
        answer.raise_for_status()
        return answer

    def follow(self, link):
        """Click a tracked link; return where it leads to, which is not visited."""
        answer = self.session.get(link, timeout=30, allow_redirects=False)
        assert answer.is_redirect, answer.status_code
        return answer.headers["Location"]

    def submit_form(self, page, **values):
        """Fill in the form of a page, and send it."""
        form = lxml.html.fromstring(page.text, base_url=page.url).forms[-1]
        fields = {**dict(form.form_values()), **values}
        answer = self.session.post(
            urljoin(page.url, form.action), data=fields, timeout=30
        )
        answer.raise_for_status()
        return answer


class Person(Visitor):
    """A user who works as the web client does: session login, then JSON calls, with the
    user's own rights."""

    def __init__(self, server, login, password):
        super().__init__(server)
        self.login = login
        self._ids = itertools.count(1)
        answer = self._post(
            "/web/session/authenticate",
            {"db": server.database, "login": login, "password": password},
        )
        self.uid = answer["uid"]
        self.context = {
            **answer["user_context"],
            "allowed_company_ids": [answer["user_companies"]["current_company"]],
        }

    def _post(self, path, params):
        answer = self.session.post(
            self.url + path,
            json={"jsonrpc": "2.0", "id": next(self._ids), "params": params},
            timeout=120,
        ).json()
        if "error" in answer:
            raise Refused(path, answer["error"])
        return answer.get("result")

    def call(self, model, method, *args, context=None, **kwargs):
        return self._post(
            f"/web/dataset/call_kw/{model}/{method}",
            {
                "model": model,
                "method": method,
                "args": list(args),
                "kwargs": {**kwargs, "context": {**self.context, **(context or {})}},
            },
        )

    def create(self, model, values, **options):
        return self.call(model, "create", [values], **options)[0]

    def write(self, model, ids, values, **options):
        return self.call(model, "write", _ids(ids), values, **options)

    def search(self, model, domain, **options):
        return self.call(model, "search", domain, **options)

    def read(self, model, record_id, *names, **options):
        """One record; the id alone of each many2one."""
        (record,) = self.call(model, "read", [record_id], list(names), **options)
        return _flatten(record)

    def find(self, model, domain, *names, **options):
        """Records with the fields named, ordered as the model is."""
        return [
            _flatten(record)
            for record in self.call(
                model, "search_read", domain, list(names), **options
            )
        ]

    def post(self, model, record_id, body, **post_data):
        """Send a message from the record's chatter; return its id."""
        answer = self._post(
            "/mail/message/post",
            {
                "thread_model": model,
                "thread_id": record_id,
                "post_data": {
                    "body": body,
                    "message_type": "comment",
                    "subtype_xmlid": "mail.mt_comment",
                    **post_data,
                },
            },
        )
        return answer["message_id"]

    def press(self, model, ids, button, **options):
        """The method behind a button of a form."""
        return self.call(model, button, _ids(ids), **options)

    def fill_in(self, wizard, values, button, context=None):
        """Open a dialogue in a context, fill it in, press a button."""
        wizard_id = self.create(wizard, values, context=context)
        return self.press(wizard, wizard_id, button, context=context)


def _ids(ids):
    return [ids] if isinstance(ids, int) else list(ids)


def _flatten(record):
    return {
        name: value[0]
        if isinstance(value, list) and len(value) == 2 and isinstance(value[1], str)
        else value
        for name, value in record.items()
    }
