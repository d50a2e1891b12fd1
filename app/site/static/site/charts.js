// Draws each chart from the table inside it, by uPlot, which is loaded once a page has a chart.

import { asset } from "./assets.js";

let library = null;

export async function drawCharts(root) {
  const charts = [...root.querySelectorAll("[data-chart]:not([data-drawn])")];
  if (!charts.length) return;
  for (const chart of charts) chart.dataset.drawn = "";
  library ??= load();
  const uPlot = await library;
  for (const chart of charts) draw(uPlot, chart);
}

function load() {
  const style = document.createElement("link");
  style.rel = "stylesheet";
  style.href = asset("vendor/uplot.css");
  const script = document.createElement("script");
  script.src = asset("vendor/uplot.js");
  document.head.append(style, script);
  return new Promise((resolve) => (script.onload = () => resolve(window.uPlot)));
}

function draw(uPlot, chart) {
  const rows = [...chart.querySelectorAll("tbody tr")];
  if (rows.length < 2) return;
  const headings = [...chart.querySelectorAll("thead th")].map((cell) => cell.textContent);
  const times = rows.map((row) => Date.parse(row.cells[0].querySelector("time")?.dateTime ?? row.cells[0].textContent) / 1000);
  const columns = headings.slice(1).map((_, place) => rows.map((row) => Number(row.cells[place + 1].dataset.value)));
  const place = document.createElement("div");
  place.setAttribute("role", "img");
  place.setAttribute("aria-label", `${chart.querySelector("figcaption").textContent}; the table below has the numbers`);
  chart.querySelector("figcaption").after(place);
  const plot = new uPlot(options(chart, place, headings), [times, ...columns], place);
  new ResizeObserver(() => plot.setSize({ width: place.clientWidth, height: plot.height })).observe(place);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => plot.redraw());
}

function options(chart, place, headings) {
  const colour = (name) => () => getComputedStyle(chart).getPropertyValue(name);
  const axis = { stroke: colour("--quiet"), grid: { stroke: colour("--line"), width: 1 }, ticks: { show: false }, font: "13px 'Atkinson Hyperlegible Next Variable', sans-serif" };
  const series = headings.slice(1).map((label, place) => ({
    label,
    stroke: colour(place ? "--second" : "--accent"),
    fill: headings.length === 2 ? colour("--accent-faint") : undefined,
    width: 2,
    points: { show: false },
    value: (_, value) => value?.toLocaleString("en") ?? "–",
  }));
  return {
    width: place.clientWidth,
    height: Number(chart.dataset.height),
    tzDate: (seconds) => new Date(seconds * 1000 + new Date(seconds * 1000).getTimezoneOffset() * 60000),
    cursor: { drag: { x: false, y: false } },
    scales: { y: { range: (_, least, most) => [Math.min(0, least), most * 1.05 || 1] } },
    axes: [axis, { ...axis, size: 64, values: (_, ticks) => ticks.map((tick) => compact.format(tick)) }],
    series: [{ value: "{YYYY}-{MM}-{DD}" }, ...series],
  };
}

const compact = new Intl.NumberFormat("en", { notation: "compact" });
