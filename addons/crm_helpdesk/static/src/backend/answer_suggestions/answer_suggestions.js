import { registry } from "@web/core/registry";
import { useService } from "@web/core/utils/hooks";
import { standardWidgetProps } from "@web/views/widgets/standard_widget_props";
import { Component, markup, onWillStart, onWillUpdateProps, useState } from "@odoo/owl";

/** Articles and solved cases that may help to answer a case, one click from the answer. */
export class AnswerSuggestions extends Component {
    static template = "crm_helpdesk.AnswerSuggestions";
    static props = { ...standardWidgetProps };

    setup() {
        this.orm = useService("orm");
        this.action = useService("action");
        this.state = useState({ articles: [], cases: [] });
        onWillStart(() => this.load(this.props.record.resId));
        onWillUpdateProps((next) => {
            if (next.record.resId !== this.resId) {
                return this.load(next.record.resId);
            }
        });
    }

    async load(resId) {
        this.resId = resId;
        if (!resId) {
            return;
        }
        const found = await this.orm.call("crm.case", "get_answer_suggestions", [[resId]]);
        for (const article of found.articles) {
            // the server escapes all but its own marks
            article.excerpt = markup(article.excerpt);
        }
        Object.assign(this.state, found);
    }

    async call(method, args, kwargs = {}) {
        await this.props.record.save();
        const action = await this.orm.call("crm.case", method, [[this.resId], ...args], kwargs);
        return this.action.doAction(action, { onClose: () => this.props.record.model.load() });
    }

    insertArticle(article, withText) {
        return this.call("action_insert_article", [article.id], { with_text: withText });
    }

    insertAnswer(item) {
        return this.call("action_insert_answer", [item.id]);
    }

    openArticle(article) {
        return this.action.doAction({ type: "ir.actions.act_url", url: article.url });
    }

    openCase(item) {
        return this.action.doAction({
            type: "ir.actions.act_window",
            res_model: "crm.case",
            res_id: item.id,
            views: [[false, "form"]],
        });
    }
}

registry.category("view_widgets").add("case_answer_suggestions", {
    component: AnswerSuggestions,
});
