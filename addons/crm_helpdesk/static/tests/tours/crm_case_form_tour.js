import { registry } from "@web/core/registry";

registry.category("web_tour.tours").add("crm_helpdesk_case_form", {
    steps: () => [
        {
            content: "Whoever is nobody here says who he is",
            trigger: "input[name=person]",
            run: "edit Nora Neu",
        },
        {
            trigger: "input[name=email]",
            run: "edit nora@neu.example",
        },
        {
            trigger: "input[name=name]",
            run: "edit It leaks",
        },
        {
            content: "What the team asks for",
            trigger: "select[name=field-kind]",
            run: "selectByLabel Leak",
        },
        {
            trigger: "textarea[name=description]",
            run: "edit Since yesterday.",
        },
        {
            trigger: "button[name=send_case]",
            run: "click",
            expectUnloadPage: true,
        },
        {
            content: "It has a number",
            trigger: "[name=case_sent]:contains(CASE-)",
        },
    ],
});
