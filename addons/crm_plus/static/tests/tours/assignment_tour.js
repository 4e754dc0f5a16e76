import { registry } from "@web/core/registry";

const RULE = "Germany, good ones";
const LEAD = "Roaster for Leipzig";

/**
 * A manager makes a rule by zone and score, asks who would get the newest lead, assigns
 * those that wait, and reads in the log who else was considered. Needs the leads, the
 * team "Tour Team" of "Tour Seller" and "Tour Seller Two", and nobody else's rule.
 */
registry.category("web_tour.tours").add("crm_plus_assignment", {
    url: "/odoo/assignment-rules",
    steps: () => [
        {
            content: "No rule yet: make one",
            trigger: ".o_list_button_add",
            run: "click",
        },
        {
            content: "Name it",
            trigger: ".o_form_view div[name=name] input",
            run: `edit ${RULE}`,
        },
        {
            content: "To which team",
            trigger: "div[name=team_id] input",
            run: "edit Tour Team",
        },
        {
            content: "This one",
            trigger: ".o-autocomplete--dropdown-item:contains('Tour Team')",
            run: "click",
        },
        {
            content: "To whom of it",
            trigger: "div[name=strategy] input",
            run: "click",
        },
        {
            content: "Who has least to do",
            trigger: ".o_select_menu_item:contains('Least loaded')",
            run: "click",
        },
        {
            content: "From where",
            trigger: "div[name=country_ids] input",
            run: "edit Germany",
        },
        {
            content: "Germany",
            trigger: ".o-autocomplete--dropdown-item:contains('Germany')",
            run: "click",
        },
        {
            content: "The east of it",
            trigger: "div[name=zip_ranges] input",
            run: "edit 04000-04999, 1*",
        },
        {
            content: "Good ones only",
            trigger: "div[name=min_total] input",
            run: "edit 20",
        },
        {
            content: "Keep it",
            trigger: ".o_form_button_save:enabled",
            run: "click",
        },
        {
            content: "It finds the leads that are there",
            trigger: "button[name=action_view_matches]:contains('2')",
        },
        {
            content: "Try it",
            trigger: ".o_form_statusbar button:contains('Which Rule Takes It?')",
            run: "click",
        },
        {
            content: "It takes the newest lead",
            trigger: `.modal .table-success:contains('${RULE}'):contains('takes it')`,
        },
        {
            content: "And says who would get it, and who else was considered",
            trigger:
                ".modal div[name=result]:contains('Now it would go to Tour Seller'):contains('least loaded'):contains('comes later')",
        },
        {
            content: "Nothing was done: close",
            trigger: ".modal-footer .btn-primary:contains('Close')",
            run: "click",
        },
        {
            content: "Sales",
            trigger:
                "body:not(:has(.modal)) .o_menu_sections [data-menu-xmlid='crm.crm_menu_sales']",
            run: "click",
        },
        {
            content: "Who waits",
            trigger: ".o-dropdown-item[data-menu-xmlid='crm_plus.crm_lead_unassigned_menu']",
            run: "click",
        },
        {
            content: "Both leads wait",
            trigger: `.o_list_view .o_data_row:contains("${LEAD}")`,
        },
        {
            content: "Take all",
            trigger: ".o_list_view:has(.o_data_row) thead .o_list_record_selector input",
            run: "click",
        },
        {
            content: "Assign them",
            trigger: "button[name=action_assign]",
            run: "click",
        },
        {
            content: "Both have somebody now",
            trigger: ".o_notification:contains('2 assigned, 0 stay')",
        },
        {
            content: "Nobody waits",
            trigger: ".o_nocontent_help:contains('Every lead has somebody')",
        },
        {
            content: "Reporting",
            trigger: ".o_menu_sections [data-menu-xmlid='crm.crm_menu_report']",
            run: "click",
        },
        {
            content: "The log",
            trigger: ".o-dropdown-item[data-menu-xmlid='crm_plus.crm_assignment_log_menu']",
            run: "click",
        },
        {
            content: "Open why",
            trigger: `.o_list_view .o_data_row:contains("${LEAD}") td[name=reason]`,
            run: "click",
        },
        {
            content: "Why",
            trigger: ".o_form_view div[name=reason]:contains('least loaded')",
        },
        {
            content: "Who else, and why not",
            trigger: "div[name=considered_text]:contains('comes later')",
        },
    ],
});

/** A seller takes a break: no more leads until he says so; of nobody else he may say it. */
registry.category("web_tour.tours").add("crm_plus_assignment_pause", {
    url: "/odoo/waiting-for-response",
    steps: () => [
        {
            content: "Sales",
            trigger: ".o_menu_sections [data-menu-xmlid='crm.crm_menu_sales']",
            run: "click",
        },
        {
            content: "Who gets leads",
            trigger: ".o-dropdown-item[data-menu-xmlid='crm_plus.crm_team_member_assignment_menu']",
            run: "click",
        },
        {
            content: "A colleague is not mine to pause",
            trigger:
                ".o_data_row:contains('Tour Seller Two'):not(:has(button[name=action_assignment_pause]))",
        },
        {
            content: "Pause",
            trigger: "button[name=action_assignment_pause]",
            run: "click",
        },
        {
            content: "Paused, and no longer in turn",
            trigger:
                ".o_data_row:has(button[name=action_assignment_resume]) .badge:contains('Paused')",
        },
        {
            content: "Open a colleague: all that was asked for has come",
            trigger: ".o_data_row:contains('Tour Seller Two') td[name=crm_team_id]",
            run: "click",
        },
        {
            content: "There is nothing to change on the form",
            trigger: ".o_form_view .o_form_readonly div[name=assignment_presence]",
        },
    ],
});
