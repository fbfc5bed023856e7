// SPDX-License-Identifier: MIT
// The drawings of the report: windows in time, and calls as flames. Data: #data, made by
// views/html_data.cpp. Text from the capture goes into the page as text nodes only.
"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const kRow = 19;
  const kCharWidth = 6.7;
  const kColours = 8;

  const count = (n) => n.toLocaleString("en-US");
  const percent = (part, all) => (all === 0 ? "0" : ((100 * part) / all).toFixed(2)) + " %";
  const plural = (n, word) => `${count(n)} ${word}${n === 1 ? "" : "s"}`;

  function duration(ns) {
    for (const [size, unit] of [[1e9, "s"], [1e6, "ms"], [1e3, "us"]])
      if (ns >= size) return `${Number((ns / size).toPrecision(3))} ${unit}`;
    return `${Math.round(ns)} ns`;
  }

  // ---- elements ----

  function element(name, attributes = {}, ...children) {
    const out = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) out.setAttribute(key, value);
    out.append(...children);
    return out;
  }

  // The name of SVG, without writing an address into the page.
  const svgNamespace = (() => {
    const box = document.createElement("div");
    box.innerHTML = "<svg></svg>";
    return box.firstChild.namespaceURI;
  })();

  function shape(name, attributes = {}, ...children) {
    const out = document.createElementNS(svgNamespace, name);
    for (const [key, value] of Object.entries(attributes)) out.setAttribute(key, value);
    out.append(...children);
    return out;
  }

  function button(text, label, action) {
    const out = element("button", { type: "button", title: label }, text);
    out.addEventListener("click", action);
    return out;
  }

  // [class, text] pairs: the hues in use.
  function legend(entries) {
    const out = element("div", { class: "legend" });
    for (const [className, text] of entries) out.append(element("span", {}, element("i", { class: className }), text));
    return out;
  }

  // Redraws when the width changes; `draw(width)`.
  function keepDrawn(svg, draw) {
    let width = 0;
    const look = () => {
      const now = Math.round(svg.getBoundingClientRect().width);
      if (now === 0 || now === width) return;
      width = now;
      draw(width);
    };
    if ("ResizeObserver" in window) new ResizeObserver(look).observe(svg);
    else window.addEventListener("resize", look);
    look();
  }

  // ---- hues: one for each object, the largest first ----

  const hues = (() => {
    const weight = new Map();
    const flames = [data.flame, ...data.charts];
    for (const flame of flames) {
      const nodes = flame.nodes;
      nodes.forEach(([depth, name, , insns], i) => {
        let own = insns;
        for (let k = i + 1; k < nodes.length && nodes[k][0] > depth; ++k)
          if (nodes[k][0] === depth + 1) own -= nodes[k][3];
        const object = data.names[name][1];
        weight.set(object, (weight.get(object) || 0) + Math.max(own, 0));
      });
    }
    const order = [...weight].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1));
    return new Map(order.map(([object], i) => [object, Math.min(i, kColours - 1)]));
  })();

  // Neighbours of one object differ a little: one of four shades by name.
  function shade(name) {
    let sum = 0;
    for (let i = 0; i < name.length; ++i) sum = (sum * 31 + name.charCodeAt(i)) >>> 0;
    return [1, 0.88, 0.76, 0.64][(sum >>> 3) % 4];
  }

  // ---- flames ----

  class Flame {
    constructor(root, flame, label, what) {
      this.nodes = flame.nodes.map(([depth, name, begin, insns, calls]) => ({ depth, name, begin, insns, calls, parent: -1 }));
      this.link();
      this.all = flame.insns;
      this.what = what;
      this.zoomed = -1;
      this.current = -1;
      this.matches = null;
      this.width = 0;
      this.rows = 1; // no fewer than were drawn before, so that the page stays where it is
      this.build(root, flame, label);
    }

    // Preorder and depth say who called whom.
    link() {
      const path = [];
      this.nodes.forEach((node, i) => {
        node.parent = node.depth === 0 ? -1 : path[node.depth - 1] ?? -1;
        path.length = node.depth;
        path[node.depth] = i;
      });
    }

    build(root, flame, label) {
      this.search = element("input", { type: "search", placeholder: "Search functions", "aria-label": `Search functions in: ${label}` });
      this.found = element("output");
      this.reset = button("Whole width", "Esc", () => this.zoom(-1));
      this.svg = shape("svg", { role: "group", tabindex: "0", "aria-label": `${label}. Arrow keys move, Enter zooms, Escape shows all.` });
      this.details = element("p", { class: "details", "aria-live": "polite" });
      const used = new Set(this.nodes.map((n) => data.names[n.name][1]));
      const entries = [...hues].filter(([object]) => used.has(object)).map(([object, hue]) => [`k${hue}`, object || "unknown"]);
      const tools = element("div", { class: "tools" }, this.search, this.reset, this.found);
      if (entries.length > 1) tools.append(legend(entries.slice(0, kColours)));
      root.append(tools, this.svg, this.details);
      if (flame.left_out > 0)
        root.append(element("p", { class: "note" }, `${plural(flame.left_out, "small " + this.what)} left out of the drawing; ` +
          "their instructions are in their callers."));
      if (flame.beyond > 0)
        root.append(element("p", { class: "note" }, `${plural(flame.beyond, "call")} of more different paths than are kept: counted for their callers.`));
      this.search.addEventListener("input", () => this.find());
      this.svg.addEventListener("keydown", (event) => this.key(event));
      // By keyboard only: a click that focuses must still find what it was on.
      this.svg.addEventListener("focus", () => {
        if (this.current < 0 && this.nodes.length > 0 && this.svg.matches(":focus-visible")) this.select(0);
      });
      this.svg.addEventListener("mouseleave", () => this.describe(this.current));
      this.describe(-1);
      keepDrawn(this.svg, (width) => this.draw(width));
    }

    name(node) {
      return data.names[node.name][0];
    }

    inside(index, ancestor) {
      for (let i = index; i >= 0; i = this.nodes[i].parent) if (i === ancestor) return true;
      return false;
    }

    draw(width = this.width) {
      this.width = width;
      const top = this.zoomed < 0 ? { begin: 0, insns: this.all } : this.nodes[this.zoomed];
      const scale = width / Math.max(top.insns, 1);
      this.svg.replaceChildren();
      this.shapes = new Map();
      this.nodes.forEach((node, i) => {
        const begin = Math.max(0, (node.begin - top.begin) * scale);
        const end = Math.min(width, (node.begin + node.insns - top.begin) * scale);
        if (end - begin < 0.7) return;
        this.rows = Math.max(this.rows, node.depth + 1);
        const above = this.zoomed >= 0 && i !== this.zoomed && this.inside(this.zoomed, i);
        this.svg.append(this.call(node, i, begin, end, above));
      });
      this.svg.setAttribute("viewBox", `0 0 ${width} ${this.rows * kRow}`);
      this.mark();
    }

    call(node, i, begin, end, above) {
      const [name, object] = data.names[node.name];
      const out = shape("g", { class: `call k${hues.get(object) ?? kColours - 1}${above ? " above" : ""}` },
        shape("rect", { x: begin, y: node.depth * kRow, width: end - begin, height: kRow, rx: 2, "fill-opacity": shade(name) }));
      const room = Math.floor((end - begin - 8) / kCharWidth);
      if (room >= 3) {
        const text = name.length <= room ? name : name.slice(0, room - 1) + "\u2026";
        out.append(shape("text", { x: begin + 5, y: node.depth * kRow + 13.5 }, text));
      }
      out.addEventListener("mouseenter", () => this.describe(i));
      out.addEventListener("click", () => {
        this.current = i;
        this.zoom(i);
      });
      this.shapes.set(i, out);
      return out;
    }

    mark() {
      for (const [i, g] of this.shapes) {
        g.classList.toggle("match", this.matches !== null && this.matches.has(i));
        g.classList.toggle("dim", this.matches !== null && !this.matches.has(i));
        g.classList.toggle("current", i === this.current);
      }
      this.reset.disabled = this.zoomed < 0;
    }

    zoom(i) {
      // A second click on the same call goes back.
      this.zoomed = i === this.zoomed ? -1 : i;
      this.draw();
      this.describe(this.current);
    }

    select(i) {
      this.current = i;
      if (this.shapes.has(i)) {
        this.mark();
      } else {
        this.zoomed = this.nodes[i].parent;
        this.draw();
      }
      this.describe(i);
    }

    describe(i) {
      if (i < 0) {
        this.details.textContent = this.nodes.length === 0 ? "Nothing was traced here."
          : "Point at a call for its numbers, click to zoom; or focus the drawing and use the arrow keys, Enter and Escape.";
        return;
      }
      const node = this.nodes[i];
      let own = node.insns;
      for (let k = i + 1; k < this.nodes.length && this.nodes[k].depth > node.depth; ++k)
        if (this.nodes[k].depth === node.depth + 1) own -= this.nodes[k].insns;
      const object = data.names[node.name][1];
      const words = [object, `${plural(node.insns, "instruction")} (${percent(node.insns, this.all)})`,
        `${count(own)} of them its own or of calls not drawn`];
      if (this.what !== "call") words.push(plural(node.calls, "call"));
      this.details.replaceChildren(element("strong", {}, this.name(node)), "  " + words.filter((w) => w !== "").join(" \u00b7 "));
    }

    find() {
      const wanted = this.search.value.trim().toLowerCase();
      this.matches = null;
      this.found.textContent = "";
      if (wanted !== "") {
        this.matches = new Set();
        let insns = 0;
        let covered = -1; // a match inside another counts once
        this.nodes.forEach((node, i) => {
          if (!this.name(node).toLowerCase().includes(wanted)) return;
          this.matches.add(i);
          if (covered >= 0 && this.inside(i, covered)) return;
          covered = i;
          insns += node.insns;
        });
        this.found.textContent = `${plural(this.matches.size, "match").replace(/matchs$/, "matches")}, ${percent(insns, this.all)}`;
      }
      this.mark();
    }

    beside(step) {
      const depth = this.nodes[this.current].depth;
      for (let i = this.current + step; i >= 0 && i < this.nodes.length; i += step)
        if (this.nodes[i].depth === depth) return i;
      return -1;
    }

    key(event) {
      if (this.nodes.length === 0) return;
      const i = Math.max(this.current, 0);
      const next = { ArrowLeft: () => this.beside(-1), ArrowRight: () => this.beside(1), ArrowUp: () => this.nodes[i].parent,
        ArrowDown: () => (this.nodes[i + 1]?.depth > this.nodes[i].depth ? i + 1 : -1), Home: () => 0 }[event.key];
      if (next) {
        const to = next();
        if (to >= 0) this.select(to);
      } else if (event.key === "Enter" || event.key === " ") {
        this.zoom(i);
      } else if (event.key === "Escape") {
        this.zoom(-1);
      } else if (event.key === "/") {
        this.search.focus();
      } else {
        return;
      }
      event.preventDefault();
    }
  }

  // ---- windows in time ----

  class Timeline {
    constructor(root, timeline) {
      this.timeline = timeline;
      this.names = timeline.names;
      this.from = 0;
      this.to = Math.max(timeline.length, 1);
      this.current = null; // [lane, index]
      this.laneHeight = timeline.lanes.length > 12 ? 18 : 26;
      this.build(root);
    }

    build(root) {
      this.svg = shape("svg", { role: "group", tabindex: "0", "aria-label": "Windows in time, a row for each thread. " +
        "Arrow keys move between windows, plus and minus zoom, Escape shows all." });
      this.reset = button("Whole time", "Esc", () => this.show(0, this.timeline.length));
      this.details = element("p", { class: "details", "aria-live": "polite" });
      const tools = element("div", { class: "tools" }, this.reset,
        button("+", "Zoom in", () => this.zoomBy(0.5)), button("\u2212", "Zoom out", () => this.zoomBy(2)));
      const used = new Set(this.timeline.lanes.flatMap((lane) => lane.windows.map((w) => w[0])));
      const entries = this.names.map((name, i) => [`k${Math.min(i, kColours - 1)}`, name]).filter((_, i) => used.has(i));
      if (entries.length > 1) tools.append(legend(entries.slice(0, kColours)));
      root.append(tools, this.svg, this.details);
      if (this.timeline.left_out > 0)
        root.append(element("p", { class: "note" }, `${plural(this.timeline.left_out, "shorter window")} left out of the drawing.`));
      this.svg.addEventListener("keydown", (event) => this.key(event));
      this.svg.addEventListener("pointerdown", (event) => this.drag(event));
      this.describe();
      keepDrawn(this.svg, (width) => this.draw(width));
    }

    get left() {
      return this.width < 560 ? 8 : 118;
    }

    x(time) {
      return this.left + ((time - this.from) / (this.to - this.from)) * (this.width - this.left - 8);
    }

    time(x) {
      return this.from + ((x - this.left) / (this.width - this.left - 8)) * (this.to - this.from);
    }

    draw(width = this.width) {
      this.width = width;
      const height = this.timeline.lanes.length * (this.laneHeight + 4) + 24;
      this.svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
      this.svg.replaceChildren();
      this.axis(height);
      this.timeline.lanes.forEach((lane, row) => this.lane(lane, row));
      this.reset.disabled = this.from <= 0 && this.to >= this.timeline.length;
    }

    lane(lane, row) {
      const y = row * (this.laneHeight + 4);
      const end = this.width - 8;
      this.svg.append(shape("rect", { class: "lane", x: this.left, y: y + 0.5, width: Math.max(end - this.left, 1), height: this.laneHeight, rx: 3 }));
      if (this.left > 20) {
        const name = lane.name.length > 16 ? lane.name.slice(0, 15) + "\u2026" : lane.name;
        this.svg.append(shape("text", { class: "lane-name", x: 0, y: y + this.laneHeight / 2 + 4 }, name));
      }
      lane.windows.forEach((w, i) => {
        const stop = w[5] ? end : Math.min(this.x(w[1] + w[2]), end);
        if (stop < this.left || this.x(w[1]) > end) return;
        const begin = Math.min(Math.max(this.x(w[1]), this.left), end - 2.5);
        const chosen = this.current !== null && this.current[0] === row && this.current[1] === i;
        const box = shape("rect", { class: `win k${Math.min(w[0], kColours - 1)}${chosen ? " current" : ""}`, x: begin, y: y + 3.5,
          width: Math.max(stop - begin, 2.5), height: this.laneHeight - 6, rx: 1.5 });
        box.addEventListener("mouseenter", () => this.describe(w));
        box.addEventListener("mouseleave", () => this.describe());
        box.addEventListener("click", () => this.select(row, i));
        this.svg.append(box);
      });
    }

    axis(height) {
      const span = this.to - this.from;
      const wanted = span / Math.max(2, Math.floor((this.width - this.left) / 120));
      const power = Math.pow(10, Math.floor(Math.log10(wanted)));
      const step = Math.max(1, [1, 2, 5, 10].map((m) => m * power).find((s) => s >= wanted));
      for (let t = Math.ceil(this.from / step) * step; t <= this.to; t += step) {
        const x = this.x(t);
        this.svg.append(shape("line", { class: "tick", x1: x, x2: x, y1: 0, y2: height - 20 }));
        if (x < this.width - 50) this.svg.append(shape("text", { class: "axis", x: x + 2, y: height - 6 }, t === 0 ? "0" : duration(t)));
      }
    }

    show(from, to) {
      const least = 50;
      const all = Math.max(this.timeline.length, least);
      const span = Math.min(Math.max(to - from, least), all);
      this.from = Math.min(Math.max(0, from), all - span);
      this.to = this.from + span;
      this.draw();
    }

    zoomBy(factor) {
      const w = this.current && this.timeline.lanes[this.current[0]].windows[this.current[1]];
      const middle = w ? w[1] + w[2] / 2 : (this.from + this.to) / 2;
      const half = ((this.to - this.from) * factor) / 2;
      this.show(middle - half, middle + half);
    }

    select(lane, index) {
      this.current = [lane, index];
      const w = this.timeline.lanes[lane].windows[index];
      if (w[1] + w[2] < this.from || w[1] > this.to) {
        const half = (this.to - this.from) / 2;
        this.show(w[1] - half, w[1] + half);
      } else {
        this.draw();
      }
      this.describe();
    }

    describe(w = this.current && this.timeline.lanes[this.current[0]].windows[this.current[1]]) {
      if (!w) {
        this.details.textContent = "Point at a window for its numbers; drag over a time to zoom into it.";
        return;
      }
      const length = w[5] ? "open: no pause came" : duration(w[2]);
      this.details.replaceChildren(element("strong", {}, this.names[w[0]]),
        `  window ${count(w[3])} \u00b7 ${length} \u00b7 begins at ${duration(w[1])} \u00b7 ${plural(w[4], "instruction")}`, element("br"),
        element("code", {}, `tracectl script calls ${data.capture} --window ${w[3]}`));
    }

    drag(event) {
      const box = this.svg.getBoundingClientRect();
      const start = event.clientX - box.left;
      const mark = shape("rect", { class: "selection", x: start, y: 0, width: 0, height: box.height });
      const at = (e) => Math.min(Math.max(e.clientX - box.left, this.left), this.width - 8);
      const move = (e) => {
        if (mark.parentNode === null) this.svg.append(mark);
        mark.setAttribute("x", Math.min(start, at(e)));
        mark.setAttribute("width", Math.abs(at(e) - start));
      };
      const up = (e) => {
        window.removeEventListener("pointermove", move);
        mark.remove();
        if (Math.abs(at(e) - start) > 6) this.show(this.time(Math.min(start, at(e))), this.time(Math.max(start, at(e))));
      };
      window.addEventListener("pointermove", move);
      window.addEventListener("pointerup", up, { once: true });
    }

    key(event) {
      const lanes = this.timeline.lanes;
      if (lanes.length === 0) return;
      const [lane, index] = this.current ?? [0, -1];
      const clamp = (i, list) => Math.min(Math.max(i, 0), list.length - 1);
      const steps = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
      if (steps) {
        const row = clamp(lane + steps[0], lanes);
        this.select(row, clamp(index + steps[1], lanes[row].windows));
      } else if (event.key === "+" || event.key === "-") {
        this.zoomBy(event.key === "+" ? 0.5 : 2);
      } else if (event.key === "Escape") {
        this.show(0, this.timeline.length);
      } else {
        return;
      }
      event.preventDefault();
    }
  }

  const timeline = document.getElementById("timeline");
  if (timeline !== null) new Timeline(timeline, data.timeline);
  for (const root of document.querySelectorAll("[data-chart]")) {
    const chart = data.charts[Number(root.dataset.chart)];
    new Flame(root, chart, `Calls of window ${chart.window}, ${chart.name}`, "call");
  }
  for (const root of document.querySelectorAll("[data-flame]")) new Flame(root, data.flame, "All calls together", "call path");
})();
