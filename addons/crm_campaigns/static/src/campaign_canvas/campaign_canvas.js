import { browser } from "@web/core/browser/browser";
import { Dropdown } from "@web/core/dropdown/dropdown";
import { DropdownItem } from "@web/core/dropdown/dropdown_item";
import { _t } from "@web/core/l10n/translation";
import { usePopover } from "@web/core/popover/popover_hook";
import { registry } from "@web/core/registry";
import { KeepLast } from "@web/core/utils/concurrency";
import { useBus, useOwnedDialogs, useService } from "@web/core/utils/hooks";
import { useSetupAction } from "@web/search/action_hook";
import { useRecordObserver } from "@web/model/relational_model/utils";
import { FormViewDialog } from "@web/views/view_dialogs/form_view_dialog";
import { formatInteger } from "@web/views/fields/formatters";
import { standardWidgetProps } from "@web/views/widgets/standard_widget_props";
import { Component, onMounted, onPatched, onWillUnmount, useRef, useState } from "@odoo/owl";
import { KindPicker, groupByFamily } from "./kind_picker";
import { useStepDrag } from "./step_drag";
import { StepPanel } from "./step_panel";
import { StepRemoveDialog } from "./step_remove_dialog";
import { START, drawOutline, drawTree, findNode, idsBelow, neighbour } from "./tree_layout";

const CAMPAIGN = "crm.campaign";
const STEP = "crm.campaign.step";
/** Counts of a running campaign: the scheduler comes by about once a minute. */
const REFRESH_SECONDS = 20;
/** Pixels; below it the tree is drawn as an outline. */
const NARROW = 620;
/** From so many pixels on the form of a step is beside the tree, else in a dialog. */
const WIDE = 900;
/** What is dragged is a step, by its number, or a kind that becomes one, by its code. */
const isKind = (item) => typeof item === "string";
const ZOOMS = [0.25, 0.33, 0.5, 0.67, 0.8, 1, 1.25, 1.5];

/**
 * The journey of a campaign, drawn as a tree on its form and changed there; that of one of
 * its versions is looked at.
 */
export class CampaignCanvas extends Component {
    static template = "crm_campaigns.CampaignCanvas";
    static components = { Dropdown, DropdownItem, StepPanel };
    static props = { ...standardWidgetProps };

    counts = [
        { name: "waiting", icon: "fa-clock-o", label: _t("waiting") },
        { name: "done", icon: "fa-check", label: _t("done") },
        { name: "skipped", icon: "fa-share", label: _t("skipped") },
        { name: "failed", icon: "fa-exclamation-triangle", label: _t("failed") },
    ];
    figureLabels = {
        sent: _t("sent"),
        delivered: _t("reached the phone"),
        opened: _t("opened by people"),
        clicked: _t("clicked by people"),
        replied: _t("answered"),
        bounced: _t("bounced"),
    };

    setup() {
        this.orm = useService("orm");
        this.action = useService("action");
        this.notification = useService("notification");
        this.addDialog = useOwnedDialogs();
        this.root = useRef("root");
        this.viewport = useRef("viewport");
        this.picker = usePopover(KindPicker, {
            position: "bottom",
            popoverClass: "o_crm_campaign_picker",
        });
        this.state = useState({
            canvas: null,
            selected: START,
            // what looks for a place: a step, or the code of a kind
            moving: null,
            hasPalette: true,
            // null: as much as fits
            zoom: null,
            width: 0,
            // of all of it, whatever stands beside the tree
            isRoomy: false,
            isFull: false,
            // the form beside the tree: what `StepPanel` needs, and a number
            panel: null,
        });
        this.drag = useStepDrag({
            getPlaces: () => this.places(this.drag.state.item ?? START),
            getScrollers: () => [
                this.viewport.el,
                this.root.el.closest(".o_content, .modal-body") || this.root.el,
            ],
            onDrop: (item, place) => this.drop(item, place),
        });
        this.keepLast = new KeepLast();
        // the drawing is of this state of the form
        this.drawn = { of: null };
        // what is opened or focused as soon as it is drawn
        this.awaited = { place: null, id: null };
        useRecordObserver((record) => {
            const shown = this.identify(record);
            if (shown !== this.drawn.of) {
                this.drawn.of = shown;
                return this.load();
            }
        });
        // outside the drawing, by a click on what is wrong with it
        useBus(this.env.bus, "CRM_CAMPAIGNS:STEP_MENDED", async () => {
            await this.load();
            this.panel.reload?.();
        });
        // `leave` and `reload` of the form beside the tree
        this.panel = {};
        this.panelNumber = 0;
        // that form is a part of this one: it is saved with it, and before one leaves
        const { bus } = this.props.record.model;
        useBus(bus, "NEED_LOCAL_CHANGES", ({ detail }) => {
            detail.proms.push(this.leavePanel());
        });
        useSetupAction({
            beforeLeave: ({ forceLeave } = {}) => forceLeave || this.leavePanel(),
        });
        onMounted(() => {
            this.observer = new ResizeObserver(() => this.measure());
            this.observer.observe(this.viewport.el);
            this.observer.observe(this.root.el);
            this.measure();
            this.timer = browser.setInterval(() => this.refresh(), REFRESH_SECONDS * 1000);
        });
        onPatched(() => this.settle());
        onWillUnmount(() => {
            this.observer.disconnect();
            browser.clearInterval(this.timer);
        });
    }

