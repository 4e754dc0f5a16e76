import { registry } from "@web/core/registry";

registry.category("web_tour.tours").add("crm_helpdesk_case_addresses", {
    steps: () => [
        {
            trigger: ".o_notebook .nav-link[name=mail_intake]",
            run: "click",
        },
        {
            content: "One more address",
            trigger: ".o_field_widget[name=address_ids] .o_field_x2many_list_row_add a",
            run: "click",
        },
        {
            trigger: ".o_field_widget[name=address_ids] .o_field_widget[name=alias_name] input",
            run: "edit tour-returns",
        },
        {
            content: "Refuse what comes late",
            trigger: ".o_field_widget[name=late_follow_up] input[data-value=refuse]",
            run: "click",
        },
        {
            content: "The polite answer shows",
            trigger: ".o_field_widget[name=refusal_template_id]",
        },
        {
            trigger: ".o_form_button_save",
            run: "click",
        },
        {
            trigger: ".o_form_saved, .o_form_view:not(:has(.o_form_button_save:visible))",
        },
    ],
});
