import { _t } from "@web/core/l10n/translation";
import { registry } from "@web/core/registry";
import { formatDateTime } from "@web/views/fields/formatters";
import { standardFieldProps } from "@web/views/fields/standard_field_props";
import { Component, onMounted, onWillUnmount, useState } from "@odoo/owl";

const { DateTime } = luxon;
const MINUTE = 60 * 1000;

/**
 * "2 h 10 min left", "overdue by 35 min": time left until a due datetime, moving on by
 * itself without a call to the server.
 *
 * Time on the wall, not working time: which moment is due is the server's business, and the
 * tooltip names it. Orange from the moment in warningField on; without one, so many minutes
 * before. A record that no longer runs (openField is false) shows the plain datetime.
 */
export class SlaRemainingField extends Component {
    static template = "crm_plus.SlaRemainingField";
    static props = {
        ...standardFieldProps,
        openField: { type: String, optional: true },
        kindField: { type: String, optional: true },
        warningField: { type: String, optional: true },
        warnMinutes: { type: Number, optional: true },
    };
    static defaultProps = { warnMinutes: 60 };

    setup() {
        this.clock = useState({ now: DateTime.now() });
        let timer = null;
        onMounted(() => {
            timer = setInterval(() => (this.clock.now = DateTime.now()), MINUTE);
        });
        onWillUnmount(() => clearInterval(timer));
    }

    get value() {
        return this.props.record.data[this.props.name];
    }

    get formattedValue() {
        return this.value ? formatDateTime(this.value) : "";
    }

    /** What is due, and when exactly: working hours make it a moment nobody can guess. */
    get tooltip() {
        const { kindField, record } = this.props;
        const kind = kindField && record.data[kindField];
        if (!kind || !this.value) {
            return this.formattedValue;
        }
        const labels = Object.fromEntries(record.fields[kindField].selection || []);
        return _t("%(kind)s: due %(moment)s", {
            kind: labels[kind] || kind,
            moment: this.formattedValue,
        });
    }

    get isOpen() {
        const { openField, record } = this.props;
        return !openField || Boolean(record.data[openField]);
    }

    get minutes() {
        return this.value.diff(this.clock.now, "minutes").minutes;
    }

    get isLate() {
        return this.minutes < 0;
    }

    get text() {
        if (!this.isOpen) {
            return this.formattedValue;
        }
        const time = this.formatMinutes(Math.abs(this.minutes));
        return this.isLate ? _t("overdue by %s", time) : _t("%s left", time);
    }

    get className() {
        if (!this.isOpen) {
            return "";
        }
        if (this.isLate) {
            return "text-danger fw-bold";
        }
        return this.isWarning ? "text-warning fw-bold" : "text-success";
    }

    get isWarning() {
        const { record, warningField, warnMinutes } = this.props;
        const warning = warningField && record.data[warningField];
        return warning ? warning <= this.clock.now : this.minutes < warnMinutes;
    }

    /** The two largest units at most, and days alone from three on. */
    formatMinutes(minutes) {
        const whole = Math.floor(minutes);
        const days = Math.floor(whole / 1440);
        const hours = Math.floor((whole % 1440) / 60);
        if (days > 2) {
            return _t("%s d", days);
        }
        if (days) {
            return hours ? _t("%(days)s d %(hours)s h", { days, hours }) : _t("%s d", days);
        }
        if (hours) {
            const rest = whole % 60;
            return rest && hours < 3
                ? _t("%(hours)s h %(minutes)s min", { hours, minutes: rest })
                : _t("%s h", hours);
        }
        return _t("%s min", whole);
    }
}

export const slaRemainingField = {
    component: SlaRemainingField,
    displayName: _t("Time Left"),
    supportedTypes: ["datetime"],
    supportedOptions: [
        {
            label: _t("Open field"),
            name: "open_field",
            type: "field",
            help: _t("Boolean field; without it all records run."),
            availableTypes: ["boolean"],
        },
        {
            label: _t("Kind field"),
            name: "kind_field",
            type: "field",
            help: _t("What is due, named in the tooltip."),
            availableTypes: ["selection"],
        },
        {
            label: _t("Warning field"),
            name: "warning_field",
            type: "field",
            help: _t("Moment from which on the time left is orange."),
            availableTypes: ["datetime"],
        },
        { label: _t("Warn before (minutes)"), name: "warn_minutes", type: "number" },
    ],
    listViewWidth: 150,
    extractProps: ({ options }) => ({
        kindField: options.kind_field,
        openField: options.open_field,
        warningField: options.warning_field,
        warnMinutes: options.warn_minutes,
    }),
    fieldDependencies: ({ options }) =>
        [
            { name: options.kind_field, type: "selection" },
            { name: options.open_field, type: "boolean" },
            { name: options.warning_field, type: "datetime" },
        ].filter(({ name }) => name),
};

registry.category("fields").add("sla_remaining", slaRemainingField);