    // ------------------------------------------------------------
    // What is shown
    // ------------------------------------------------------------

    /** What of the form, once saved, changes the drawing. */
    identify({ resId, data }) {
        const { state, step_ids: steps } = data;
        return JSON.stringify([resId, state, steps?.currentIds]);
    }

    async load(orm = this.orm) {
        // a campaign, or one of its versions
        const { resId, resModel } = this.props.record;
        if (!resId) {
            this.state.canvas = null;
            return;
        }
        const canvas = await this.keepLast.add(orm.call(resModel, "get_canvas", [resId]));
        this.followPanel(this.state.canvas, canvas);
        this.state.canvas = canvas;
        if (!canvas.steps.some(({ id }) => id === this.state.selected)) {
            this.state.selected = START;
        }
        if (!canvas.can_edit) {
            this.state.moving = null;
        }
    }

    /** People move on while one looks at it. */
    async refresh() {
        const isWatched = !document.hidden && !this.drag.state.item && !this.picker.isOpen;
        if (this.state.canvas?.state === "running" && isWatched) {
            // a round that fails is made up for by the next one
            await this.load(this.orm.silent).catch(() => {});
        }
    }

    measure() {
        const width = this.viewport.el?.clientWidth || 0;
        if (width && width !== this.state.width) {
            this.state.width = width;
        }
        this.state.isRoomy = this.root.el.clientWidth >= WIDE;
    }

    get isCampaign() {
        return this.props.record.resModel === CAMPAIGN;
    }

    get canEdit() {
        return this.state.canvas ? this.state.canvas.can_edit : !this.props.readonly;
    }

    get isOutline() {
        const { width } = this.state;
        return !this.state.panel && width > 0 && width < NARROW;
    }

    get drawing() {
        const { canvas, width } = this.state;
        return this.isOutline ? drawOutline(canvas.steps, width - 16) : drawTree(canvas.steps);
    }

    get fittingZoom() {
        const { width } = this.drawing;
        return Math.max(ZOOMS[0], Math.min(1, (this.state.width - 16) / (width || 1)));
    }

    get zoom() {
        if (this.isOutline || !this.state.width) {
            return 1;
        }
        // smaller would not be readable: then it is scrolled
        return this.state.zoom ?? Math.max(0.6, this.fittingZoom);
    }

    get percent() {
        return _t("%s%", Math.round(this.zoom * 100));
    }

    get hasPeople() {
        return this.state.canvas.state !== "draft";
    }

    get hint() {
        const { canvas, moving } = this.state;
        if (moving) {
            return _t("Choose a + where “%s” goes, or press Escape.", this.nameOf(moving));
        }
        if (canvas.hint) {
            return canvas.hint;
        }
        if (canvas.can_edit) {
            return canvas.steps.length
                ? ""
                : _t("Add what happens first: a mail, then perhaps a wait for a click.");
        }
        return canvas.can_write
            ? _t(
                  "Stop the campaign to change its steps, or choose “Edit” to draw its next version.",
              )
            : "";
    }

    getStep(id) {
        return this.state.canvas.steps.find((step) => step.id === id);
    }

