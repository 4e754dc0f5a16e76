import { Interaction } from "@web/public/interaction";
import { registry } from "@web/core/registry";

/**
 * Shows the fields of a form for cases only after the answers that they are asked for
 * after. Without it all of them are shown, and the server leaves out what was not meant.
 */
export class CaseConditions extends Interaction {
    static selector = "form:has([data-shown-if])";
    dynamicContent = {
        _root: { "t-on-input": this.show, "t-on-change": this.show },
    };

    start() {
        this.show();
    }

    show() {
        for (const box of this.el.querySelectorAll("[data-shown-if]")) {
            const isShown = this.isAskedFor(box.dataset);
            box.classList.toggle("d-none", !isShown);
            for (const input of box.querySelectorAll("input, select, textarea")) {
                input.disabled = !isShown;
            }
        }
    }

    isAskedFor({ shownIf, shownValues }) {
        const wanted = JSON.parse(shownValues);
        const given = [];
        for (const input of this.el.querySelectorAll(`[name="field-${CSS.escape(shownIf)}"]`)) {
            const isChosen = input.type === "checkbox" ? input.checked : input.value.trim();
            if (isChosen && !input.disabled) {
                given.push(this.readAnswer(input));
            }
        }
        return wanted.length ? given.some((value) => wanted.includes(value)) : given.length > 0;
    }

    /** As `read_answer` of the server, which is asked once the form is sent. */
    readAnswer({ type, value }) {
        const text = value.trim().toLowerCase();
        if (type === "number") {
            return Number(text);
        }
        return type === "datetime-local" ? text.slice(0, 16) : text;
    }
}

registry.category("public.interactions").add("crm_helpdesk.case_conditions", CaseConditions);
