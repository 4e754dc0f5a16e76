import { _t } from "@web/core/l10n/translation";
import { Domain } from "@web/core/domain";
import { registry } from "@web/core/registry";
import { useService } from "@web/core/utils/hooks";
import { standardFieldProps } from "@web/views/fields/standard_field_props";
import { Component, onWillStart, onWillUpdateProps, useState } from "@odoo/owl";

/** A domain told in words, for lists, where a reader wants the rule and not its syntax. */
export class DomainWordsField extends Component {
    static template = "crm_plus.DomainWordsField";
    static props = { ...standardFieldProps, resModel: { type: String, optional: true } };

    setup() {
        this.treeProcessor = useService("tree_processor");
        this.state = useState({ words: "" });
        onWillStart(() => this.tell(this.props));
        onWillUpdateProps((nextProps) => this.tell(nextProps));
    }

    /** @returns {string} the model itself, or what the field of that name holds */
    getResModel(props) {
        const { record, resModel } = props;
        return record.fieldNames.includes(resModel) ? record.data[resModel] : resModel;
    }

    async tell(props) {
        const domain = props.record.data[props.name] || "[]";
        const resModel = this.getResModel(props);
        try {
            if (!resModel || !new Domain(domain).toList({}).length) {
                this.state.words = resModel ? _t("all records") : domain;
                return;
            }
            const tree = await this.treeProcessor.treeFromDomain(resModel, domain, true);
            this.state.words = await this.treeProcessor.getDomainTreeDescription(resModel, tree);
        } catch {
            // a field that is gone, an expression: better its syntax than nothing
            this.state.words = domain;
        }
    }
}

export const domainWordsField = {
    component: DomainWordsField,
    displayName: _t("Domain in words"),
    supportedOptions: [{ label: _t("Model"), name: "model", type: "string" }],
    supportedTypes: ["char"],
    isEmpty: () => false,
    extractProps: ({ options }) => ({ resModel: options.model }),
};

registry.category("fields").add("domain_words", domainWordsField);
