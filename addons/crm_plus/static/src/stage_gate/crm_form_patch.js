import "@crm/views/crm_form/crm_form";
import { patch } from "@web/core/utils/patch";
import { registry } from "@web/core/registry";

/**
 * A lead that a gate does not let pass goes back to its stage on the form, as its card does
 * on the kanban; what else was typed stays. The record of the CRM form has no hook for it.
 */
patch(registry.category("views").get("crm_form").Model.Record.prototype, {
    update(changes) {
        if ("stage_id" in changes) {
            this.isOnlyMoved = !this.dirty;
        }
        return super.update(...arguments);
    },

    async _save() {
        try {
            return await super._save(...arguments);
        } catch (error) {
            if (this.resModel === "crm.lead" && this.resId && "stage_id" in this._changes) {
                if (this.isOnlyMoved) {
                    this._discard();
                } else {
                    await this._update({ stage_id: this._values.stage_id });
                    // or the next save would move it back from where it went meanwhile
                    delete this._changes.stage_id;
                }
            }
            throw error;
        }
    },
});
