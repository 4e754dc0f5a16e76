import { Component } from "@odoo/owl";
import { _t } from "@web/core/l10n/translation";
import { registry } from "@web/core/registry";
import { standardFieldProps } from "@web/views/fields/standard_field_props";

/**
 * One of the links of a message. They are in another field of the record, `mail_links`
 * unless the option `links` names it: `[[url, text]]`.
 */
export class LinkChoiceField extends Component {
    static template = "crm_campaigns.LinkChoiceField";
    static props = {
        ...standardFieldProps,
        linksField: { type: String, optional: true },
        placeholder: { type: String, optional: true },
    };
    static defaultProps = { linksField: "mail_links", placeholder: "" };

    get value() {
        return this.props.record.data[this.props.name] || "";
    }

    /** The links to choose from; what was chosen before is there also when its mail has changed. */
    get links() {
        const links = (this.props.record.data[this.props.linksField] || []).map(([url, text]) => ({
            url,
            label: text ? `${text} (${url})` : url,
        }));
        if (this.value && !links.some((link) => link.url === this.value)) {
            links.push({ url: this.value, label: _t("%s (not in the message)", this.value) });
        }
        return links;
    }

    get label() {
        return this.links.find((link) => link.url === this.value)?.label || this.props.placeholder;
    }

    onChange(ev) {
        this.props.record.update({ [this.props.name]: ev.target.value || false });
    }
}

export const linkChoiceField = {
    component: LinkChoiceField,
    displayName: _t("Link of a message"),
    supportedTypes: ["char"],
    supportedOptions: [{ name: "links", label: _t("Field with the links"), type: "string" }],
    extractProps: ({ options, placeholder }) => ({
        linksField: options.links,
        placeholder,
    }),
};

registry.category("fields").add("crm_campaign_link_choice", linkChoiceField);
