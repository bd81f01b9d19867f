// A chart as SVG: hover for values, drag or pinch to zoom. Texts enter as text nodes alone.
const RlChart = (() => {
  const { element, isNumber, whole, shown, shownTicks, ticks, logTicks, nearest, usual } = RlScales;
  const height = 260;
  const margin = { left: 58, right: 14, top: 10, bottom: 34 };
  const smallestDrag = 6;

  class Chart {
    constructor(page) {
      this.page = page;
      this.pointers = new Map();
      this.title = element("span", { class: "title" });
      this.note = element("span", { class: "note" });
      this.svg = element("svg:svg", { role: "img", tabindex: "0", height });
      this.tip = element("div", { class: "tip", role: "status" });
      this.tip.hidden = true;
      this.figure = element("figure", { class: "chart" },
        element("figcaption", {}, this.title, " ", this.note), this.svg, this.tip);
      this.clip = `clip-${Math.random().toString(36).slice(2)}`;
      const on = (name, act) => this.svg.addEventListener(name, act);
      on("pointerdown", event => this.down(event));
      on("pointermove", event => this.move(event));
      on("pointerup", event => this.up(event));
      on("pointercancel", event => this.up(event));
      // A finger that is lifted leaves what it found to be read, until it touches elsewhere.
      on("pointerleave", event => { if (event.pointerType === "mouse") page.hover(null); });
      on("dblclick", () => page.zoom(null));
      on("keydown", event => this.key(event));
      on("blur", () => page.hover(null));
    }

    shownSeries() {
      return this.data.series.filter(series => this.page.isShown(series));
    }

    // The range of numbers within the steps that are shown.
    values(low, high) {
      const found = [];
      const within = (xs, ys) => ys.filter((y, index) => isNumber(y) && xs[index] >= low && xs[index] <= high);
      for (const series of this.shownSeries()) {
        for (const run of series.runs) {
          found.push(...within(run.x, run.y));
          if (run.raw && this.page.showsRaw) found.push(...usual(within(run.x, run.raw)));
        }
        if (series.band) {
          const { x, y, error } = series.band;
          found.push(...within(x, y.map((mean, index) => mean - error[index])));
          found.push(...within(x, y.map((mean, index) => mean + error[index])));
        }
      }
      for (const score of this.shownEvaluations()) if (score.x >= low && score.x <= high) found.push(score.y);
      if (isNumber(this.data.threshold)) found.push(this.data.threshold);
      return found;
    }

    shownEvaluations() {
      return (this.data.evaluations ?? []).filter(score => this.page.isShown(score));
    }

    draw() {
      const width = Math.max(200, this.figure.clientWidth || 480);
      const [low, high] = this.page.range();
      const values = this.values(low, high);
      let bottom = values.reduce((a, b) => Math.min(a, b), Infinity);
      let top = values.reduce((a, b) => Math.max(a, b), -Infinity);
      if (!(top >= bottom)) [bottom, top] = [0, 1];
      const isLog = this.page.isLog && bottom > 0;
      if (isLog) {
        const room = (top / bottom) ** 0.05;
        [bottom, top] = [bottom / Math.max(room, 1.02), top * Math.max(room, 1.02)];
      } else {
        const room = top > bottom ? (top - bottom) * 0.05 : Math.max(Math.abs(top) * 0.05, 1e-9);
        [bottom, top] = [bottom - room, top + room];
      }
      const [inner, tall] = [width - margin.left - margin.right, height - margin.top - margin.bottom];
      this.toX = x => margin.left + (x - low) / (high - low) * inner;
      this.fromX = place => low + (place - margin.left) / inner * (high - low);
      const share = y => isLog ? Math.log(Math.max(y, bottom / 1e3) / bottom) / Math.log(top / bottom)
        : (y - bottom) / (top - bottom);
      this.toY = y => margin.top + (1 - share(y)) * tall;
      this.width = width;
      this.title.textContent = this.data.title;
      this.note.textContent = this.data.note;
      this.svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
      this.svg.setAttribute("aria-label", this.description());
      this.cross = element("svg:line", { class: "cross", y1: margin.top, y2: height - margin.bottom });
      this.cross.setAttribute("visibility", "hidden");
      this.marks = element("svg:g");
      this.selection = element("svg:rect", { class: "selection", y: margin.top, height: tall, width: 0 });
      const clip = element("svg:clipPath", { id: this.clip },
        element("svg:rect", { x: margin.left - 5, y: margin.top - 5, width: inner + 10, height: tall + 10 }));
      const plot = element("svg:g", { "clip-path": `url(#${this.clip})` });
      for (const series of this.shownSeries()) this.drawSeries(plot, series);
      if (isNumber(this.data.threshold)) this.drawThreshold(plot, this.data.threshold);
      for (const score of this.shownEvaluations()) this.drawEvaluation(plot, score);
      this.svg.replaceChildren(
        clip, this.axes(low, high, isLog ? logTicks(bottom, top) : ticks(bottom, top, 5), inner),
        plot, this.selection, this.cross, this.marks);
    }

    axes(low, high, levels, inner) {
      const group = element("svg:g", { class: "axes" });
      const end = height - margin.bottom;
      const names = shownTicks(levels);
      for (const [place, level] of levels.entries()) {
        const y = this.toY(level);
        group.append(
          element("svg:line", { class: "grid", x1: margin.left, x2: margin.left + inner, y1: y, y2: y }),
          element("svg:text", { x: margin.left - 6, y: y + 4, "text-anchor": "end" }, names[place]));
      }
      const steps = ticks(low, high, Math.max(2, inner / 90));
      const stepNames = shownTicks(steps);
      for (const [place, step] of steps.entries()) {
        const x = this.toX(step);
        group.append(
          element("svg:line", { class: "tick", x1: x, x2: x, y1: end, y2: end + 4 }),
          element("svg:text", { x, y: end + 17, "text-anchor": "middle" }, stepNames[place]));
      }
      group.append(
        element("svg:line", { class: "axis", x1: margin.left, x2: margin.left + inner, y1: end, y2: end }),
        element("svg:text", { class: "unit", x: margin.left + inner, y: height - 3, "text-anchor": "end" }, "steps"));
      return group;
    }

    path(xs, ys) {
      let [text, isDown] = ["", false];
      for (let index = 0; index < xs.length; index++) {
        if (isNumber(ys[index])) {
          text += `${isDown ? "L" : "M"}${this.toX(xs[index]).toFixed(1)} ${this.toY(ys[index]).toFixed(1)}`;
          isDown = true;
        } else {
          isDown = false;
        }
      }
      return text;
    }

    // The places of numbers without a neighbour, of which a line draws nothing.
    alone(ys) {
      return [...ys.keys()].filter(
        index => isNumber(ys[index]) && !isNumber(ys[index - 1]) && !isNumber(ys[index + 1]));
    }

    drawSeries(plot, series) {
      const colour = `c${series.group % 10}`;
      const dashes = ["", "6 3", "2 3"][Math.floor(series.group / 10) % 3];
      const line = (kind, xs, ys) => plot.append(
        element("svg:path", {
          class: `${kind} ${colour}`, d: this.path(xs, ys), ...(dashes ? { "stroke-dasharray": dashes } : {}),
        }),
        ...this.alone(ys).map(index => element("svg:circle", {
          class: `point of-${kind} ${colour}`, r: kind === "mean" ? 3.5 : 2.5,
          cx: this.toX(xs[index]), cy: this.toY(ys[index]),
        })));
      if (series.band) {
        const { x, y, error } = series.band;
        const upper = this.path(x, y.map((mean, index) => mean + error[index]));
        const lower = this.path([...x].reverse(), y.map((mean, index) => mean - error[index]).reverse());
        plot.append(element("svg:path", { class: `band ${colour}`, d: `${upper}${lower.replace(/^M/, "L")}Z` }));
      }
      for (const run of series.runs) {
        if (run.raw && this.page.showsRaw) line("raw", run.x, run.raw);
        line(series.band ? "seed" : "mean", run.x, run.y);
      }
      if (series.band) line("mean", series.band.x, series.band.y);
    }

    drawThreshold(plot, threshold) {
      const y = this.toY(threshold);
      plot.append(
        element("svg:line", { class: "threshold", x1: margin.left, x2: this.width - margin.right, y1: y, y2: y }),
        element("svg:text", { class: "threshold-text", x: margin.left + 5, y: y + 13 },
          `solved at ${shown(threshold)}`));
    }

    drawEvaluation(plot, score) {
      const [x, low, high] = [this.toX(score.x), this.toY(score.y - score.error), this.toY(score.y + score.error)];
      plot.append(
        element("svg:line", { class: `whisker c${score.group % 10}`, x1: x, x2: x, y1: low, y2: high }),
        element("svg:circle", { class: `score c${score.group % 10}`, cx: x, cy: this.toY(score.y), r: 3.5 }));
    }

    // What a group or run has nearest to x: its label, steps and values.
    readings(x) {
      const found = [];
      const near = this.fromX(smallestDrag) - this.fromX(0);
      const reaches = xs => xs.length > 0 && x >= xs[0] - near && x <= xs[xs.length - 1] + near;
      for (const series of this.shownSeries()) {
        const label = this.page.data.groups[series.group].label;
        if (series.band && reaches(series.band.x)) {
          const at = nearest(series.band.x, x);
          found.push({
            group: series.group, label, x: series.band.x[at], y: series.band.y[at], error: series.band.error[at],
          });
        }
        for (const run of series.runs.filter(run => reaches(run.x))) {
          const at = nearest(run.x, x);
          const name = series.band ? `seed ${run.seed}` : label;
          found.push({
            group: series.group, label: name, x: run.x[at], y: run.y[at], raw: run.raw?.[at], isSeed: !!series.band,
          });
        }
      }
      for (const score of this.shownEvaluations()) {
        if (Math.abs(this.toX(score.x) - this.toX(x)) < 5) {
          found.push({ group: score.group, label: `evaluation (${score.episodes})`, x: score.x, y: score.y,
            error: score.error });
        }
      }
      return found;
    }

    hover(x, isOver) {
      const isHidden = x === null || x < this.page.range()[0] || x > this.page.range()[1];
      this.tip.hidden = isHidden || !isOver;
      this.hovered = isHidden ? null : x;
      this.cross.setAttribute("visibility", isHidden ? "hidden" : "visible");
      this.marks.replaceChildren();
      if (isHidden) return;
      const readings = this.readings(x);
      const at = readings.length > 0 ? readings[0].x : x;
      this.cross.setAttribute("x1", this.toX(at));
      this.cross.setAttribute("x2", this.toX(at));
      for (const reading of readings.filter(reading => isNumber(reading.y) && !reading.isSeed)) {
        this.marks.append(element("svg:circle", { class: `mark c${reading.group % 10}`, r: 4,
          cx: this.toX(reading.x), cy: this.toY(reading.y) }));
      }
      if (isOver) this.showTip(at, readings);
    }

    showTip(x, readings) {
      const rows = readings.slice(0, 14).map(reading => {
        const error = isNumber(reading.error) && reading.error > 0 ? ` ± ${shown(reading.error)}` : "";
        const raw = isNumber(reading.raw) ? ` (${shown(reading.raw)})` : "";
        return element("tr", reading.isSeed ? { class: "seed-row" } : {},
          element("th", { scope: "row" },
            element("span", { class: `key c${reading.group % 10}`, "aria-hidden": "true" }), reading.label),
          element("td", { class: "value" }, shown(reading.y) + error),
          element("td", { class: "raw-value" }, raw));
      });
      if (readings.length > 14) rows.push(element("tr", {}, element("th", {}, `and ${readings.length - 14} more`)));
      this.tip.replaceChildren(
        element("div", { class: "at" }, `${whole.format(x)} steps`), element("table", {}, ...rows));
      const scale = this.svg.getBoundingClientRect().width / this.width;
      const place = this.toX(x) * scale;
      const wide = this.tip.offsetWidth;
      const left = place + 14 + wide > this.figure.clientWidth ? place - wide - 14 : place + 14;
      this.tip.style.left = `${Math.max(0, Math.min(left, this.figure.clientWidth - wide))}px`;
      const top = this.svg.getBoundingClientRect().top - this.figure.getBoundingClientRect().top;
      this.tip.style.top = `${top + margin.top}px`;
    }

    place(event) {
      const box = this.svg.getBoundingClientRect();
      return (event.clientX - box.left) * this.width / box.width;
    }

    down(event) {
      if (event.button !== 0) return;
      this.svg.setPointerCapture(event.pointerId);
      this.pointers.set(event.pointerId, this.place(event));
      if (event.pointerType === "mouse") this.from = this.place(event);
      if (this.pointers.size === 2) this.pinched = [...this.pointers.values()].map(this.fromX);
      this.page.hover(this.fromX(this.place(event)), this);
    }

    move(event) {
      const place = this.place(event);
      if (this.pointers.has(event.pointerId)) this.pointers.set(event.pointerId, place);
      if (this.pointers.size === 2) {
        this.pinch();
      } else if (this.from !== undefined && Math.abs(place - this.from) > smallestDrag) {
        this.selection.setAttribute("x", Math.min(place, this.from));
        this.selection.setAttribute("width", Math.abs(place - this.from));
      }
      this.page.hover(this.fromX(place), this);
    }

    up(event) {
      const place = this.place(event);
      if (event.type === "pointerup" && this.from !== undefined && Math.abs(place - this.from) > smallestDrag) {
        this.page.zoom([this.fromX(Math.min(place, this.from)), this.fromX(Math.max(place, this.from))]);
      }
      this.selection.setAttribute("width", 0);
      this.pointers.delete(event.pointerId);
      this.from = undefined;
      this.pinched = undefined;
    }

    // The steps that two fingers have touched stay under them.
    pinch() {
      const [one, other] = [...this.pointers.values()];
      if (!this.pinched || Math.abs(one - other) < 10) return;
      const [x, y] = this.pinched;
      const scale = (x - y) / (one - other);
      const first = x - (one - margin.left) * scale;
      this.page.zoom([first, first + (this.width - margin.left - margin.right) * scale]);
    }

    key(event) {
      const [low, high] = this.page.range();
      const step = (high - low) / 50;
      const now = this.hovered ?? high;
      const acts = {
        ArrowLeft: () => this.page.hover(Math.max(low, now - step), this),
        ArrowRight: () => this.page.hover(Math.min(high, now + step), this),
        Home: () => this.page.hover(low, this),
        End: () => this.page.hover(high, this),
        "+": () => this.page.zoomBy(0.5),
        "-": () => this.page.zoomBy(2),
        "0": () => this.page.zoom(null),
        Escape: () => this.page.hover(null),
      };
      if (!acts[event.key] || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      acts[event.key]();
    }

    description() {
      const ends = this.shownSeries().map(series => {
        const { x, y } = series.band ?? series.runs[series.runs.length - 1];
        const at = x.length - 1;
        return `${this.page.data.groups[series.group].label} ${shown(y[at])} after ${whole.format(x[at] ?? 0)} steps`;
      });
      return `${this.data.title} over steps, ${this.data.note}. ${ends.join("; ")}. Arrow keys read values.`;
    }
  }

  return Chart;
})();
