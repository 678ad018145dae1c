"use strict";
(() => {
  if (!window.Plotly) {
    fail("plotly.min.js was not found where this page expects it");
    return;
  }
  const charts = JSON.parse(document.getElementById("charts").textContent);
  const config = (chart, figure) => ({
    displayModeBar: chart.timeline && figure.data.length > 0 ? "hover" : false,
    displaylogo: false,
    showSendToCloud: false,
    plotlyServerURL: "",
    responsive: true,
    modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d"],
  });
  const element = (chart) => document.getElementById(chart.id);
  const timeline = charts.filter((chart) => chart.timeline).map(element);

  const instant = (value) => (typeof value === "number" ? value : Date.parse(value.replace(" ", "T") + "Z"));

  // The values to show for a span of time: those in it, and the neighbours that lines come from and go to.
  function valueRange(plot, [from, to]) {
    const hasZero = plot.layout.yaxis.rangemode === "tozero";
    const values = hasZero ? [0] : [];
    for (const {x, y, visible} of plot.data) {
      if (visible === "legendonly") continue;
      y.forEach((value, i) => {
        if (value !== null && (x[i + 1] ?? x[i]) >= from && (x[i - 1] ?? x[i]) <= to) values.push(value);
      });
    }
    const low = values.reduce((a, b) => Math.min(a, b), Infinity);
    const high = values.reduce((a, b) => Math.max(a, b), -Infinity);
    const margin = 0.05 * (high - low);
    if (!(low < high)) return null;
    return [hasZero && low === 0 ? 0 : low - margin, hasZero && high === 0 ? 0 : high + margin];
  }

  function show(plot, span, isFitted) {
    const update = {"xaxis.range": [...span]};
    const values = isFitted ? valueRange(plot, span.map(instant)) : null;
    if (values) update["yaxis.range"] = values;
    return Plotly.relayout(plot, update);
  }

  // Zooming one chart of the timeline zooms them all; their own answers to that are not passed on again. Values follow,
  // except in the chart where the user chose them.
  let isSyncing = false;
  function zoomTogether(source) {
    source.on("plotly_relayout", async (change) => {
      if (isSyncing || !Object.keys(change).some((key) => key.startsWith("xaxis"))) return;
      isSyncing = true;
      const hasChosenValues = Object.keys(change).some((key) => key.startsWith("yaxis.range"));
      const span = source.layout.xaxis.range;
      const drawn = timeline.filter((plot) => plot.layout.xaxis.visible !== false);
      await Promise.all(drawn.map((plot) => show(plot, span, plot !== source || !hasChosenValues)));
      isSyncing = false;
    });
  }

  // The charts share their margins, so one horizontal position is the same instant in all of them.
  function pointTogether(plot) {
    const cursor = document.createElement("i");
    cursor.className = "cursor";
    plot.append(cursor);
    const move = (event) => {
      const x = event.clientX - plot.getBoundingClientRect().left;
      const size = plot._fullLayout._size;
      const isInside = x >= size.l && x <= size.l + size.w;
      for (const line of document.querySelectorAll(".cursor")) line.style.left = isInside ? x + "px" : "";
    };
    plot.addEventListener("mousemove", move);
    plot.addEventListener("mouseleave", () => move({clientX: -1}));
  }

  function choose(tab) {
    for (const subject of document.querySelectorAll(".chosen")) {
      subject.textContent = tab.parentElement.querySelector("b").textContent;
    }
    for (const chart of charts.filter((each) => each.variants.length > 1)) {
      const figure = chart.variants[Number(tab.value)];
      const shown = element(chart).layout.xaxis.range;
      Plotly.react(element(chart), figure.data, figure.layout, config(chart, figure)).then((plot) => {
        if (shown && plot.layout.xaxis.range) show(plot, shown, true);
      });
    }
  }

  // A page of paper is narrower than the screen; the charts are drawn again at its width.
  function resize() {
    for (const chart of charts) Plotly.relayout(element(chart), {width: element(chart).clientWidth});
  }
  window.addEventListener("beforeprint", () => {
    document.body.classList.add("printing");
    resize();
  });
  window.addEventListener("afterprint", () => {
    document.body.classList.remove("printing");
    for (const chart of charts) Plotly.relayout(element(chart), {width: null, autosize: true});
  });

  // Tables marked so are sorted by the column whose heading is clicked, the best first; a second click turns it round.
  for (const table of document.querySelectorAll(".sortable table")) {
    table.tHead.addEventListener("click", (event) => {
      const heading = event.target.closest("th");
      if (!heading) return;
      const column = heading.cellIndex;
      const sign = heading.ariaSort === "descending" ? 1 : -1;
      for (const other of table.tHead.rows[0].cells) other.ariaSort = null;
      heading.ariaSort = sign < 0 ? "descending" : "ascending";
      const value = (row) => row.cells[column].textContent.trim();
      const number = (text) => parseFloat(text.replace("\u2212", "-").replaceAll(",", ""));
      const compare = (a, b) => {
        const [x, y] = [number(value(a)), number(value(b))];
        if (Number.isNaN(x) || Number.isNaN(y)) {
          return Number.isNaN(x) - Number.isNaN(y) || sign * value(a).localeCompare(value(b));
        }
        return sign * (x - y);
      };
      table.tBodies[0].append(...[...table.tBodies[0].rows].sort(compare));
    });
  }

  const drawn = charts.map(async (chart) => {
    const plot = element(chart);
    const figure = chart.variants[0];
    await Plotly.newPlot(plot, figure.data, figure.layout, config(chart, figure));
    if (chart.timeline) {
      zoomTogether(plot);
      pointTogether(plot);
    }
  });
  document.addEventListener("change", (event) => {
    if (event.target.name === "variant") choose(event.target);
  });
  Promise.all(drawn).then(() => {
    document.documentElement.dataset.drawn = String(drawn.length);
  });
})();
