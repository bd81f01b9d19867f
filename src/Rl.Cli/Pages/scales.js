// What charts are made of: elements, numbers as people read them, round numbers on axes, the place of a number.
"use strict";
const RlScales = (() => {
  const svgNamespace = "http://www.w3.org/2000/svg";

  function element(tag, attributes = {}, ...children) {
    const made = tag.startsWith("svg:")
      ? document.createElementNS(svgNamespace, tag.slice(4))
      : document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    made.append(...children);
    return made;
  }

  const isNumber = value => typeof value === "number" && Number.isFinite(value);
  const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });

  // Five digits: 0.00012346, 483.2, 1.2346e+7.
  function shown(value) {
    if (!isNumber(value)) return "-";
    const size = Math.abs(value);
    if (size !== 0 && (size < 1e-4 || size >= 1e6)) return value.toExponential(4).replace(/\.?0+e/, "e");
    return String(Number(value.toPrecision(5)));
  }

  // The numbers of an axis, in one unit: that of the greatest.
  function shownTicks(levels) {
    const greatest = Math.max(...levels.map(Math.abs));
    const [unit, letter] = greatest >= 1e9 ? [1e9, " G"] : greatest >= 1e6 ? [1e6, " M"]
      : greatest >= 1e4 ? [1e3, " k"] : [1, ""];
    return levels.map(level => level === 0 ? "0"
      : letter ? `${Number((level / unit).toPrecision(6))}${letter}` : shown(Number(level.toPrecision(6))));
  }

  // As the tables have returns: a decimal, or three below ten.
  const shownReturn = value => isNumber(value) ? value.toFixed(Math.abs(value) < 10 ? 3 : 1) : "-";

  // As the tables have times: 4.2 s, 3:05, 2:10:00.
  function shownTime(seconds) {
    if (!isNumber(seconds)) return "";
    if (seconds < 60) return `${seconds.toFixed(1)} s`;
    const two = value => String(Math.floor(value) % 60).padStart(2, "0");
    const hours = Math.floor(seconds / 3600);
    return hours > 0 ? `${whole.format(hours)}:${two(seconds / 60)}:${two(seconds)}`
      : `${Math.floor(seconds / 60)}:${two(seconds)}`;
  }

  // Round numbers within a range, about so many.
  function ticks(low, high, wanted) {
    const raw = (high - low) / Math.max(1, wanted);
    const power = 10 ** Math.floor(Math.log10(raw));
    const step = power * ([1, 2, 2.5, 5, 10].find(factor => factor * power >= raw * 0.999) ?? 10);
    const found = [];
    for (let k = Math.ceil(low / step - 1e-9); k * step <= high + step * 1e-9; k++) found.push(k * step);
    return found;
  }

  function logTicks(low, high) {
    const found = [];
    const wide = Math.log10(high / low) > 2;
    for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power++) {
      for (const factor of wide ? [1] : [1, 2, 5]) {
        const tick = factor * 10 ** power;
        if (tick >= low * 0.999 && tick <= high * 1.001) found.push(tick);
      }
    }
    return found.length > 1 ? found : ticks(low, high, 4);
  }

  // The place of the number that is nearest to x; xs increase.
  function nearest(xs, x) {
    let [low, high] = [0, xs.length - 1];
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (xs[middle] < x) low = middle; else high = middle;
    }
    return Math.abs(xs[low] - x) <= Math.abs(xs[high] - x) ? low : high;
  }

  // Most of the numbers: all but the outermost hundredth at each end.
  function usual(values) {
    const sorted = values.filter(isNumber).sort((a, b) => a - b);
    const cut = Math.floor(sorted.length / 100);
    return sorted.length === 0 ? [] : [sorted[cut], sorted[sorted.length - 1 - cut]];
  }

  return { element, isNumber, whole, shown, shownReturn, shownTime, shownTicks, ticks, logTicks, nearest, usual };
})();
