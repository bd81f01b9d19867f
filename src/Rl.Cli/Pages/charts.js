// The charts of runs on a page: one legend and one range of steps for all of them. Used by the page of rl report and by
// rl dashboard.
const RlCharts = (() => {
  const { element } = RlScales;

  // What the charts of a page share.
  class Page {
    constructor(root) {
      this.root = root;
      this.hidden = new Set();
      this.view = null;
      this.isLog = false;
      this.showsRaw = true;
      this.charts = new Map();
      this.legend = element("div", { class: "legend", role: "group", "aria-label": "groups of runs" });
      this.tools = element("div", { class: "tools", role: "group", "aria-label": "view" });
      this.body = element("div");
      root.replaceChildren(element("div", { class: "bar" }, this.legend, this.tools), this.body);
      this.button("−", "zoom out", () => this.zoomBy(2));
      this.button("+", "zoom in", () => this.zoomBy(0.5));
      this.reset = this.button("all", "show all steps", () => this.zoom(null));
      this.toggle("log", "logarithmic where all numbers are positive", () => this.isLog = !this.isLog, false);
      this.toggle("raw", "numbers as they were, behind their means", () => this.showsRaw = !this.showsRaw, true);
      new ResizeObserver(() => this.draw()).observe(this.body);
    }

    button(text, title, act) {
      const made = element("button", { type: "button", title, "aria-label": title }, text);
      made.addEventListener("click", act);
      this.tools.append(made);
      return made;
    }

    toggle(text, title, act, isOn) {
      const made = this.button(text, title, () => {
        act();
        made.setAttribute("aria-pressed", String(made.getAttribute("aria-pressed") !== "true"));
        this.draw();
      });
      made.setAttribute("aria-pressed", String(isOn));
    }

    // New or further numbers; what is zoomed into and hidden stays.
    update(data) {
      this.data = data;
      this.drawLegend();
      const keys = new Set();
      const sections = data.sections.map(section => {
        const grid = element("div", { class: "charts" });
        for (const chart of section.charts) {
          if (chart.series.length === 0) continue;
          const key = `${section.title}\n${chart.key}`;
          keys.add(key);
          if (!this.charts.has(key)) this.charts.set(key, new RlChart(this));
          const drawn = this.charts.get(key);
          drawn.data = chart;
          grid.append(drawn.figure);
        }
        const isEmpty = grid.childElementCount === 0;
        const heading = data.sections.length > 1 ? [element("h3", {}, section.title)] : [];
        return element("div", {}, ...heading, isEmpty ? element("p", { class: "note" }, "No update yet.") : grid);
      });
      for (const key of this.charts.keys()) if (!keys.has(key)) this.charts.delete(key);
      const focused = document.activeElement;
      this.body.replaceChildren(...sections);
      if (focused && this.body.contains(focused)) focused.focus({ preventScroll: true });
      this.draw();
    }

    drawLegend() {
      this.legend.replaceChildren(...this.data.groups.map((group, index) => {
        const text = group.runs > 1 ? `${group.label} (${group.runs} seeds)` : group.label;
        const made = element("button",
          { type: "button", title: text, "aria-pressed": String(!this.hidden.has(group.label)) },
          element("span", { class: `key c${index % 10}`, "aria-hidden": "true" }), text);
        made.addEventListener("click", () => {
          if (!this.hidden.delete(group.label)) this.hidden.add(group.label);
          made.setAttribute("aria-pressed", String(!this.hidden.has(group.label)));
          this.draw();
        });
        return made;
      }));
    }

    isShown(series) {
      return !this.hidden.has(this.data.groups[series.group].label);
    }

    // All steps that there are.
    extent() {
      let [low, high] = [0, 0];
      for (const section of this.data?.sections ?? [])
        for (const chart of section.charts)
          for (const series of chart.series)
            for (const run of series.runs) high = Math.max(high, run.x[run.x.length - 1] ?? 0);
      return [low, high > low ? high : low + 1];
    }

    range() {
      return this.view ?? this.extent();
    }

    zoom(view) {
      const [low, high] = this.extent();
      if (view) {
        const width = Math.min(high - low, Math.max(view[1] - view[0], (high - low) / 1e4));
        const first = Math.min(Math.max(view[0], low), high - width);
        this.view = width >= (high - low) * 0.999 ? null : [first, first + width];
      } else {
        this.view = null;
      }
      this.draw();
    }

    zoomBy(factor) {
      const [low, high] = this.range();
      const [middle, half] = [(low + high) / 2, (high - low) * factor / 2];
      this.zoom([middle - half, middle + half]);
    }

    draw() {
      if (!this.data) return;
      this.reset.disabled = this.view === null;
      for (const chart of this.charts.values()) chart.draw();
    }

    hover(x, over) {
      for (const chart of this.charts.values()) chart.hover(x, chart === over);
    }
  }

  return { create: root => new Page(root) };
})();
