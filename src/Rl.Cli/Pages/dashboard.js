// The page of rl dashboard: asks for the runs every second while it is looked at, and for the curves of those that are
// chosen when they have gone on.
(() => {
  const { element, whole, shownReturn, shownTime } = RlScales;
  const pause = 1000;

  // Where an answer takes long, the pause is so many times as long: training may need the processor.
  const mostWork = 4;
  const mostListed = 200;
  const at = id => document.getElementById(id);
  const charts = RlCharts.create(at("curves"));
  const marks = new Map();
  let runs = [];
  let chosen = new Set(new URLSearchParams(location.hash.slice(1)).getAll("run"));
  let drawn = "";
  let isFirst = true;

  // What a path answers now; null if it is what it was, undefined if it is not there (any more).
  async function ask(path) {
    const mark = marks.get(path);
    const answer = await fetch(path, { headers: mark ? { "If-None-Match": mark } : {} });
    if (answer.status === 304) return null;
    if (!answer.ok) return undefined;
    marks.set(path, answer.headers.get("ETag"));
    return answer.headers.get("Content-Type").includes("json") ? answer.json() : answer.text();
  }

  const isListed = run => {
    const words = at("filter").value.toLowerCase().split(/\s+/);
    const text = `${run.name} ${run.algorithm} ${run.environment} ${run.state}`.toLowerCase();
    return words.every(word => text.includes(word));
  };

  // The entries of the list by the ids of runs: they are changed in place, so that focus and clicks stay.
  const entries = new Map();

  function entry(run) {
    if (!entries.has(run.id)) {
      const box = element("input", { type: "checkbox", "aria-label": `compare ${run.name}` });
      const parts = { state: element("span"), facts: element("span", { class: "facts" }), box };
      parts.progress = element("progress", { max: "1", "aria-label": "share of the plan" });
      const button = element("button", { type: "button" },
        element("span", { class: "name" }, run.name), parts.state, parts.facts, parts.progress);
      button.addEventListener("click", () => choose([run.id]));
      box.addEventListener("change", () =>
        choose(box.checked ? [...chosen, run.id] : [...chosen].filter(id => id !== run.id)));
      parts.item = element("li", {}, box, button);
      entries.set(run.id, parts);
    }
    const parts = entries.get(run.id);
    parts.state.className = `state ${run.state}`;
    parts.state.textContent = run.state;
    parts.facts.textContent = `${run.algorithm}, ${run.environment}, seed ${run.seed}; ${whole.format(run.steps)} steps`
      + `, ${shownTime(run.seconds)}, return ${shownReturn(run.return)}`;
    parts.progress.hidden = run.state !== "running" || !run.totalSteps;
    parts.progress.value = run.totalSteps ? Math.min(1, run.steps / run.totalSteps) : 0;
    parts.box.checked = chosen.has(run.id);
    parts.item.className = chosen.has(run.id) ? "chosen" : "";
    return parts.item;
  }

  function drawList() {
    const found = runs.filter(isListed);
    const listed = found.slice(0, mostListed).map(entry);
    const list = at("list");
    const isSame = list.children.length === listed.length
      && listed.every((item, index) => list.children[index] === item);
    if (!isSame) {
      const focused = document.activeElement;
      list.replaceChildren(...listed);
      if (list.contains(focused)) focused.focus({ preventScroll: true });
    }
    const count = found.length - listed.length;
    at("more").textContent = count > 0 ? `${whole.format(count)} more: filter to see them.` : "";
    const going = runs.filter(run => run.state === "running").length;
    at("status").textContent = runs.length === 0 ? "No runs yet; they appear here when they begin."
      : `${whole.format(runs.length)} ${runs.length === 1 ? "run" : "runs"}, ${going} running`;
  }

  function choose(ids) {
    chosen = new Set(ids);
    history.replaceState(null, "", `#${new URLSearchParams(ids.map(id => ["run", id]))}`);
    drawn = "";
    at("agent").hidden = true;
    at("played").textContent = "";
    drawList();
    follow();
  }

  const present = () => runs.filter(run => chosen.has(run.id));

  // Curves and tables of what is chosen, if it has gone on.
  async function follow() {
    const shownRuns = present();
    at("empty").hidden = shownRuns.length > 0;
    at("chosen").hidden = shownRuns.length === 0;
    const wanted = JSON.stringify(shownRuns.map(run => [run.id, run.mark]));
    drawAnimation(shownRuns);
    if (shownRuns.length === 0 || wanted === drawn) return;
    const query = new URLSearchParams(shownRuns.map(run => ["run", run.id]));
    const isNew = drawn === "";
    if (isNew) for (const path of ["charts", "details"]) marks.delete(`api/${path}?${query}`);
    const [data, details] = await Promise.all([ask(`api/charts?${query}`), ask(`api/details?${query}`)]);
    const isStill = JSON.stringify(present().map(run => run.id)) === JSON.stringify(shownRuns.map(run => run.id));
    if (!isStill || data === undefined || details === undefined) return;
    drawn = wanted;
    at("title").textContent = shownRuns.length === 1 ? shownRuns[0].name : `${shownRuns.length} runs`;
    if (isNew) charts.zoom(null);
    if (data) charts.update(data);
    if (details) drawDetails(details);
  }

  // Escaped by the server. What was opened stays open.
  function drawDetails(html) {
    const place = at("details");
    const open = [...place.querySelectorAll("details")].map(part => part.open);
    place.innerHTML = html;
    const parts = [...place.querySelectorAll("details")];
    if (parts.length === open.length) parts.forEach((part, index) => part.open = open[index]);
  }

  // Playing costs time that training may need: only when it is asked for.
  function drawAnimation(shownRuns) {
    const run = shownRuns.length === 1 ? shownRuns[0] : null;
    at("animation").hidden = run === null || run.checkpoint === 0;
    if (run === null) return;
    const isCurrent = !at("agent").hidden && at("agent").dataset.checkpoint === `${run.id} ${run.checkpoint}`;
    at("play").disabled = isCurrent || at("agent").dataset.isLoading === "true";
    at("play").textContent = at("agent").hidden ? "Show" : "Show the newer one";
  }

  at("play").addEventListener("click", () => {
    const [run] = present();
    const picture = at("agent");
    picture.dataset.checkpoint = `${run.id} ${run.checkpoint}`;
    picture.dataset.isLoading = "true";
    picture.alt = `Animation: the agent of ${run.name}`;
    at("played").textContent = "Playing an episode …";
    at("play").disabled = true;
    picture.src = `api/animation?${new URLSearchParams([["run", run.id], ["at", run.checkpoint]])}`;
  });

  function loaded(isThere) {
    const [run] = present();
    const picture = at("agent");
    picture.dataset.isLoading = "false";
    if (!run || !picture.dataset.checkpoint.startsWith(`${run.id} `)) return;
    picture.hidden = !isThere;
    at("played").textContent = isThere ? "" : "There is no animation of this run: rl record says why.";
    drawAnimation(present());
  }

  at("agent").addEventListener("load", () => loaded(true));
  at("agent").addEventListener("error", () => loaded(false));
  at("filter").addEventListener("input", drawList);

  async function look() {
    try {
      const answer = await ask("api/runs");
      if (answer) runs = answer;
      if (answer || isFirst) drawList();
      if (isFirst && present().length === 0 && runs.length > 0) chosen = new Set([runs[0].id]);
      isFirst = isFirst && runs.length === 0;
      if (answer) drawList();
      document.body.classList.remove("lost");
      await follow();
    } catch {
      at("status").textContent = "The dashboard does not answer; it may have ended. This page goes on when it is back.";
      document.body.classList.add("lost");
      marks.clear();
    }
  }

  async function lookOn() {
    const begun = performance.now();
    if (!document.hidden) await look();
    setTimeout(lookOn, Math.max(pause, mostWork * (performance.now() - begun)));
  }

  document.addEventListener("visibilitychange", () => { if (!document.hidden) look(); });
  lookOn();
})();
