import { Message } from "@mail/core/common/message";
import { _t } from "@web/core/l10n/translation";
import { patch } from "@web/core/utils/patch";

patch(Message.prototype, {
    /**
     * The button that unfolds quote and signature says what it does, also to who hears it.
     *
     * @override
     */
    insertEllipsisbtn(bodyEl) {
        super.insertEllipsisbtn(...arguments);
        for (const button of bodyEl.querySelectorAll?.(".o-mail-ellipsis:not([title])") || []) {
            button.title = _t("Show quoted text");
            button.setAttribute("aria-label", button.title);
        }
    },
});
