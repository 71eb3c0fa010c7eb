"""The look of the page, and the few lines of script that draw its figures."""

CSS = """
:root {
  color-scheme: light dark;
  --paper: #ffffff; --ink: #1d2329; --soft: #5c6670; --line: #e2e6ea; --panel: #f5f7f8;
  --accent: #22649f; --warn: #8a5a00; --warn-panel: #fdf5e3;
}
@media screen and (prefers-color-scheme: dark) {
  :root {
    --paper: #14171a; --ink: #e4e8eb; --soft: #9aa4ae; --line: #2d343a; --panel: #1c2125;
    --accent: #84bbec; --warn: #e8c477; --warn-panel: #2b2515;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body {
  margin: 0; background: var(--paper); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif;
  font-variant-numeric: tabular-nums;
}
main { max-width: 64rem; margin: 0 auto; padding: 2.5rem 1.25rem 4rem; }
.kicker { margin: 0; color: var(--soft); font-size: .875rem; overflow-wrap: anywhere; }
h1 { margin: .35rem 0 .6rem; font-size: clamp(1.6rem, 1.2rem + 1.9vw, 2.3rem);
  line-height: 1.2; letter-spacing: -.015em; overflow-wrap: anywhere; text-wrap: balance; }
h2 { margin: 3rem 0 .75rem; font-size: 1.25rem; line-height: 1.3; letter-spacing: -.005em; }
h3 { margin: 0 0 .5rem; font-size: 1rem; }
* + h3 { margin-top: 1.75rem; }
p { margin: 0 0 .75rem; max-width: 44rem; overflow-wrap: anywhere; }
.verdict { font-size: 1.125rem; line-height: 1.5; }
.fine { color: var(--soft); font-size: .875rem; }
.warn { padding: .7rem 1rem; border-left: 3px solid var(--warn); background: var(--warn-panel);
  margin: 1.25rem 0; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(9.5rem, 1fr));
  gap: .75rem; margin: 1.5rem 0 0; }
.tiles div { padding: .75rem .9rem; background: var(--panel); border-radius: .5rem; }
.tiles dt { color: var(--soft); font-size: .8125rem; }
.tiles dd { margin: .1rem 0 0; font-size: 1.125rem; font-weight: 600; overflow-wrap: anywhere; }
.scroll { overflow-x: auto; margin: 0 0 .9rem; }
footer .fine { margin: .4rem 0 0; font-size: inherit; }
code { font: .9em/1 ui-monospace, "SF Mono", Menlo, Consolas, monospace; }
.scroll:focus-visible, summary:focus-visible { outline: 2px solid var(--accent);
  outline-offset: 2px; }
table { border-collapse: collapse; min-width: min(100%, 34rem); font-size: .9375rem;
  line-height: 1.4; }
caption { text-align: left; color: var(--soft); font-size: .875rem; padding: 0 0 .4rem; }
th, td { padding: .5rem .7rem; text-align: left; vertical-align: top; white-space: nowrap;
  border-bottom: 1px solid var(--line); }
thead th { color: var(--soft); font-size: .8125rem; font-weight: 500; vertical-align: bottom; }
tbody th { font-weight: 500; position: sticky; left: 0; background: var(--paper);
  padding-left: 0; min-width: 8rem; max-width: 16rem; white-space: normal;
  overflow-wrap: anywhere; }
.ranking tbody th { min-width: 11.5rem; }
th:first-child { padding-left: 0; }
.n { text-align: right; }
tr.best > th, tr.best > th + td { font-weight: 650; }
.ranked { display: flex; }
.rank { color: var(--soft); font-weight: 400; flex: none; width: 1.7em; }
.tag { font-size: .75rem; font-weight: 500; color: var(--soft); border: 1px solid var(--line);
  border-radius: 1rem; padding: 0 .5em; margin-left: .4em; white-space: nowrap; }
.tag.best { color: var(--accent); border-color: currentColor; }
figure { margin: 1.75rem 0 1.5rem; }
.plot { width: 100%; min-height: 8rem; }
.plot text { fill: var(--ink) !important; }
.plot .hoverlayer text { fill: #ffffff !important; }
.plot .gridlayer path { stroke: var(--line) !important; }
.pixels { width: 100%; max-width: 40rem; height: auto; image-rendering: pixelated; }
figcaption { margin-top: .35rem; color: var(--soft); font-size: .875rem; max-width: 46rem;
  overflow-wrap: anywhere; }
dl.facts { display: grid; grid-template-columns: minmax(6.5rem, max-content) 1fr;
  gap: .4rem 1.25rem; margin: 0 0 1rem; font-size: .9375rem; }
dl.facts dt { color: var(--soft); }
dl.facts dd { margin: 0; overflow-wrap: anywhere; }
ul { margin: 0 0 1rem; padding-left: 1.2rem; max-width: 44rem; }
li { margin: .3rem 0; overflow-wrap: anywhere; }
pre { margin: 0 0 1rem; padding: .8rem 1rem; background: var(--panel); border-radius: .5rem;
  overflow-x: auto; font: .84375rem/1.5 ui-monospace, "SF Mono", Menlo, Consolas, monospace; }
details { border-top: 1px solid var(--line); padding: .6rem 0; }
details:last-of-type { border-bottom: 1px solid var(--line); margin-bottom: 1rem; }
details[open] > summary { margin-bottom: .75rem; }
summary { cursor: pointer; font-weight: 500; overflow-wrap: anywhere; }
summary .fine { font-weight: 400; margin-left: .35em; }
footer { margin-top: 3rem; color: var(--soft); font-size: .8125rem; }
@media (max-width: 30rem) {
  main { padding: 1.5rem 1rem 3rem; }
  h2 { margin-top: 2.25rem; }
  dl.facts { grid-template-columns: 1fr; gap: 0; }
  dl.facts dd { margin-bottom: .55rem; }
  .tiles { grid-template-columns: 1fr 1fr; }
  th, td { padding: .5rem .45rem; }
}
@media print {
  @page { margin: 16mm 14mm; }
  body { font-size: 10.5pt; }
  main { max-width: none; padding: 0; }
  h2 { margin-top: 1.75rem; }
  h2, h3, caption, summary { break-after: avoid; }
  figure, .tiles div, tr { break-inside: avoid; }
  .tiles div, pre { border: 1px solid var(--line); }
  .scroll { overflow: visible; }
  .tiles dd { font-size: 11pt; }
  table { font-size: 8pt; min-width: 60%; }
  th, td { padding: .25rem .35rem; white-space: normal; overflow-wrap: break-word; }
  td.n { white-space: nowrap; }
  thead { display: table-header-group; }
  tbody th, .ranking tbody th { position: static; min-width: 0; }
  pre { white-space: pre-wrap; overflow-wrap: anywhere; overflow: visible; }
  details.screen { display: none; }
  summary { list-style: none; }
}
"""

