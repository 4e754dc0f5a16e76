import { registry } from "@web/core/registry";

registry.category("web_tour.tours").add("crm_helpdesk_case_intake", {
    steps: () => [
        {
            content: "The conversation is below, and loads when it is looked at",
            trigger: ".o-mail-Chatter",
            run() {
                this.anchor.scrollIntoView();
            },
        },
        {
            content: "What the customer wrote is there (mails have a document of their own)",
            trigger: ".o-mail-Message .overflow-x-auto:shadow p:contains(It still smokes)",
        },
        {
            content: "What he quoted is folded",
            trigger: ".o-mail-Message .overflow-x-auto:shadow blockquote:not(:visible)",
        },
        {
            content: "Show the whole mail",
            trigger: ".o-mail-Message .overflow-x-auto:shadow button[title='Show quoted text']",
            run: "click",
        },
        {
            trigger:
                ".o-mail-Message .overflow-x-auto:shadow blockquote:contains(Please plug it in)",
        },
        {
            content: "The customer has asked the same already",
            trigger: "div[name=duplicate_warning] a:contains(grinder smokes)",
        },
        {
            content: "Who was in copy",
            trigger: ".o_notebook .nav-link[name=participants]",
            run: "click",
        },
        {
            content: "He is to see the case",
            trigger:
                ".o_field_widget[name=participant_ids] .o_data_row:contains(Jan Brandt) button[name=action_make_requester]",
            run: "click",
        },
        {
            trigger:
                ".o_field_widget[name=participant_ids] .o_data_row:contains(Jan Brandt):contains(Requester) button[name=action_demote]",
        },
        {
            content: "It was spam after all",
            trigger: ".o_statusbar_buttons button[name=action_mark_spam]",
            run: "click",
        },
        {
            trigger: ".modal .modal-footer .btn-primary",
            run: "click",
        },
        {
            trigger: ".o_statusbar_buttons button[name=action_unmark_spam]",
        },
        {
            trigger: ".o_widget_web_ribbon .ribbon:contains(Spam)",
        },
    ],
});

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
