import { registry } from "@web/core/registry";

registry.category("web_tour.tours").add("crm_helpdesk_case_portal", {
    steps: () => [
        {
            content: "From my account to my cases",
            trigger: ".o_portal_index_card a[href='/my/cases']",
            run: "click",
            expectUnloadPage: true,
        },
        {
            content: "Open one",
            trigger: "a[name=new_case]",
            run: "click",
            expectUnloadPage: true,
        },
        {
            trigger: "input[name=name]",
            run: "edit No power",
        },
        {
            trigger: "textarea[name=description]",
            run: "edit The grinder does nothing at all.",
        },
        {
            trigger: "button[name=send_case]",
            run: "click",
            expectUnloadPage: true,
        },
        {
            content: "It is open, with a number",
            trigger: ".alert-success:contains(CASE-)",
        },
        {
            content: "Add something",
            trigger: "#chatterRoot:shadow .o-mail-Composer-input",
            run: "edit The lamp is on, though.",
        },
        {
            trigger: "#chatterRoot:shadow .o-mail-Composer-send:enabled",
            run: "click",
        },
        {
            trigger: "#chatterRoot:shadow .o-mail-Message:contains(The lamp is on, though.)",
        },
        {
            content: "It has solved itself",
            trigger: "button[name=close_case]",
            run: "click",
            expectUnloadPage: true,
        },
        {
            trigger: "[name=case_state]:contains(Solved)",
        },
    ],
});
