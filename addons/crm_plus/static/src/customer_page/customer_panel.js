import { Component } from "@odoo/owl";

const COLORS = {
    green: "text-success",
    amber: "text-warning-emphasis",
    red: "text-danger",
    none: "text-muted",
};

/** Rows of one kind: each opens its record, "see all" opens them all. */
export class CustomerPanel extends Component {
    static template = "crm_plus.CustomerPanel";
    static props = { panel: Object, open: Function, openAll: Function, run: Function };

    color(cell) {
        return COLORS[cell.light] || "";
    }

    cellClass(column) {
        return [
            column.is_number ? "text-end text-nowrap" : "",
            column.is_wide ? "d-none d-md-table-cell" : "",
        ].join(" ");
    }
}
