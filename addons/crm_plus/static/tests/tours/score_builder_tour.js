import { registry } from "@web/core/registry";

/**
 * A manager builds a scoring model from a template, sees what its rules find and who
 * would move, and puts it in use. Needs three leads of companies, one named Roastery.
 */
registry.category("web_tour.tours").add("crm_plus_score_builder", {
    url: "/odoo/scoring-models",
    steps: () => [
        {
            content: "Begin a model",
            trigger: "button:contains('New from Template or File')",
            run: "click",
        },
        {
            content: "See what the template is made of",
            trigger: ".modal div[name=preview] li:contains('Business e-mail address (+10)')",
        },
        {
            content: "Begin with it",
            trigger: ".modal button[name=action_import]",
            run: "click",
        },
        {
            content: "It is a draft",
            trigger: "body:not(:has(.modal)) .o_form_view .ribbon:contains('Draft')",
        },
        {
            content: "See what its rules find",
            trigger: ".o_crm_plus_rule_figure:contains('A company') button:contains('3')",
        },
        {
            content: "Open a rule",
            trigger: "div[name=fit_rule_ids] .o_data_row td[name=name]:contains('A company')",
            run: "click",
        },
        {
            content: "Its figures are there too",
            trigger: ".modal .o_crm_plus_rule_figure button:contains('3')",
        },
        {
            content: "Give it more points",
            trigger: ".modal div[name=points] input",
            run: "edit 45",
        },
        {
            content: "Keep that",
            trigger: ".modal .o_form_button_save",
            run: "click",
        },
        {
            content: "Wait for the list",
            trigger: "body:not(:has(.modal)) div[name=fit_rule_ids] td[name=points]:contains('45')",
        },
        {
            content: "Ask who would move",
            trigger: "button[name=action_compare]",
            run: "click",
        },
        {
            content: "See the moves from grade to grade",
            trigger: ".modal .o_crm_plus_moves th:contains('A4')",
        },
        {
            content: "See by name who moves",
            trigger: ".modal .nav-link[name=examples]",
            run: "click",
        },
        {
            content: "The roastery does",
            trigger: ".modal .o_data_row:contains('Up'):contains('Roastery'):contains('A4')",
        },
        {
            content: "Put the model in use",
            trigger: ".modal button[name=action_apply]",
            run: "click",
        },
        {
            content: "Confirm",
            trigger: ".modal:contains('scored again') .modal-footer .btn-primary",
            run: "click",
        },
        {
            content: "It is no draft any more, and its figures have come",
            trigger:
                "body:not(:has(.modal)) .o_form_view:has(button[name=action_try_changes]) .o_crm_plus_rule_figure",
        },
    ],
});
