import { registry } from "@web/core/registry";

registry.category("web_tour.tours").add("crm_helpdesk_case_conditions", {
    steps: () => [
        {
            content: "Nothing is asked for before its answer is given",
            trigger: "form:has(.d-none input[name=field-since]:disabled)",
        },
        {
            trigger: "select[name=field-kind]",
            run: "selectByLabel Leak",
        },
        {
            trigger: "div:not(.d-none) > .mb-3 > input[name=field-since]:enabled",
        },
        {
            trigger: "select[name=field-kind]",
            run: "selectByLabel Noise",
        },
        {
            trigger: "form:has(.d-none input[name=field-since]:disabled)",
        },
    ],
});
