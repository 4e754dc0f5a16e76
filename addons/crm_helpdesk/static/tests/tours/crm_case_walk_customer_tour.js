import { registry } from "@web/core/registry";

/** Put a file into a file input, as choosing it does. */
function choose(input, name, text) {
    const transfer = new DataTransfer();
    transfer.items.add(new File([text], name, { type: "text/plain" }));
    input.files = transfer.files;
    input.dispatchEvent(new Event("change", { bubbles: true }));
}

/**
 * A customer, from the own account to the end: opens a case about what was bought, with a
 * file, reads what is promised, answers with a file, closes, opens again and closes. Needs
 * one order of one "Grinder" and a team that promises an answer.
 */
registry.category("web_tour.tours").add("crm_helpdesk_walk_customer", {
    url: "/my",
    steps: () => [
        {
            content: "To my cases",
            trigger: ".o_portal_index_card a[href='/my/cases']",
            run: "click",
            expectUnloadPage: true,
        },
        {
            content: "There are none",
            trigger: ".alert-info:contains(You have no cases)",
        },
        {
            content: "Open one",
            trigger: "a[name=new_case]",
            run: "click",
            expectUnloadPage: true,
        },
        {
            content: "In a few words",
            trigger: "input[name=name]",
            run: "edit No power",
        },
        {
            content: "About what I bought",
            trigger: "select[name=goods]",
            run: "selectByLabel 1 of Grinder",
        },
        {
            content: "In more words",
            trigger: "textarea[name=description]",
            run: "edit The grinder does nothing at all.",
        },
        {
            content: "With what stands on its plate",
            trigger: "input[name=attachments]",
            run() {
                choose(this.anchor, "plate.txt", "Grinder 230 V");
            },
        },
        {
            content: "Send it",
            trigger: "button[name=send_case]",
            run: "click",
            expectUnloadPage: true,
        },
        {
            content: "It is open, with a number",
            trigger: ".alert-success:contains(CASE-)",
        },
        {
            content: "It is about the order",
            trigger: "[name=case] .card-body:contains(Order:):contains(Grinder)",
        },
        {
            content: "It says whose turn it is, and until when I am answered",
            trigger:
                "[name=case_promise]:contains(It is our turn):contains(You have our answer by)",
        },
        {
            content: "My file has come along",
            trigger: "#chatterRoot:shadow .o-mail-AttachmentContainer:contains(plate.txt)",
        },
        {
            content: "Add something",
            trigger: "#chatterRoot:shadow .o-mail-Composer-input",
            run: "edit The lamp is on, though.",
        },
        {
            content: "And a file",
            trigger: "#chatterRoot:shadow .o-mail-Composer .o_input_file:not(:visible)",
            run() {
                choose(this.anchor, "lamp.txt", "It is green");
            },
        },
        {
            content: "It is uploaded",
            trigger:
                "#chatterRoot:shadow .o-mail-Composer .o-mail-AttachmentContainer:not(.o-isUploading):contains(lamp.txt)",
        },
        {
            content: "Send it",
            trigger: "#chatterRoot:shadow .o-mail-Composer-send:enabled",
            run: "click",
        },
        {
            content: "It is in the conversation, with the file",
            trigger:
                "#chatterRoot:shadow .o-mail-Message:contains(The lamp is on, though.):has(.o-mail-AttachmentContainer:contains(lamp.txt))",
        },
        {
            content: "It has solved itself",
            trigger: "button[name=close_case]",
            run: "click",
            expectUnloadPage: true,
        },
        {
            content: "It is solved, and nothing is promised any more",
            trigger: "body:not(:has([name=case_promise])) [name=case_state]:contains(Solved)",
        },
        {
            content: "It has not: say what is missing",
            trigger: "textarea[name=message]",
            run: "edit It went off again.",
        },
        {
            content: "Open it again",
            trigger: "button[name=reopen_case]",
            run: "click",
            expectUnloadPage: true,
        },
        {
            content: "It is our turn again",
            trigger: "[name=case_promise]:contains(It is our turn)",
        },
        {
            content: "What I said is there",
            trigger: "#chatterRoot:shadow .o-mail-Message:contains(It went off again.)",
        },
        {
            content: "Now it has, really",
            trigger: "button[name=close_case]",
            run: "click",
            expectUnloadPage: true,
        },
        {
            content: "It is over",
            trigger: "[name=case_state]:contains(Solved)",
        },
        {
            content: "To the list",
            trigger: ".o_portal_submenu a[href='/my/cases']",
            run: "click",
            expectUnloadPage: true,
        },
        {
            content: "There it is, with its order",
            trigger: "tr:contains(CASE-):contains(No power):contains(Solved)",
        },
    ],
});

/** By the link of the mail: the face that was chosen there, another one, some words. */
registry.category("web_tour.tours").add("crm_helpdesk_walk_customer_rates", {
    steps: () => [
        {
            content: "What was chosen in the mail is chosen",
            trigger: "form[name=rate_case]:has(input[name=rate][value='4']:checked)",
        },
        {
            content: "Even better",
            trigger: "label[for=rate_5]",
            run: "click",
        },
        {
            content: "Why",
            trigger: "textarea[name=feedback]",
            run: "edit Quick and kind",
        },
        {
            content: "Send it",
            trigger: "form[name=rate_case]:has(input[name=rate][value='5']:checked) button",
            run: "click",
            expectUnloadPage: true,
        },
        {
            content: "Thanks",
            trigger: "h3:contains(Thank you for your rating!)",
        },
    ],
});
