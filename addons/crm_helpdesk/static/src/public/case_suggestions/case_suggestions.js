import { Interaction } from "@web/public/interaction";
import { registry } from "@web/core/registry";
import { rpc } from "@web/core/network/rpc";
import { markup } from "@odoo/owl";

/**
 * Suggests articles while somebody types what a case is about: on the forms for cases,
 * and on any other form whose subject has the class `o_crm_case_subject`. What is posted
 * with the form as `suggestion_token` tells the case what was suggested.
 */
export class CaseSuggestions extends Interaction {
    static selector = [
        "input.o_crm_case_subject",
        "form[action*='/my/cases/new'] input[name='name']",
        "form[action*='/case/new'] input[name='name']",
    ].join(", ");
    dynamicContent = {
        _root: { "t-on-input": this.debounced(this.suggest, 400) },
    };

    setup() {
        this.token = null;
        this.typed = "";
    }

    start() {
        this.el.autocomplete = "off";
        this.box = document.createElement("div");
        this.box.className = "o_crm_case_suggestions";
        this.insert(this.box, this.el.parentElement, "afterend");
        // what was typed before an error of the form was shown
        this.suggest();
    }

    async suggest() {
        const text = this.el.value.trim();
        if (text === this.typed) {
            return;
        }
        this.typed = text;
        const found = await this.waitFor(
            rpc("/help/suggest", { text, token: this.token }, { silent: true }),
        );
        if (text !== this.typed) {
            return; // typed on meanwhile
        }
        this.setToken(found.token);
        this.show(found.articles);
    }

    setToken(token) {
        this.token = token;
        let input = this.el.form?.querySelector("input[name=suggestion_token]");
        if (!input) {
            input = document.createElement("input");
            input.type = "hidden";
            input.name = "suggestion_token";
            this.el.form?.append(input);
        }
        input.value = token || "";
    }

    show(articles) {
        this.box.replaceChildren();
        if (!articles.length) {
            return;
        }
        for (const article of articles) {
            // the server escapes all but its own marks
            article.excerpt = markup(article.excerpt);
        }
        this.renderAt("crm_helpdesk.CaseSuggestions", { articles }, this.box);
        for (const button of this.box.querySelectorAll("button[data-article]")) {
            this.addListener(button, "click", () => this.solve(button));
        }
    }

    async solve(button) {
        await this.waitFor(
            rpc("/help/solved", {
                token: this.token,
                article_id: parseInt(button.dataset.article),
            }),
        );
        this.box.replaceChildren();
        this.renderAt("crm_helpdesk.CaseSuggestionsSolved", {}, this.box);
    }
}

registry.category("public.interactions").add("crm_helpdesk.case_suggestions", CaseSuggestions);
