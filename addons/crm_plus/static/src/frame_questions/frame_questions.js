import { deserializeDateTime, formatDate } from "@web/core/l10n/dates";
import { registry } from "@web/core/registry";
import { useService } from "@web/core/utils/hooks";
import { useRecordObserver } from "@web/model/relational_model/utils";
import { standardWidgetProps } from "@web/views/widgets/standard_widget_props";
import { Component, useState } from "@odoo/owl";

/** The questions of a lead's frame, answered where they stand. */
export class FrameQuestions extends Component {
    static template = "crm_plus.FrameQuestions";
    static props = { ...standardWidgetProps };

    setup() {
        this.orm = useService("orm");
        this.state = useState({ frame: null, shownHistory: {} });
        useRecordObserver((record) => this.load(record.resId, record.data.frame_id));
    }

    async load(resId, frame) {
        this.state.frame =
            resId && frame ? await this.orm.call("crm.lead", "get_frame_questions", [resId]) : null;
    }

    day(answer) {
        return formatDate(deserializeDateTime(answer.date));
    }

    toggleHistory(question) {
        this.state.shownHistory[question.id] = !this.state.shownHistory[question.id];
    }

    async onChange(question, ev) {
        let value = ev.target.value;
        if (question.kind === "number" && value !== "") {
            value = Number(value);
        }
        const record = this.props.record;
        // what else was typed on the form goes first: the frame may be among it
        if (!(await record.save({ reload: false }))) {
            return;
        }
        await this.orm.call("crm.lead", "answer_frame_question", [
            record.resId,
            question.id,
            value === "" ? false : value,
        ]);
        await record.load();
        await this.load(record.resId, record.data.frame_id);
    }
}

export const frameQuestions = {
    component: FrameQuestions,
    fieldDependencies: [{ name: "frame_id", type: "many2one", relation: "crm.frame" }],
};

registry.category("view_widgets").add("frame_questions", frameQuestions);
