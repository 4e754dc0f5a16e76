import { registry } from "@web/core/registry";

const DEAL = "Roastery of the harbour";
const CARD = `.o_kanban_record:contains("${DEAL}")`;

/**
 * A seller drags a deal past a gate, is told what is missing, answers the question and
 * passes. Needs the deal in stage "Gate first", a gate before "Gate second" that asks for an
 * answered frame with the question "Need".
 */
registry.category("web_tour.tours").add("crm_plus_gate_seller", {
    url: "/odoo/action-crm.crm_lead_action_pipeline",
    steps: () => [
        {
            content: "Drag the deal into the next stage",
            trigger: `.o_kanban_group:contains("Gate first") ${CARD}`,
            run: 'drag_and_drop(.o_kanban_group:contains("Gate second"))',
        },
        {
            content: "Be told what is missing",
            trigger: ".modal .o_error_dialog:contains('Answer the questions of Harbour: Need')",
        },
        {
            content: "Close",
            trigger: ".modal .modal-footer .btn-primary:contains('Close')",
            run: "click",
        },
        {
            content: "The card is back where it was: open it",
            trigger: `body:not(:has(.modal)) .o_kanban_group:contains("Gate first") ${CARD}`,
            run: "click",
        },
        {
            content: "The form says it in advance",
            trigger: ".o_crm_plus_gate:contains('Gate second'):contains('Need')",
        },
        {
            content: "Open the questions",
            trigger: ".o_notebook .nav-link[name=qualification]",
            run: "click",
        },
        {
            content: "Answer",
            trigger: ".o_crm_plus_frame_question[data-question=Need] textarea",
            run: "edit Their machine is twenty years old && press Tab",
        },
        {
            content: "It is noted",
            trigger: ".o_crm_plus_frame_question[data-question=Need] i.fa-check",
        },
        {
            content: "Nothing is missing any more",
            trigger: ".o_form_view:not(:has(.o_crm_plus_gate))",
        },
        {
            content: "Move on",
            trigger: ".o_statusbar_status button:contains('Gate second')",
            run: "click",
        },
        {
            content: "The deal has passed",
            trigger: ".o_arrow_button_current:contains('Gate second')",
        },
        {
            content: "And is saved",
            trigger: ".o_form_view:not(:has(.o_form_button_save:visible))",
        },
    ],
});

/** A manager lets the same deal pass with a reason. */
registry.category("web_tour.tours").add("crm_plus_gate_manager", {
    steps: () => [
        {
            content: "Move the deal into the next stage",
            trigger: ".o_statusbar_status button:contains('Gate second')",
            run: "click",
        },
        {
            content: "Pass all the same",
            trigger: ".modal .btn-primary:contains('Pass With a Reason')",
            run: "click",
        },
        {
            content: "See what is missing",
            trigger: ".modal div[name=missing]:contains('Need')",
        },
        {
            content: "Give the reason",
            trigger: ".modal div[name=reason] textarea",
            run: "edit They bought from us for years",
        },
        {
            content: "Let it pass",
            trigger: ".modal button[name=action_pass]",
            run: "click",
        },
        {
            content: "The deal has passed",
            trigger: "body:not(:has(.modal)) .o_arrow_button_current:contains('Gate second')",
        },
        {
            content: "Open the qualification",
            trigger: ".o_notebook .nav-link[name=qualification]",
            run: "click",
        },
        {
            content: "The reason is kept",
            trigger: "div[name=stage_pass_ids] td:contains('They bought from us for years')",
        },
    ],
});
