"use strict";
(() => {
  if (!window.Plotly) {
    fail("plotly.min.js was not found where this page expects it");
    return;
  }
  const charts = JSON.parse(document.getElementById("charts").textContent);
  const config = {
    displaylogo: false,
    responsive: true,
    modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d"],
  };
  const element = (chart) => document.getElementById(chart.id);
  const timeline = charts.filter((chart) => chart.timeline).map(element);

  // Zooming one chart of the timeline zooms them all; their own answers to that are not passed on again.
  let isSyncing = false;
  function zoomTogether(source) {
    source.on("plotly_relayout", async (change) => {
      if (isSyncing || !Object.keys(change).some((key) => key.startsWith("xaxis"))) return;
      isSyncing = true;
      const update = {"xaxis.range": [...source.layout.xaxis.range], "xaxis.autorange": false};
      const others = timeline.filter((other) => other !== source && other.layout.xaxis.visible !== false);
      await Promise.all(others.map((other) => Plotly.relayout(other, update)));
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

  function choose(index) {
    for (const chart of charts.filter((each) => each.variants.length > 1)) {
      const figure = chart.variants[index];
      const shown = element(chart).layout?.xaxis?.range;
      if (shown && figure.layout.xaxis.range) figure.layout.xaxis.range = [...shown];
      Plotly.react(element(chart), figure.data, figure.layout, config);
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
    await Plotly.newPlot(plot, figure.data, figure.layout, config);
    if (chart.timeline) {
      zoomTogether(plot);
      pointTogether(plot);
    }
  });
  document.addEventListener("change", (event) => {
    if (event.target.name === "variant") choose(Number(event.target.value));
  });
  Promise.all(drawn).then(() => {
    document.documentElement.dataset.drawn = String(drawn.length);
  });
})();