    /** Of a step, or of a kind that becomes one. */
    nameOf(item) {
        return isKind(item) ? this.getKind({ kind: item }).label : this.getStep(item).name;
    }

    getKind(step) {
        return (
            this.state.canvas.kinds.find(({ kind }) => kind === step.kind) || {
                icon: "fa-question-circle",
                label: step.kind,
            }
        );
    }

    countsOf(step) {
        return this.counts
            .map((count) => ({ ...count, value: step[count.name] }))
            .filter(({ value }) => value)
            .map((count) => ({ ...count, text: formatInteger(count.value) }));
    }

    get startText() {
        const { canvas } = this.state;
        if (!this.hasPeople) {
            return _t("Nobody has entered yet");
        }
        const { running, done, exited } = canvas.start;
        return _t("%(running)s on their way, %(done)s at the end, %(exited)s left early", {
            running: formatInteger(running),
            done: formatInteger(done),
            exited: formatInteger(exited),
        });
    }

    /** What its icons mean: those that are drawn. */
    get legend() {
        const icons = {};
        for (const step of this.state.canvas.steps) {
            for (const { name, icon } of step.figures || []) {
                icons[name] = icon;
            }
        }
        const figures = Object.entries(this.figureLabels).filter(([name]) => icons[name]);
        return [
            ...this.counts,
            ...figures.map(([name, label]) => ({ name, icon: icons[name], label })),
        ];
    }

    countTitle({ text, label }) {
        return _t("%(count)s %(what)s: show who", { count: text, what: label });
    }

    figureTitle({ title, few }) {
        return few ? _t("%s: too few to say much", title) : title;
    }

    /** What a screen reader tells of a node. */
    nodeLabel(step) {
        const counts = this.countsOf(step).map(({ text, label }) => `${text} ${label}`);
        const figures = (step.figures || []).map((figure) => this.figureTitle(figure));
        return [
            this.getKind(step).label,
            step.name,
            step.text,
            ...counts,
            ...figures,
            ...step.problems,
        ]
            .filter(Boolean)
            .join(", ");
    }

    wayTitle(way) {
        const after = way.nodeId ? this.getStep(way.nodeId).name : "";
        if (this.state.moving && !isKind(this.state.moving)) {
            return after ? _t("Put it here, after “%s”", after) : _t("Put it first");
        }
        if (!after) {
            return _t("Add a first step");
        }
        return way.label
            ? _t("Add a step after “%(step)s”: %(way)s", { step: after, way: way.label })
            : _t("Add a step after “%s”", after);
    }

    /** Whether a way takes what looks for a place: a step not below itself. */
    takes(way, id) {
        return isKind(id) || !idsBelow(findNode(this.drawing.root, id)).includes(way.nodeId);
    }

    isTarget(way) {
        const id = this.state.moving || this.drag.state.item;
        return Boolean(id) && !way.isLost && this.takes(way, id);
    }

    places(id) {
        return [...this.root.el.querySelectorAll("[data-place]")].filter((element) => {
            const way = this.getWay(element.dataset.place);
            return way && !way.isLost && this.takes(way, id);
        });
    }

    getWay(place) {
        return this.drawing.ways.find(({ id }) => id === place);
    }

    nodeClass({ id, step }) {
        const { selected, moving } = this.state;
        return {
            o_with_figures: Boolean(step?.figures?.length),
            o_selected: id === selected,
            o_moving: id === (moving || this.drag.state.item),
        };
    }

    // ------------------------------------------------------------
    // Zoom
    // ------------------------------------------------------------

    zoomBy(by) {
        const { zoom } = this;
        const next =
            by > 0 ? ZOOMS.find((z) => z > zoom + 0.01) : ZOOMS.findLast((z) => z < zoom - 0.01);
        this.state.zoom = next || zoom;
    }

    fit() {
        this.state.zoom = this.fittingZoom;
    }

    toggleFull() {
        this.state.isFull = !this.state.isFull;
        this.state.zoom = null;
    }

    // ------------------------------------------------------------
    // Changes
    // ------------------------------------------------------------

    /** What was typed into the form is saved before the server changes the campaign. */
    async save() {
        const { record } = this.props;
        return record.isNew || (await record.isDirty()) ? record.save() : true;
    }

    async change(method, args) {
        if (!(await this.save())) {
            return;
        }
        try {
            await this.orm.call(CAMPAIGN, method, [this.props.record.resId, ...args]);
        } finally {
            // also when someone else was faster
            await this.reload();
        }
    }

