import { _t } from "@web/core/l10n/translation";
import { Component } from "@odoo/owl";

/** How many people, with some names; a click opens the list of them. */
export class PeopleFigure extends Component {
    static template = "crm_campaigns.PeopleFigure";
    static props = { group: Object, figure: String, onOpen: Function };

    get title() {
        const { count, sample } = this.props.group;
        if (!sample.length) {
            return "";
        }
        const more = count > sample.length ? " …" : "";
        return _t("For example: %s", sample.join(" · ") + more);
    }
}
