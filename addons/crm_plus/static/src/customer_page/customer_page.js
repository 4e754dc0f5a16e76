import { _t } from "@web/core/l10n/translation";
import { RecordSelector } from "@web/core/record_selectors/record_selector";
import { registry } from "@web/core/registry";
import { KeepLast } from "@web/core/utils/concurrency";
import { useService } from "@web/core/utils/hooks";
import { useSetupAction } from "@web/search/action_hook";
import { ControlPanel } from "@web/search/control_panel/control_panel";
import { standardActionServiceProps } from "@web/webclient/actions/action_service";
import { Component, onMounted, onWillStart, useState } from "@odoo/owl";
import { CustomerLights } from "../customer_header/customer_lights";
import { CustomerPanel } from "./customer_panel";
import { CustomerTimeline } from "./customer_timeline";
import { Sparkline } from "./sparkline";

/**
 * A customer from all sides, on one page. One call brings it all, as words and figures that
 * are ready to be shown; what the reader may not see does not come.
 */
export class CustomerPage extends Component {
    static template = "crm_plus.CustomerPage";
    static components = {
        ControlPanel,
        CustomerLights,
        CustomerPanel,
        CustomerTimeline,
        RecordSelector,
        Sparkline,
    };
    static props = { ...standardActionServiceProps };
    // of /odoo/customer-360/5, which is no record of a list
    static path = "customer-360";
    static displayName = _t("Customer 360");

    setup() {
        this.orm = useService("orm");
        this.action = useService("action");
        this.keepLast = new KeepLast();
        this.state = useState({
            partnerId: this.props.resId || this.props.action.params?.partner_id || false,
            isRolledUp: false,
            channel: false,
            // as it was left, when one comes back by the breadcrumbs
            ...this.props.state,
            data: null,
            items: [],
            hasMore: false,
        });
        useSetupAction({
            getLocalState: () => ({
                partnerId: this.state.partnerId,
                isRolledUp: this.state.isRolledUp,
            }),
        });
        onWillStart(() => this.load());
        onMounted(() => this.tell());
    }

    async load() {
        if (!this.state.partnerId) {
            this.state.data = null;
            return;
        }
        const data = await this.keepLast.add(
            this.orm.call("res.partner", "get_customer_page", [[this.state.partnerId]], {
                with_subsidiaries: this.state.isRolledUp,
            }),
        );
        Object.assign(this.state, {
            data,
            partnerId: data.id,
            channel: false,
            items: data.timeline ? data.timeline.items : [],
            hasMore: Boolean(data.timeline && data.timeline.has_more),
        });
    }

    /** Breadcrumb and address name the customer. */
    tell() {
        if (this.state.data) {
            this.env.config.setDisplayName(this.state.data.name);
            this.props.updateActionState?.({ resId: this.state.partnerId });
        }
    }

    async choose(partnerId) {
        Object.assign(this.state, { partnerId, isRolledUp: false });
        await this.load();
        this.tell();
    }

    async rollUp(isRolledUp) {
        this.state.isRolledUp = isRolledUp;
        await this.load();
    }

    get sections() {
        return this.state.data.sections.filter((section) => section.panels.length);
    }

    get contactLine() {
        const { place, user } = this.state.data.contact;
        return [place, user && _t("Salesperson: %s", user)].filter(Boolean).join(" · ");
    }

    // ------------------------------------------------------------
    // Timeline
    // ------------------------------------------------------------

    fetchTimeline(before) {
        return this.keepLast.add(
            this.orm.call("res.partner", "get_customer_timeline", [[this.state.partnerId]], {
                channel: this.state.channel,
                before,
                with_subsidiaries: this.state.isRolledUp,
            }),
        );
    }

    async setChannel(channel) {
        this.state.channel = channel;
        const { items, has_more: hasMore } = await this.fetchTimeline(false);
        Object.assign(this.state, { items, hasMore });
    }

    async loadMore() {
        const last = this.state.items.at(-1);
        const { items, has_more: hasMore } = await this.fetchTimeline([last.date, last.id]);
        Object.assign(this.state, { items: [...this.state.items, ...items], hasMore });
    }

    // ------------------------------------------------------------
    // Ways out
    // ------------------------------------------------------------

    async run(model, id, method) {
        const action = await this.orm.call(model, method, [[id]]);
        if (action) {
            await this.action.doAction(action, { onClose: () => this.load() });
        } else {
            await this.load();
        }
    }

    openTouchpoint(item) {
        return this.run("crm.touchpoint", item.id, "action_open_origin");
    }

    openRow(row) {
        return this.openRecord(row.model, row.res_id);
    }

    openRecord(model, id) {
        return this.action.doAction({
            type: "ir.actions.act_window",
            res_model: model,
            res_id: id,
            views: [[false, "form"]],
        });
    }

    openAll(panel) {
        return this.action.doAction(panel.all);
    }
}

registry.category("actions").add("crm_plus_customer_page", CustomerPage);