    async reload() {
        const { record } = this.props;
        if (!record.dirty) {
            await record.load();
        }
        this.env.bus.trigger("CRM_CAMPAIGNS:STEPS_CHANGED");
        this.drawn.of = this.identify(this.props.record);
        await this.load();
    }

    async addFirst() {
        if (await this.save()) {
            this.awaited.place = `${START}:next`;
            await this.load();
        }
    }

    openPicker(place) {
        const way = this.getWay(place);
        this.picker.open(this.root.el.querySelector(`[data-place="${place}"]`), {
            kinds: this.state.canvas.kinds,
            title: this.wayTitle(way),
            onPick: (kind) => this.add(way, kind),
        });
    }

    async add(way, kind) {
        if (!(await this.save())) {
            return;
        }
        const values = {
            campaign_id: this.props.record.resId,
            parent_id: way.nodeId || false,
            kind: kind.kind,
            name: kind.name,
            ...way.values,
        };
        const defaults = Object.entries(values).map(([name, value]) => [`default_${name}`, value]);
        this.openForm({
            title: kind.label,
            context: { ...Object.fromEntries(defaults), crm_campaigns_insert: true },
        });
    }

    open(id) {
        const step = this.getStep(id);
        this.openForm({ title: step.name, resId: id, preventEdit: !this.state.canvas.can_write });
    }

    async openForm(props) {
        if (!(await this.leavePanel())) {
            return;
        }
        if (!this.hasRoom) {
            this.addDialog(FormViewDialog, {
                resModel: STEP,
                canExpand: false,
                onRecordSaved: async (record) => {
                    await this.reload();
                    this.select(record.resId);
                },
                ...props,
            });
            return;
        }
        const { title, resId, context, preventEdit } = props;
        this.panel = {};
        this.panelNumber += 1;
        this.state.panel = {
            number: this.panelNumber,
            // of a new one: as soon as it is saved
            id: resId || false,
            props: { title, resId, context, isReadonly: preventEdit, resModel: STEP },
        };
    }

    // ------------------------------------------------------------
    // The form beside the tree
    // ------------------------------------------------------------

    get hasRoom() {
        return !this.env.inDialog && this.root.el.clientWidth >= WIDE;
    }

    /** @returns {Promise<boolean>} whether what was typed there is saved */
    async leavePanel() {
        return this.state.panel && this.panel.leave ? this.panel.leave() : true;
    }

    async closePanel({ isDiscarded }) {
        if (!isDiscarded && !(await this.leavePanel())) {
            return;
        }
        const { id } = this.state.panel;
        this.dropPanel();
        this.select(id || this.state.selected);
    }

    dropPanel() {
        this.panel = {};
        this.state.panel = null;
    }

    async onStepSaved(id) {
        if (this.state.panel) {
            this.state.panel.id = id;
        }
        this.state.selected = id;
        await this.reload();
    }

    /** It goes with its step, and shows what may be changed now. */
    followPanel(before, { steps, can_edit, state }) {
        const { panel } = this.state;
        if (!panel) {
            return;
        }
        if (panel.id ? !steps.some(({ id }) => id === panel.id) : !can_edit) {
            this.dropPanel();
        } else if (before && (before.can_edit !== can_edit || before.state !== state)) {
            this.panel.reload?.();
        }
    }

    // ------------------------------------------------------------
    // The tree
    // ------------------------------------------------------------

    async drop(item, place) {
        await (isKind(item) ? this.addKind(item, place) : this.move(item, place));
    }

    async addKind(kind, place) {
        const way = this.getWay(place);
        this.state.moving = null;
        if (way && !way.isLost) {
            await this.add(way, this.getKind({ kind }));
        }
    }

    async move(id, place) {
        const way = this.getWay(place);
        this.state.moving = null;
        if (way && this.takes(way, id)) {
            await this.change("canvas_move", [id, way.nodeId || false, way.key]);
            this.select(id);
        }
    }

    startMoving(id) {
        this.state.moving = id;
    }

    remove(id) {
        const node = findNode(this.drawing.root, id);
        this.addDialog(StepRemoveDialog, {
            node,
            onRemove: async (keep) => {
                await this.change("canvas_remove", [id, keep]);
                this.select(node.parent.id);
            },
        });
    }

