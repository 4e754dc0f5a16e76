import { registry } from "@web/core/registry";

const CHANCE = "Chance of the harbour";

/**
 * A manager makes a prediction, says that the country never changes, and asks for a training.
 * Needs the decided leads of the team "Harbour".
 */
registry.category("web_tour.tours").add("crm_plus_prediction_make", {
    steps: () => [
        {
            content: "Make a prediction",
            trigger: ".o_list_button_add",
            run: "click",
        },
        {
            content: "Name it",
            trigger: ".o_field_widget[name=name] input",
            run: `edit ${CHANCE}`,
        },
        {
            content: "Of one team only",
            trigger: ".o_field_widget[name=team_ids] input",
            run: "edit Harbour",
        },
        {
            content: "Choose the team",
            trigger: ".o-autocomplete--dropdown-item:contains('Harbour')",
            run: "click",
        },
        {
            content: "The team is chosen",
            trigger: ".o_field_widget[name=team_ids] .o_tag:contains('Harbour')",
        },
        {
            content: "Save",
            trigger: ".o_form_button_save",
            run: "click",
        },
        {
            content: "It says what is known: nothing of the country as it was at intake",
            trigger: ".o_data_row:contains('Country') td[name=history]:contains('Unknown: 600')",
        },
        {
            content: "And how many leads there are",
            trigger: ".o_field_widget[name=decided_count]:contains('600')",
        },
        {
            content: "Vouch for it",
            trigger: ".o_data_row:contains('Country') td[name=is_trusted]",
            run: "click",
        },
        {
            content: "Tick",
            trigger: ".o_selected_row td[name=is_trusted] input",
            run: "click",
        },
        {
            content: "Save again",
            trigger: ".o_form_button_save",
            run: "click",
        },
        {
            content: "Now it is known",
            trigger: ".o_data_row:contains('Country') td[name=history]:contains('vouched')",
        },
        {
            content: "Train",
            trigger: "button[name=action_train]",
            run: "click",
        },
        {
            content: "It goes on in the background",
            trigger: ".o_notification:contains('Training in the background')",
        },
    ],
});

/** Trained: the manager reads how good it is, beside Odoo's formula. */
registry.category("web_tour.tours").add("crm_plus_prediction_read", {
    steps: () => [
        {
            content: "Open the result",
            trigger: ".o_notebook .nav-link[name=result]",
            run: "click",
        },
        {
            content: "Quality, beside Odoo's",
            trigger: ".o_crm_plus_prediction_report th:contains('Odoo')",
        },
        {
            content: "The calibration",
            trigger: ".o_crm_plus_prediction_report svg circle",
        },
        {
            content: "Inputs left out are named",
            trigger: ".o_field_widget[name=last_warnings]:contains('Source left out')",
        },
        {
            content: "All trainings",
            trigger: "button[name=action_view_versions]",
            run: "click",
        },
        {
            content: "Open the one in use",
            trigger: ".o_data_row:contains('In Use') td[name=message]:contains('AUC')",
            run: "click",
        },
        {
            content: "It says what it looks at",
            trigger: ".o_crm_plus_prediction_report td:contains('Country')",
        },
    ],
});

/** A seller sees on the lead why. */
registry.category("web_tour.tours").add("crm_plus_prediction_why", {
    steps: () => [
        {
            content: "Open the prediction",
            trigger: ".o_notebook .nav-link[name=prediction]",
            run: "click",
        },
        {
            content: "The chance",
            trigger: ".o_field_widget[name=predict_probability]:contains('.')",
        },
        {
            content: "The country is a reason",
            trigger: ".o_crm_plus_prediction td:contains('Country')",
        },
        {
            content: "It adds up to this lead",
            trigger: ".o_crm_plus_prediction tr:last-child td:contains('This lead')",
        },
    ],
});

/** But a seller changes no prediction. */
registry.category("web_tour.tours").add("crm_plus_prediction_locked", {
    steps: () => [
        {
            content: "The prediction is readable",
            trigger: `.o_form_view .o_field_widget[name=name]:contains("${CHANCE}")`,
        },
        {
            content: "Not to be changed, nor trained",
            trigger:
                ".o_form_view:not(:has(button[name=action_train])):not(:has([name=name] input))",
        },
    ],
});
