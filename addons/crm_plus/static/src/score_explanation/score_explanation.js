import { deserializeDateTime, formatDate } from "@web/core/l10n/dates";
import { _t } from "@web/core/l10n/translation";
import { registry } from "@web/core/registry";
import { useService } from "@web/core/utils/hooks";
import { useRecordObserver } from "@web/model/relational_model/utils";
import { formatFloat } from "@web/views/fields/formatters";
import { standardWidgetProps } from "@web/views/widgets/standard_widget_props";
import { Component, useState } from "@odoo/owl";

/** Why a record has its score: each rule with what it gives. The server says it all. */
export class ScoreExplanation extends Component {
    static template = "crm_plus.ScoreExplanation";
    static props = { ...standardWidgetProps };

    setup() {
        this.orm = useService("orm");
        this.action = useService("action");
        this.state = useState({ explanation: null, showAll: false });
        // after each load, save or recompute of the record
        useRecordObserver((record) => this.load(record.resModel, record.resId));
    }

    async load(resModel, resId) {
        this.state.explanation = resId
            ? await this.orm.call(resModel, "get_score_explanation", [resId])
            : null;
    }

    get groups() {
        const { lines, fit, engagement } = this.state.explanation;
        return [
            { dimension: "fit", title: _t("Fit: what they are"), points: fit },
            { dimension: "engagement", title: _t("Engagement: what they do"), points: engagement },
        ].map((group) => ({
            ...group,
            lines: lines.filter(
                (line) =>
                    line.dimension === group.dimension && (line.is_matched || this.state.showAll),
            ),
        }));
    }

    /** What the limits of the total take away, or add. */
    get limits() {
        return this.state.explanation.lines.filter((line) => line.dimension === "total");
    }

    get unmatchedCount() {
        return this.state.explanation.lines.filter((line) => !line.is_matched).length;
    }

    get isEmpty() {
        return this.unmatchedCount === this.state.explanation.lines.length;
    }

    /** The touchpoints that the rule counts, the newest first. */
    async openTouchpoints(line) {
        const { resModel, resId } = this.props.record;
        this.action.doAction(
            await this.orm.call(resModel, "action_view_score_touchpoints", [resId, line.rule_id]),
        );
    }

    /** What becomes of the points if nothing new happens. */
    fading(line) {
        const date = line.date_next && formatDate(deserializeDateTime(line.date_next));
        const points = this.points(line.points_next || 0);
        switch (date && line.fading) {
            case "half":
                return _t("%(points)s on %(date)s, if nothing new happens", { points, date });
            case "gone":
                return _t("nothing from %(date)s on, if nothing new happens", { date });
        }
        return "";
    }

    points(value) {
        return formatFloat(value, { digits: [16, 1] });
    }

    dates(line) {
        const [first, last] = [line.date_first, line.date_last].map(
            (date) => date && formatDate(deserializeDateTime(date)),
        );
        return first === last ? last || "" : `${first} – ${last}`;
    }
}

export const scoreExplanation = { component: ScoreExplanation };

registry.category("view_widgets").add("score_explanation", scoreExplanation);
