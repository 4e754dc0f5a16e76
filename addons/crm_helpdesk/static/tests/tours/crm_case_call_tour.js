import { registry } from "@web/core/registry";

registry.category("web_tour.tours").add("crm_helpdesk_case_call", {
    steps: () => [
        {
            content: "The caller is found by the number",
            trigger: ".modal div[name=phone] input",
            run: "edit 030 901820",
        },
        {
            trigger: ".modal div[name=name] input",
            run: "edit Does not start",
        },
        {
            trigger: ".modal div[name=partner_id] input:value(Ida Brandt)",
        },
        {
            trigger: ".modal div[name=notes] textarea",
            run: "edit The plug was out.",
        },
        {
            trigger: ".modal div[name=is_solved] input",
            run: "click",
        },
        {
            trigger: ".modal button[name=action_log]",
            run: "click",
        },
        {
            content: "A case that is solved already",
            trigger:
                ".o_form_view .o_statusbar_status button.o_arrow_button_current:contains(Solved)",
        },
        {
            trigger: ".o-mail-Message:contains(The plug was out.)",
        },
    ],
});
