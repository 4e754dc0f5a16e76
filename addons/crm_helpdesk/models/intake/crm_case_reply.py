import logging

from markupsafe import Markup

from odoo import api, models

from ...tools.reply_text import mark_html

_logger = logging.getLogger(__name__)


class CrmCase(models.Model):
    """Mails show what their sender wrote; quotes and signatures are folded below it."""

    _inherit = "crm.case"

    @api.model
    def message_new(self, msg_dict, custom_values=None):
        self._fold_quotes(msg_dict)
        return super().message_new(msg_dict, custom_values)

    def message_update(self, msg_dict, update_vals=None):
        self._fold_quotes(msg_dict)
        return super().message_update(msg_dict, update_vals)

    @api.model
    def _fold_quotes(self, msg_dict):
        """Mark what is quoted, in the way of Odoo's conversation: it shows it folded,
        and the whole mail on demand. Not a word is taken away."""
        if not msg_dict.get("body"):
            return
        try:
            body, _text = mark_html(str(msg_dict["body"]))
        except Exception:
            # junk is endless in kind: shown as it is, never lost
            _logger.exception(
                "Mail %s is shown with its quotes", msg_dict.get("message_id")
            )
            return
        # as safe as it came: only marks were added, and the field cleans it again
        msg_dict["body"] = Markup(body)
