import { CallbackRecorder } from "@web/search/action_hook";
import { FormController } from "@web/views/form/form_controller";
import { formView } from "@web/views/form/form_view";
import { View, getDefaultConfig } from "@web/views/view";
import { registry } from "@web/core/registry";
import { Component, onMounted, onWillUnmount, status, useSubEnv } from "@odoo/owl";

const VIEW = "crm_campaign_step_panel";

/**
 * The form of a step within the form of its campaign: what is typed is saved when one goes
 * on to something else, as in any form.
 */
export class StepPanelController extends FormController {
    static template = "crm_campaigns.StepPanelForm";
    static props = {
        ...FormController.props,
        panel: Object,
        panelTitle: String,
        onStepSaved: Function,
        onClosed: Function,
    };

    setup() {
        super.setup();
        Object.assign(this.props.panel, {
            leave: () => this.leave(),
            reload: () => this.reload(),
        });
        onMounted(() => {
            // as in a dialog: the keyboard goes on here
            this.rootRef.el.querySelector(".o_field_widget[name=name] input")?.focus();
        });
        onWillUnmount(() => {
            // the page of the form was left
            if (this.model.root.dirty) {
                this.model.root.urgentSave();
            }
        });
    }

    get canSave() {
        return this.model.root.isInEdition;
    }

    /** Nobody has typed anything into it. */
    get isUntouched() {
        const { isNew, dirty } = this.model.root;
        return isNew && !dirty;
    }

    async onRecordSaved(record, changes) {
        await super.onRecordSaved(record, changes);
        // not awaited: the form around it may be waiting for this very save
        this.props.onStepSaved(record.resId);
    }

    async afterExecuteActionButton(clickParams) {
        await super.afterExecuteActionButton(clickParams);
        // unless it led elsewhere
        if (status(this) === "mounted") {
            this.props.onStepSaved(this.model.root.resId);
        }
    }

    beforeVisibilityChange() {
        return this.isUntouched ? undefined : super.beforeVisibilityChange();
    }

    beforeUnload(ev) {
        return this.isUntouched ? undefined : super.beforeUnload(ev);
    }

    /** @returns {Promise<boolean>} whether there is nothing left to save */
    async leave() {
        const { root } = this.model;
        if (!(await root.isDirty())) {
            return true;
        }
        return root.save({ onError: (error, options) => this.onSaveError(error, options, true) });
    }

    async reload() {
        const { root } = this.model;
        if (!root.isNew && !root.dirty) {
            await this.model.load();
        }
    }

    /** The form around it has fields with the same ids: a label is of the one beside it. */
    onClick(ev) {
        const label = ev.target.closest("label[for]");
        const field = label && this.rootRef.el.querySelector(`#${CSS.escape(label.htmlFor)}`);
        if (field) {
            ev.preventDefault();
            if (field.matches("[type=checkbox], [type=radio]")) {
                field.click();
            } else {
                field.focus();
            }
        }
    }
}

registry.category("views").add(VIEW, { ...formView, Controller: StepPanelController });

/** Shows one step: an existing or a new one. Another step is another panel. */
export class StepPanel extends Component {
    static template = "crm_campaigns.StepPanel";
    static components = { View };
    static props = {
        // gets `leave` and `reload`
        panel: Object,
        context: { type: Object, optional: true },
        isReadonly: { type: Boolean, optional: true },
        onClosed: Function,
        onStepSaved: Function,
        resId: { type: Number, optional: true },
        resModel: String,
        title: String,
    };

    setup() {
        // nothing of it is of the action around it: neither title nor pager
        useSubEnv({ config: getDefaultConfig() });
        const { panel, context, isReadonly, onClosed, onStepSaved, resId, resModel, title } =
            this.props;
        this.viewProps = {
            type: "form",
            jsClass: VIEW,
            resModel,
            resId: resId || false,
            context: context || {},
            display: { controlPanel: false },
            readonly: isReadonly,
            preventEdit: isReadonly,
            preventCreate: true,
            panel,
            panelTitle: title,
            onStepSaved,
            onClosed,
            discardRecord: () => onClosed({ isDiscarded: true }),
            __beforeLeave__: new CallbackRecorder(),
        };
    }
}
