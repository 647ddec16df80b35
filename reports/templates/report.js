"use strict";
(() => {
  const read = (id) => JSON.parse(document.getElementById(id).textContent);
  const darkened = read("palette");
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const narrow = window.matchMedia("(max-width: 760px)");
  const touch = window.matchMedia("(pointer: coarse)");
  const charts = [...document.querySelectorAll(".chart")];
  const PRINT_WIDTH = 700;
  const PRINT_HEIGHT = 0.78;
  let printing = false;

  // Figures come in the light palette; in the dark every colour is exchanged for its partner.
  function themed(text) {
    return dark.matches && !printing ? text.replace(/#[0-9a-f]{6}\b/g, (color) => darkened[color] ?? color) : text;
  }

  function figureOf(element) {
    const figure = JSON.parse(themed(document.getElementById(element.dataset.figure).textContent));
    const layout = figure.layout;
    layout.height ??= Number(element.dataset.height);
    layout.width = printing ? PRINT_WIDTH : element.clientWidth;
    if (printing) layout.height *= PRINT_HEIGHT;
    if (narrow.matches && !printing) {
      layout.margin = { ...layout.margin, l: 44, r: 6 };
      layout.font.size = 11;
      layout.xaxis.nticks = 5;
    }
    // A finger that scrolls the page must not zoom the chart.
    layout.dragmode = touch.matches ? false : "zoom";
    if (element.dataset.log === "on") layout.yaxis = { ...layout.yaxis, type: "log", ...layout.meta.log };
    return figure;
  }

  const CONFIG = {
    displaylogo: false,
    doubleClick: "reset",
    modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d"],
    showTips: false,
  };

  function draw(element) {
    const figure = figureOf(element);
    element.style.minHeight = `${figure.layout.height}px`;
    return Plotly.react(element, figure.data, figure.layout, CONFIG);
  }

  async function drawAll() {
    for (const element of charts) {
      await draw(element);
      // Between two charts the page may answer its reader.
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
    document.documentElement.dataset.charts = "drawn";
  }

  for (const button of document.querySelectorAll("button[data-log]")) {
    button.addEventListener("click", () => {
      const element = document.getElementById(button.dataset.log);
      const on = element.dataset.log !== "on";
      element.dataset.log = on ? "on" : "off";
      button.setAttribute("aria-pressed", String(on));
      draw(element);
    });
  }

  for (const select of document.querySelectorAll("select[data-chart]")) {
    select.addEventListener("change", () => {
      const element = document.getElementById(select.dataset.chart);
      element.dataset.figure = select.value;
      draw(element);
    });
  }

  let width = window.innerWidth;
  let pending = 0;
  window.addEventListener("resize", () => {
    // Phones fire this when the address bar hides; only a new width redraws.
    if (window.innerWidth === width || printing) return;
    width = window.innerWidth;
    clearTimeout(pending);
    pending = setTimeout(() => charts.forEach(draw), 120);
  });
  dark.addEventListener("change", () => charts.forEach(draw));

  const folded = [...document.querySelectorAll("details")];
  let open = [];
  window.addEventListener("beforeprint", () => {
    printing = true;
    open = folded.filter((element) => element.open);
    folded.forEach((element) => { element.open = true; });
    charts.forEach(draw);
  });
  window.addEventListener("afterprint", () => {
    printing = false;
    folded.forEach((element) => { element.open = open.includes(element); });
    charts.forEach(draw);
  });

  drawAll();
})();
