import { _t } from "@web/core/l10n/translation";
import { registry } from "@web/core/registry";

registry.category("discuss.channel_commands").add("case", {
    channel_types: ["livechat"],
    condition: ({ store }) => store.self_partner && !store.self.main_user_id.share,
    help: _t("Open a case (/case what it is about)"),
    methodName: "execute_command_case",
});
