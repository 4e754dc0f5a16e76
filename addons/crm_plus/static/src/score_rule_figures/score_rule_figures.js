import { _t } from "@web/core/l10n/translation";
import { registry } from "@web/core/registry";
import { KeepLast } from "@web/core/utils/concurrency";
import { useService } from "@web/core/utils/hooks";
import { useDebounced } from "@web/core/utils/timing";
import { useRecordObserver } from "@web/model/relational_model/utils";
import { formatFloat, formatInteger, formatPercentage } from "@web/views/fields/formatters";
import { standardWidgetProps } from "@web/views/widgets/standard_widget_props";
import { Component, useState } from "@odoo/owl";

const LISTS = { fit: "fit_rule_ids", engagement: "engagement_rule_ids" };
const VERDICTS = {
    few: { class: "text-muted", title: _t("Too few closed records to say anything") },
    good: { class: "text-success", title: _t("Tells won from lost as its points say") },
    bad: {
        class: "text-danger fw-bold",
        title: _t("Works against its points, more than chance would"),
    },
    unclear: { class: "", title: _t("No difference that chance could not make") },
};

/** Many2one values have come as pairs and as objects. */
function idOf(value) {
    return value ? (value.id ?? value[0] ?? value) : false;
}

function ruleOf({ dimension, record: { data } }) {
    return {
        name: data.name || "",
        dimension,
        domain: data.domain || "[]",
        kind_id: idOf(data.kind_id),
        touchpoint_domain: data.touchpoint_domain || "[]",
        points: data.active === false ? 0 : data.points,
    };
}

/** Which records a scoring model scores, as it stands in the form. */
function scopeOf({ data }) {
    return {
        target: data.target,
        company_id: idOf(data.company_id),
        team_ids: data.team_ids?.currentIds || [],
        domain: data.domain || "[]",
        is_rolled_up: data.is_rolled_up ?? true,
        is_lead_counted: data.is_lead_counted ?? true,
    };
}

/**
 * What the rules of a scoring model find now, as they stand in the form: how many records
 * match, how many of the closed ones were won, and which other rules say the same. On the
 * form of a model it shows all its rules; on that of a rule, this one beside the others.
 */
export class ScoreRuleFigures extends Component {
    static template = "crm_plus.ScoreRuleFigures";
    static props = { ...standardWidgetProps, dimension: { type: String, optional: true } };

    setup() {
        this.orm = useService("orm");
        this.action = useService("action");
        this.state = useState({ figures: null, rules: [] });
        this.keepLast = new KeepLast();
        this.asked = null;
        this.load = useDebounced(this.load.bind(this), 300);
        // after each change of a rule, saved or not
        useRecordObserver((record) => {
            const question = this.question(record);
            const asked = JSON.stringify(question);
            if (asked !== this.asked) {
                this.asked = asked;
                this.load(question);
            }
        });
    }

    /** The model and its rules as they are in the client, the shown ones first. */
    question(record) {
        const isModel = record.resModel === "crm.score.model";
        const model = isModel ? record : record._parentRecord;
        if (!model) {
            return null;
        }
        const rules = Object.entries(LISTS).flatMap(([dimension, name]) =>
            (model.data[name]?.records || []).map((rule) => ({ dimension, record: rule })),
        );
        const isShown = isModel
            ? (rule) => rule.dimension === this.props.dimension
            : (rule) => isSame(rule.record, record);
        const shown = isModel
            ? rules.filter(isShown)
            : [{ dimension: record.data.dimension, record }];
        const others = rules.filter((rule) => !isShown(rule));
        return {
            shown: shown.length,
            scope: scopeOf(model),
            rules: [...shown, ...others].map(ruleOf),
        };
    }

    async load(question) {
        if (!question || !question.shown) {
            Object.assign(this.state, { figures: null, rules: [] });
            return;
        }
        const { scope, rules } = question;
        const figures = await this.keepLast.add(
            this.orm.silent.call("crm.score.model", "get_rule_figures", [scope, rules]),
        );
        if (figures.error) {
            Object.assign(this.state, { figures, rules: [] });
            return;
        }
        Object.assign(this.state, { figures, question });
        this.state.rules = rules.slice(0, question.shown).map((rule, index) => ({
            ...rule,
            ...figures.rules[index],
            index,
        }));
    }

    get hasOutcome() {
        return this.state.figures.closed !== null;
    }

    verdict(rule) {
        return VERDICTS[rule.verdict] || VERDICTS.unclear;
    }

    integer(value) {
        return formatInteger(value);
    }

    /** Blank, not zero, when there is nothing to share. */
    percent(value) {
        return value === null || value === undefined
            ? ""
            : formatPercentage(value, { digits: [16, value < 0.1 ? 1 : 0] });
    }

    lift(value) {
        return value === null || value === undefined
            ? ""
            : `× ${formatFloat(value, { digits: [16, 2] })}`;
    }

    overlap({ rule, share }) {
        return `${this.state.question.rules[rule].name} ${this.percent(share)}`;
    }

    overlaps(rule) {
        return rule.overlaps.map((overlap) => this.overlap(overlap)).join("\n");
    }

    async openRecords(rule) {
        const { scope, rules } = this.state.question;
        const action = await this.orm.call("crm.score.model", "action_view_rule_records", [
            scope,
            rules[rule.index],
        ]);
        // beside the form: it may hold changes that are not saved
        this.action.doAction({ ...action, target: "new" }, { props: {} });
    }
}

function isSame(rule, record) {
    return rule.resId ? rule.resId === record.resId : rule._virtualId === record._virtualId;
}

export const scoreRuleFigures = {
    component: ScoreRuleFigures,
    extractProps: ({ attrs }) => ({ dimension: attrs.dimension }),
};

registry.category("view_widgets").add("score_rule_figures", scoreRuleFigures);
