"use strict";
// The equity curve: [milliseconds UTC, dollars], grown by each snapshot and thinned so that a day of them stays light.
const Curve = (() => {
  const MOST = 6000;
  const EVERY = 1000;
  let points = [];
  let pending = 0;
  let drawn = 0;
  const element = () => document.getElementById("chart-equity");
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const narrow = window.matchMedia("(max-width: 760px)");
  const touch = window.matchMedia("(pointer: coarse)");

  function color(name) {
    return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
  }

  // The same style as the figures of a report.
  function layout(values) {
    const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    const spread = values.reduce((most, v) => Math.max(most, v), -Infinity) - values.reduce((least, v) => Math.min(least, v), Infinity);
    const quiet = { gridcolor: color("line"), zerolinecolor: color("line"), linecolor: "rgba(0,0,0,0)", automargin: true, nticks: 5 };
    return {
      height: narrow.matches ? 230 : 290,
      width: element().clientWidth,
      paper_bgcolor: "rgba(0,0,0,0)",
      plot_bgcolor: "rgba(0,0,0,0)",
      font: { family: getComputedStyle(document.body).fontFamily, size: narrow.matches ? 11 : 12, color: color("muted") },
      separators: ".\u202f",
      margin: { l: narrow.matches ? 44 : 56, r: 14, t: 10, b: 46 },
      hovermode: "x unified",
      hoverlabel: { bgcolor: color("raised"), bordercolor: color("line"), font: { color: color("ink") } },
      showlegend: false,
      uirevision: "keep",
      // A finger that scrolls the page must not zoom the chart.
      dragmode: touch.matches ? false : "zoom",
      xaxis: { type: "date", showgrid: false, zeroline: false, linecolor: color("line"), tickcolor: color("line"), ticks: "outside", nticks: narrow.matches ? 4 : 8, hoverformat: "%a %-d %b %Y %H:%M:%S" },
      yaxis: { ...quiet, tickformat: spread < 8 ? "$,.2f" : largest < 5000 || spread < largest / 50 ? "$,.0f" : "$~s" },
    };
  }

  function draw() {
    pending = 0;
    drawn = Date.now();
    const values = points.map((point) => point[1]);
    const line = {
      type: "scatter", mode: points.length === 1 ? "markers" : "lines", x: points.map((point) => point[0]), y: values,
      line: { color: color("strategy"), width: 1.6 }, marker: { color: color("strategy") }, hovertemplate: "%{y:$,.2f}<extra></extra>",
    };
    const config = { displayModeBar: false, doubleClick: "reset", showTips: false };
    Plotly.react(element(), [line], layout(values), config).then(() => { element().dataset.points = String(points.length); });
  }

  function redraw() {
    if (!pending) pending = setTimeout(draw, Math.max(0, drawn + EVERY - Date.now()));
  }

  function start(given) {
    points = given;
    redraw();
  }

  function add(time, equity) {
    const last = points.at(-1);
    if (last && last[0] === time) last[1] = equity;
    else points.push([time, equity]);
    if (points.length > MOST) points = points.filter((_, k) => k % 2 === 0 || k === points.length - 1);
    redraw();
  }

  let width = window.innerWidth;
  window.addEventListener("resize", () => {
    // Phones fire this when the address bar hides; only a new width redraws.
    if (window.innerWidth === width) return;
    width = window.innerWidth;
    redraw();
  });
  dark.addEventListener("change", redraw);
  return { start, add };
})();
