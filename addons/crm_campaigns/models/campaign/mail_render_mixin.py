import ast

from odoo import api, models

from ...tools.journey_file import get_filters, show_blocks


class MailRenderMixin(models.AbstractModel):
    """Blocks of a mail that are for some, as Odoo's mail editor makes them
    (*Visibility: Conditionally*), in the mails of journeys.

    Odoo compiles the mail anew for each person and asks the condition there. Here each
    condition is asked once for the whole batch, and people who see the same blocks
    share one text: what is left in it are placeholders.
    """

    _inherit = "mail.render.mixin"

    @api.model
    def _render_template_qweb(
        self, template_src, model, res_ids, add_context=None, options=None
    ):
        filters = []
        if self.env.context.get("crm_campaigns_engine") and res_ids:
            filters = get_filters(str(template_src or ""))
        if not filters:
            return super()._render_template_qweb(
                template_src, model, res_ids, add_context=add_context, options=options
            )
        records = self.env[model].browse(res_ids)
        matching = {
            text: set(records.filtered_domain(ast.literal_eval(text))._ids)
            for text in filters
        }
        ids_by_shown = {}
        for res_id in res_ids:
            shown = frozenset(text for text in filters if res_id in matching[text])
            ids_by_shown.setdefault(shown, []).append(res_id)
        rendered = {}
        for shown, ids in ids_by_shown.items():
            rendered.update(
                super()._render_template_qweb(
                    show_blocks(str(template_src), shown),
                    model,
                    ids,
                    add_context=add_context,
                    options=options,
                )
            )
        return {res_id: rendered[res_id] for res_id in res_ids}
