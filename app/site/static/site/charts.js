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
  const isTime = chart.dataset.axis === "time";
  const places = rows.map((row) => (isTime ? timeOf(row.cells[0]) : Number(row.cells[0].textContent)));
  const columns = headings.slice(1).map((_, place) => rows.map((row) => Number(row.cells[place + 1].dataset.value)));
  const place = document.createElement("div");
  place.setAttribute("role", "img");
  place.setAttribute("aria-label", `${chart.querySelector("figcaption").textContent}; the table below has the numbers`);
  chart.querySelector("figcaption").after(place);
  const plot = new uPlot(options(uPlot, chart, place, headings, isTime), [places, ...columns], place);
  new ResizeObserver(() => plot.setSize({ width: place.clientWidth, height: plot.height })).observe(place);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => plot.redraw());
}

// In seconds. A time without a zone is in UTC, as all times of the lake are.
function timeOf(cell) {
  const text = cell.querySelector("time")?.dateTime ?? cell.textContent.trim();
  const isWithoutZone = /^\d{4}-\d\d-\d\d[ T][\d:.]+$/.test(text);
  return Date.parse(isWithoutZone ? `${text}Z` : text) / 1000;
}

function options(uPlot, chart, place, headings, isTime) {
  const colour = (name) => () => getComputedStyle(chart).getPropertyValue(name);
  const axis = { stroke: colour("--quiet"), grid: { stroke: colour("--line"), width: 1 }, ticks: { show: false }, font: "13px 'Atkinson Hyperlegible Next Variable', sans-serif" };
  const series = headings.slice(1).map((label, place) => ({
    label,
    stroke: colour(place ? "--second" : "--accent"),
    fill: headings.length === 2 ? colour("--accent-faint") : undefined,
    paths: chart.dataset.shape === "bars" ? uPlot.paths.bars({ size: [0.7, 40] }) : undefined,
    width: 2,
    points: { show: false },
    value: (_, value) => value?.toLocaleString("en") ?? "–",
  }));
  return {
    width: place.clientWidth,
    height: Number(chart.dataset.height),
    tzDate: (seconds) => new Date(seconds * 1000 + new Date(seconds * 1000).getTimezoneOffset() * 60000),
    cursor: { drag: { x: false, y: false } },
    scales: { x: { time: isTime }, y: { range: (_, least, most) => [Math.min(0, least), most * 1.05 || 1] } },
    axes: [isTime ? { ...axis, values: dates } : axis, { ...axis, size: 50, values: (_, ticks) => ticks.map((tick) => compact.format(tick)) }],
    series: [isTime ? { value: "{YYYY}-{MM}-{DD}" } : { label: headings[0] }, ...series],
  };
}

// The label of a tick by the step of the axis, in seconds, with what is added where it changes.
const dates = [
  [365 * 24 * 3600, "{YYYY}", null, null, null, null, null, null, 1],
  [28 * 24 * 3600, "{MMM}", "\n{YYYY}", null, null, null, null, null, 1],
  [24 * 3600, "{D} {MMM}", "\n{YYYY}", null, null, null, null, null, 1],
  [60, "{HH}:{mm}", "\n{D} {MMM}", null, "\n{D} {MMM}", null, null, null, 1],
  [1, "{HH}:{mm}:{ss}", "\n{D} {MMM}", null, "\n{D} {MMM}", null, null, null, 1],
];
const compact = new Intl.NumberFormat("en", { notation: "compact" });
