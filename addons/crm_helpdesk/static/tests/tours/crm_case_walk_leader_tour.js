import { registry } from "@web/core/registry";
import { stepUtils } from "@web_tour/tour_utils";

const openMenu = (section, menu) => [
    {
        content: "Open the menu",
        trigger: `.o_menu_sections [data-menu-xmlid='crm_helpdesk.${section}']`,
        run: "click",
    },
    {
        content: "Choose",
        trigger: `.o-dropdown-item[data-menu-xmlid='crm_helpdesk.${menu}']`,
        run: "click",
    },
];
const openOverview = () => ({
    content: "How the teams stand",
    trigger: ".o_menu_sections [data-menu-xmlid='crm_helpdesk.crm_case_team_menu_dashboard']",
    run: "click",
});

/**
 * What a leader does in a morning: sees that nobody has three cases of "Tour Team" and gives
 * all of them to "Tour Agent", looks at what is late, tries on the policy "Tour promise" what
 * two hours instead of eight would have meant, applies it, and reads who has how much to do
 * and what was kept. Needs these, "Walk late" overdue, and one case answered after three
 * hours.
 */
registry.category("web_tour.tours").add("crm_helpdesk_walk_leader", {
    url: "/odoo",
    steps: () => [
        ...stepUtils.goToAppSteps("crm_helpdesk.crm_helpdesk_menu_root", "To the helpdesk"),
        openOverview(),
        {
            content: "Nobody has three cases",
            trigger: ".o_kanban_record:contains(Tour Team) a:contains(3 unassigned)",
            run: "click",
        },
        {
            content: "These",
            trigger: ".o_kanban_record:contains(Walk late)",
        },
        {
            content: "As a list",
            trigger: "button.o_switch_view.o_list",
            run: "click",
        },
        {
            content: "One of them is late",
            trigger: ".o_list_view .o_data_row.text-danger:contains(Walk late)",
        },
        {
            content: "All of them",
            trigger: ".o_list_view thead .o_list_record_selector input",
            run: "click",
        },
        {
            content: "What can be done to them",
            trigger: ".o_cp_action_menus button:contains(Actions)",
            run: "click",
        },
        {
            content: "Change them",
            trigger: ".o-dropdown-item:contains(Change Cases)",
            run: "click",
        },
        {
            content: "Three, it says",
            trigger: ".modal .o_field_widget[name=case_count]:contains(3)",
        },
        {
            content: "To whom",
            trigger: ".modal .o_field_widget[name=user_id] input",
            run: "edit Tour Agent",
        },
        {
            content: "To her",
            trigger: ".modal .o-autocomplete--dropdown-item:contains(Tour Agent)",
            run: "click",
        },
        {
            content: "Change",
            trigger: ".modal footer button[name=action_apply]",
            run: "click",
        },
        {
            content: "Nobody waits for an assignee any more",
            trigger: "body:not(:has(.modal)) .o_view_nocontent:contains(No case here)",
        },
        openOverview(),
        {
            content: "The card knows",
            trigger: ".o_kanban_record:contains(Tour Team) a:contains(0 unassigned)",
        },
        {
            content: "One is overdue: which",
            trigger: ".o_kanban_record:contains(Tour Team) a:contains(1 overdue)",
            run: "click",
        },
        {
            content: "This one, and only this one",
            trigger:
                ".o_kanban_view:has(.o_kanban_record:contains(Walk late)):not(:has(.o_kanban_record:contains(Walk new)))",
        },
        ...openMenu("crm_helpdesk_menu_config", "crm_sla_policy_menu_case"),
        {
            content: "What we promise",
            trigger: ".o_list_view .o_data_row:contains(Tour promise) td[name=name]",
            run: "click",
        },
        {
            content: "What if",
            trigger: ".o_form_view .nav-link[name=what_if]",
            run: "click",
        },
        {
            content: "The past case was answered within eight hours",
            trigger: ".o_crm_plus_what_if tr:contains(First Response):contains('1 of 1 (100 %)')",
        },
        {
            content: "Promise more",
            trigger: ".o_form_view .nav-link[name=targets]",
            run: "click",
        },
        {
            content: "The first response",
            trigger:
                ".o_field_widget[name=target_ids] .o_data_row:contains(First Response) td[name=hours]",
            run: "click",
        },
        {
            content: "Within two hours",
            trigger: ".o_field_widget[name=target_ids] .o_field_widget[name=hours] input",
            run: "edit 02:00",
        },
        {
            content: "What would that have meant",
            trigger: ".o_form_view .nav-link[name=what_if]",
            run: "click",
        },
        {
            content: "It would have been late, before anything is saved",
            trigger:
                ".o_form_view:has(.o_form_button_save:visible) .o_crm_plus_what_if tr:contains(First Response):contains('2 h'):contains('0 of 1 (0 %)')",
        },
        {
            content: "All the same: keep it",
            trigger: ".o_form_button_save:enabled",
            run: "click",
        },
        {
            content: "It is kept",
            trigger: ".o_form_view:not(:has(.o_form_button_save:visible))",
        },
        {
            content: "For those that are open, too",
            trigger: ".o_form_view button[name=action_replan]",
            run: "click",
        },
        {
            content: "Yes",
            trigger: ".modal-footer .btn-primary",
            run: "click",
        },
        {
            content: "It is under way",
            trigger: ".o_notification:contains(Open clocks are being planned again)",
        },
        {
            content: "Which promises hang on this policy",
            trigger: "body:not(:has(.modal)) .o_form_view button[name=action_view_clocks]",
            run: "click",
        },
        {
            content: "The broken one is among them",
            trigger: ".o_list_view .o_data_row:contains(Walk late):contains(First Response)",
        },
        ...openMenu("crm_helpdesk_menu_report", "crm_case_report_menu_workload"),
        {
            content: "Tour Agent has all three now",
            trigger: ".o_pivot tr:has(th:contains(Tour Agent)) td:contains(3)",
        },
        ...openMenu("crm_helpdesk_menu_report", "crm_case_promise_report_menu"),
        {
            content: "One by one, and not those of the screen before",
            trigger:
                ".o_action:has(.o_breadcrumb:contains(Promises Kept)) button.o_switch_view.o_list",
            run: "click",
        },
        {
            content: "Whatever fell due, whenever",
            trigger: ".o_list_view .o_searchview_facet:not(:contains(Fell Due)) .o_facet_remove",
            run: "click",
        },
        {
            content: "What we owe still",
            trigger:
                ".o_list_view .o_data_row:contains(Walk late):contains(First Response):contains(Late Now)",
        },
        {
            content: "And what was kept",
            trigger: ".o_list_view .o_data_row:contains(Walk past):contains(Kept)",
        },
    ],
});
