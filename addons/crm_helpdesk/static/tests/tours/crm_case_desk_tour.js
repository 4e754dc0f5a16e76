import { registry } from "@web/core/registry";

registry.category("web_tour.tours").add("crm_helpdesk_desk", {
    steps: () => [
        {
            content: "Two cases wait in the queue",
            trigger: "[data-section=queue] .o_crm_helpdesk_row:contains(Tour two)",
        },
        {
            content: "Take the most urgent one",
            trigger: ".o_crm_helpdesk_take_next:visible",
            run: "click",
        },
        {
            content: "It opens",
            trigger:
                ".o_form_view .o_field_widget[name=name] input:value(Tour one), .o_form_view .o_field_widget[name=name] textarea:value(Tour one)",
        },
        {
            content: "A colleague looks at it, too",
            trigger: ".o_crm_helpdesk_presence:contains(is looking at this)",
        },
        {
            content: "Answer and solve it by a macro",
            trigger: ".o_crm_helpdesk_macros",
            run: "click",
        },
        {
            trigger: ".o_crm_helpdesk_macros_menu .o-dropdown-item:contains(Tour: plug it in)",
            run: "click",
        },
        {
            content: "The next one is mine and on the screen",
            trigger:
                ".o_form_view .o_field_widget[name=name] input:value(Tour two), .o_form_view .o_field_widget[name=name] textarea:value(Tour two)",
        },
        {
            trigger: ".o_notebook .nav-link[name=draft]",
            run: "click",
        },
        {
            trigger: ".o_crm_helpdesk_draft textarea",
            run: "edit Written together",
        },
        {
            content: "Saved while one types",
            trigger: ".o_crm_helpdesk_draft .text-muted:contains(Last changed by)",
        },
        {
            content: "What the customer bought",
            trigger: ".o_notebook .nav-link[name=goods]",
            run: "click",
        },
        {
            trigger: ".o_crm_helpdesk_goods",
        },
    ],
});
