import { _t } from "@web/core/l10n/translation";
import { registry } from "@web/core/registry";
import { standardFieldProps } from "@web/views/fields/standard_field_props";
import { Component } from "@odoo/owl";

const COLORS = {
    A: "text-bg-success",
    B: "text-bg-info",
    C: "text-bg-warning",
    D: "text-bg-secondary",
};

/** A grade such as B2 as a badge, coloured by its letter. */
export class ScoreGradeField extends Component {
    static template = "crm_plus.ScoreGradeField";
    static props = { ...standardFieldProps };

    get grade() {
        return this.props.record.data[this.props.name];
    }

    get color() {
        return COLORS[this.grade[0]] || COLORS.D;
    }

    get title() {
        return _t("Grade %(grade)s: fit %(letter)s of A to D, engagement %(digit)s of 1 to 4", {
            grade: this.grade,
            letter: this.grade[0],
            digit: this.grade[1],
        });
    }
}

export const scoreGradeField = {
    component: ScoreGradeField,
    displayName: _t("Score Grade"),
    supportedTypes: ["char"],
};

registry.category("fields").add("score_grade", scoreGradeField);
