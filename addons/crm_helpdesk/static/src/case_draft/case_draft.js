import { _t } from "@web/core/l10n/translation";
import { deserializeDateTime, formatDateTime } from "@web/core/l10n/dates";
import { registry } from "@web/core/registry";
import { useService } from "@web/core/utils/hooks";
import { useDebounced } from "@web/core/utils/timing";
import { standardWidgetProps } from "@web/views/widgets/standard_widget_props";
import { Component, onWillDestroy, onWillStart, onWillUpdateProps, useState } from "@odoo/owl";

const SAVE_AFTER = 1500;

/** An answer that several people write: saved while one types, shown to the others. */
export class CaseDraft extends Component {
    static template = "crm_helpdesk.CaseDraft";
    static props = { ...standardWidgetProps };

    setup() {
        this.orm = useService("orm");
        this.action = useService("action");
        this.bus = useService("bus_service");
        this.notification = useService("notification");
        this.state = useState({ body: "", version: 0, user: "", date: false, conflict: null });
        this.isDirty = false;
        this.saveSoon = useDebounced(() => this.save(), SAVE_AFTER, { execBeforeUnmount: true });
        this.onNotification = ({ case_id: caseId, draft }) => {
            if (caseId !== this.resId) {
                return;
            }
            if (this.isDirty) {
                this.state.conflict = draft;
            } else {
                this.show(draft);
            }
        };
        this.bus.subscribe("crm_helpdesk.draft", this.onNotification);
        onWillStart(() => this.load(this.props.record.resId));
        onWillUpdateProps(async (props) => {
            if (props.record.resId !== this.resId) {
                await this.save();
                await this.load(props.record.resId);
            }
        });
        onWillDestroy(() => this.bus.unsubscribe("crm_helpdesk.draft", this.onNotification));
    }

    get changed() {
        if (!this.state.version || !this.state.user) {
            return "";
        }
        const date = this.state.date ? formatDateTime(deserializeDateTime(this.state.date)) : "";
        return _t("Last changed by %(user)s, %(date)s", { user: this.state.user, date });
    }

    async load(resId) {
        this.resId = resId;
        this.isDirty = false;
        this.show(
            resId
                ? await this.orm.call("crm.case", "draft_read", [[resId]])
                : { body: "", version: 0, user: "", date: false },
        );
    }

    show(draft) {
        Object.assign(this.state, {
            body: draft.body,
            version: draft.version,
            user: draft.user,
            date: draft.date,
            conflict: null,
        });
    }

    onInput(ev) {
        this.state.body = ev.target.value;
        this.isDirty = true;
        this.saveSoon();
    }

    async save(isForced = false) {
        if (!this.isDirty || !this.resId || (this.state.conflict && !isForced)) {
            return;
        }
        const body = this.state.body;
        const draft = await this.orm.silent.call("crm.case", "draft_write", [
            [this.resId],
            body,
            this.state.version,
            isForced,
        ]);
        if (draft.is_conflict) {
            this.state.conflict = draft;
            return;
        }
        const isBehind = this.state.body !== body;
        this.isDirty = isBehind;
        this.show({ ...draft, body: this.state.body });
    }

    takeTheirs() {
        this.isDirty = false;
        this.show(this.state.conflict);
    }

    keepMine() {
        this.state.version = this.state.conflict.version;
        return this.save(true);
    }

    async send() {
        await this.save();
        if (this.state.conflict || !this.state.body.trim()) {
            return;
        }
        const draft = await this.orm.call("crm.case", "draft_send", [
            [this.resId],
            this.state.version,
        ]);
        if (draft.is_conflict) {
            this.state.conflict = draft;
            return;
        }
        this.show(draft);
        this.notification.add(_t("The customer was answered."), { type: "success" });
        await this.action.doAction({ type: "ir.actions.client", tag: "soft_reload" });
    }
}

export const caseDraft = { component: CaseDraft };

registry.category("view_widgets").add("case_draft", caseDraft);