    /** What a button of the step's own form does, e.g. open its mail. */
    async run(method, id, ...args) {
        if (await this.save()) {
            // on the drawing of a version: those of that version
            const context = { crm_campaigns_one_version: !this.isCampaign };
            const action = await this.orm.call(STEP, method, [id, ...args], { context });
            this.action.doAction(action);
        }
    }

    // ------------------------------------------------------------
    // Mouse and keys
    // ------------------------------------------------------------

    select(id) {
        this.state.selected = id;
        this.awaited.id = id;
        this.settle();
    }

    settle() {
        const { place, id } = this.awaited;
        if (place && this.root.el?.querySelector(`[data-place="${place}"]`)) {
            this.awaited.place = null;
            this.openPicker(place);
        }
        const node = this.root.el?.querySelector(`[data-id="${id}"]`);
        if (node) {
            this.awaited.id = null;
            node.focus();
        }
    }

    onNodeClick(id) {
        this.state.selected = id;
        if (this.state.moving) {
            return;
        }
        if (id) {
            this.open(id);
        } else {
            this.openSettings();
        }
    }

    /** Who enters, again and until when, is a page of the form. */
    async openSettings() {
        if (!(await this.leavePanel())) {
            return;
        }
        const form = this.root.el.closest(".o_form_view");
        this.state.isFull = false;
        form?.querySelector(".o_notebook a[name=settings]")?.click();
    }

    onNodeFocus(id) {
        this.state.selected = id;
    }

    /** Beside the tree, as long as there is room and nothing else is there. */
    get palette() {
        const { hasPalette, isRoomy, panel } = this.state;
        return hasPalette && isRoomy && this.canEdit && !panel && !this.env.inDialog
            ? groupByFamily(this.state.canvas.kinds)
            : null;
    }

    togglePalette() {
        this.state.hasPalette = !this.state.hasPalette;
    }

    onKindPress(ev, kind) {
        this.drag.press(ev, kind);
    }

    /** Without dragging: the next + takes it. */
    onKindClick(kind) {
        this.state.moving = this.state.moving === kind ? null : kind;
    }

    onNodePress(ev, id) {
        if (id && this.canEdit && !ev.target.closest("button")) {
            this.drag.press(ev, id);
        }
    }

    onWayClick(way) {
        if (this.state.moving) {
            this.drop(this.state.moving, way.id);
        } else {
            this.openPicker(way.id);
        }
    }

    /** The way on which a key adds a step: the first that leads nowhere yet. */
    freeWay(id) {
        const ways = this.drawing.ways.filter((way) => way.nodeId === id);
        ways.sort((a, b) => a.x - b.x);
        return ways.find(({ isEnd }) => isEnd) || ways[0];
    }

    onKeydown(ev) {
        if (ev.key === "Escape" && (this.state.moving || this.state.isFull)) {
            this.state.isFull = this.state.isFull && Boolean(this.state.moving);
            this.state.moving = null;
            ev.preventDefault();
            ev.stopPropagation();
        }
        // keys of the buttons within are theirs
        if (!ev.target.matches("[role=treeitem]") || ev.ctrlKey || ev.metaKey || ev.altKey) {
            return;
        }
        const id = Number(ev.target.dataset.id);
        const act = this.getKeyAction(ev.key, id);
        if (act) {
            ev.preventDefault();
            ev.stopPropagation();
            act();
        }
    }

    getKeyAction(key, id) {
        if (key.startsWith("Arrow")) {
            return () => this.select(neighbour(this.drawing, id, key, this.isOutline));
        }
        if (key === "Home") {
            return () => this.select(START);
        }
        if ([" ", "Enter"].includes(key)) {
            return () => this.onNodeClick(id);
        }
        if (!this.canEdit) {
            return null;
        }
        if (["+", "Insert"].includes(key)) {
            const way = this.freeWay(id);
            return way && (() => this.onWayClick(way));
        }
        if (id && ["Delete", "Backspace"].includes(key)) {
            return () => this.remove(id);
        }
        return id && key.toLowerCase() === "m" ? () => this.startMoving(id) : null;
    }
}

export const campaignCanvas = { component: CampaignCanvas };

registry.category("view_widgets").add("crm_campaign_canvas", campaignCanvas);