DRAW = """
(function () {
  "use strict";
  var plots = Array.prototype.slice.call(document.querySelectorAll(".plot"));
  var touch = window.matchMedia("(pointer: coarse)").matches;
  plots.forEach(function (plot) {
    var figure = JSON.parse(document.getElementById(plot.id + "-data").textContent);
    // A finger on a figure scrolls the page; a mouse zooms.
    if (touch) { figure.layout.dragmode = false; }
    Plotly.newPlot(plot, figure.data, figure.layout, {
      displayModeBar: false, responsive: true, showTips: false, scrollZoom: false
    });
  });
  var closed = [];
  window.addEventListener("beforeprint", function () {
    closed = Array.prototype.slice.call(
      document.querySelectorAll("details:not([open]):not(.screen)")
    );
    closed.forEach(function (each) { each.open = true; });
    plots.forEach(function (plot) {  // two to a page
      var height = Math.min(plot.layout.height, 340);
      plot.dataset.height = plot.layout.height;
      plot.style.height = height + "px";
      var width = Math.min(660, parseFloat(plot.style.maxWidth) || 660);
      Plotly.relayout(plot, {width: width, height: height});
    });
  });
  window.addEventListener("afterprint", function () {
    closed.forEach(function (each) { each.open = false; });
    plots.forEach(function (plot) {
      var height = Number(plot.dataset.height);
      plot.style.height = height + "px";
      Plotly.relayout(plot, {width: null, height: height, autosize: true});
    });
  });
}());
"""
