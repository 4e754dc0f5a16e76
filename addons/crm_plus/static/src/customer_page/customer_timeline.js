import { _t } from "@web/core/l10n/translation";
import { Component } from "@odoo/owl";

const DIRECTIONS = {
    in: { icon: "fa-arrow-left", title: _t("From the customer") },
    out: { icon: "fa-arrow-right", title: _t("To the customer") },
};

/** What happened between us and the customer, newest first, by month. */
export class CustomerTimeline extends Component {
    static template = "crm_plus.CustomerTimeline";
    static props = {
        channels: Array,
        channel: { type: [String, Boolean] },
        items: Array,
        hasMore: Boolean,
        setChannel: Function,
        loadMore: Function,
        open: Function,
    };

    get months() {
        const months = [];
        for (const item of this.props.items) {
            if (months.at(-1)?.name !== item.month) {
                months.push({ name: item.month, items: [] });
            }
            months.at(-1).items.push(item);
        }
        return months;
    }

    get total() {
        return this.props.channels.reduce((sum, channel) => sum + channel.count, 0);
    }

    direction(item) {
        return DIRECTIONS[item.direction];
    }
}
