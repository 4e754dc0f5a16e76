import { registry } from "@web/core/registry";
import { stepUtils } from "@web_tour/tour_utils";

const SIMILAR = ".modal .o_data_row:contains('Milk')";
const DUE = ".modal .o_data_row:contains('Rare')";

/** What is offered, and why; needs a customer as in `OfferCommon`, with Rare due again. */
const read = () => [
    {
        content: "Similar customers buy it, and how many do",
        trigger: `${SIMILAR}:contains('Similar buy it') td[name=why]:contains('n = 9 of 13 customers of the industry Cafés')`,
    },
    {
        content: "It is due by the own rhythm",
        trigger: `${DUE}:contains('Due again') td[name=why]:contains('every 30 days')`,
    },
    {
        content: "With the stock of it",
        trigger: `${DUE} td[name=free_quantity]:contains('25')`,
    },
];

const openQuotation = () => [
    {
        content: "Go on with the quotation",
        trigger: ".modal button[name=action_open_order]",
        run: "click",
    },
];

/** A seller asks on a quotation what else to offer, and adds one thing to it. */
registry.category("web_tour.tours").add("crm_plus_offer_quotation", {
    steps: () => [
        ...stepUtils.statusbarButtonsSteps("Suggest", "What else does this customer need?"),
        ...read(),
        {
            content: "Add what similar customers buy",
            trigger: `${SIMILAR} button[name=action_add]`,
            run: "click",
        },
        {
            content: "It is added, and is not added again",
            trigger: `${SIMILAR}:not(:has(button[name=action_add]))`,
        },
        {
            content: "The other one can still be",
            trigger: `${DUE} button[name=action_add]`,
        },
        ...openQuotation(),
        {
            content: "It stands on the quotation, at its price",
            trigger:
                "body:not(:has(.modal)) div[name=order_line] .o_data_row:contains('Milk') td[name=price_unit]:contains('3.00')",
        },
    ],
});

/** The same on a deal without a quotation: one is made. */
registry.category("web_tour.tours").add("crm_plus_offer_deal", {
    steps: () => [
        {
            content: "What is the deal about?",
            trigger: ".o_notebook .nav-link:contains('Products')",
            run: "click",
        },
        {
            content: "What to offer?",
            trigger: "button[name=action_suggest_offers]:visible",
            run: "click",
        },
        ...read(),
        {
            content: "There is no quotation yet",
            trigger: ".modal:not(:has(button[name=action_open_order]))",
        },
        {
            content: "Add what is due",
            trigger: `${DUE} button[name=action_add]`,
            run: "click",
        },
        {
            content: "It is added",
            trigger: `${DUE}:not(:has(button[name=action_add]))`,
        },
        ...openQuotation(),
        {
            content: "A quotation was made, with the usual quantity",
            trigger:
                "body:not(:has(.modal)) div[name=order_line] .o_data_row:contains('Rare') td[name=product_uom_qty]:contains('10')",
        },
    ],
});
