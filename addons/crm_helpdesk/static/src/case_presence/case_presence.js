import { registry } from "@web/core/registry";
import { useService } from "@web/core/utils/hooks";
import { standardWidgetProps } from "@web/views/widgets/standard_widget_props";
import {
    Component,
    onWillDestroy,
    onWillStart,
    onWillUpdateProps,
    useExternalListener,
    useState,
} from "@odoo/owl";

// the server forgets who has not called for 75 seconds, and who typed 12 seconds ago
const PING = 30000;
const TYPING = 5000;

/** Which colleagues have the same case on the screen, and who of them is writing. */
export class CasePresence extends Component {
    static template = "crm_helpdesk.CasePresence";
    static props = { ...standardWidgetProps };

    setup() {
        this.orm = useService("orm");
        this.bus = useService("bus_service");
        this.state = useState({ people: [] });
        this.typedAt = 0;
        this.onNotification = (payload) => {
            if (payload.case_id === this.resId) {
                this.show(payload.people);
            }
        };
        this.bus.subscribe("crm_helpdesk.presence", this.onNotification);
        this.bus.start();
        onWillStart(() => {
            this.resId = this.props.record.resId;
            // not awaited: the form does not wait for it
            this.ping("viewing");
        });
        onWillUpdateProps((props) => {
            if (props.record.resId !== this.resId) {
                this.ping("left");
                this.resId = props.record.resId;
                this.state.people = [];
                this.ping("viewing");
            }
        });
        this.interval = setInterval(() => {
            if (!document.hidden) {
                this.ping("viewing");
            }
        }, PING);
        onWillDestroy(() => {
            clearInterval(this.interval);
            clearTimeout(this.fading);
            this.bus.unsubscribe("crm_helpdesk.presence", this.onNotification);
            this.ping("left");
        });
        useExternalListener(document, "input", this.onInput, { capture: true });
        useExternalListener(window, "beforeunload", () => this.ping("left"));
    }

    onInput(ev) {
        const isAnswer = ev.target.closest?.(
            ".o-mail-Composer, .o_mail_composer_form_view, .o_crm_helpdesk_draft",
        );
        if (isAnswer && Date.now() - this.typedAt > TYPING) {
            this.typedAt = Date.now();
            this.ping("typing");
        }
    }

    async ping(state) {
        const resId = this.resId;
        if (!resId) {
            return;
        }
        try {
            const people = await this.orm.silent.call("crm.case", "presence_ping", [
                [resId],
                state,
            ]);
            if (resId === this.resId && state !== "left") {
                this.show(people);
            }
        } catch {
            // whether somebody else looks is no reason to disturb who works
        }
    }

    show(people) {
        this.state.people = people;
        clearTimeout(this.fading);
        if (people.some((person) => person.is_typing)) {
            this.fading = setTimeout(() => {
                for (const person of this.state.people) {
                    person.is_typing = false;
                }
            }, 12000);
        }
    }
}

export const casePresence = { component: CasePresence };

registry.category("view_widgets").add("case_presence", casePresence);
