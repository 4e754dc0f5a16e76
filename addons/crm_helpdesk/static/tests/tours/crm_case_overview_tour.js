import { registry } from "@web/core/registry";

registry.category("web_tour.tours").add("crm_helpdesk_overview", {
    steps: () => [
        {
            content: "The team has a card, with what waits",
            trigger: ".o_kanban_record:contains(Tour Team) a:contains(1 unassigned)",
            run: "click",
        },
        {
            content: "Its case is nobody's",
            trigger: ".o_kanban_record:contains(The grinder does not start)",
        },
    ],
});
