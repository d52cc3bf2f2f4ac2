#pragma once

namespace bitale::bench {

// The report's style sheet. Plots take the page's colours: gnuplot leaves text and axes to `color`.
inline constexpr const char* page_style = R"css(
:root { color-scheme: light dark; --ink: #1c2128; --soft: #5b6472; --paper: #ffffff; --raised: #f5f7f9;
  --line: #d9dee5; --ours: #e8f0fe; --ours-ink: #0b4fb3; --warn: #8a5a00; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e4e8ee; --soft: #9aa4b2; --paper: #14181d; --raised: #1c2229; --line: #323a45; --ours: #1b2b45;
    --ours-ink: #8fbaff; --warn: #e0b050; }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.55 system-ui, -apple-system, "Segoe UI",
  Roboto, "Helvetica Neue", "DejaVu Sans", sans-serif; }
main { max-width: 1080px; margin: 0 auto; padding: 2.5rem 1.25rem 4rem; }
h1 { font-size: 2rem; line-height: 1.2; margin: 0 0 .4rem; letter-spacing: -.015em; }
h2 { font-size: 1.3rem; margin: 3rem 0 .6rem; padding-top: .8rem; border-top: 1px solid var(--line); }
h3 { font-size: 1rem; margin: 1.8rem 0 .4rem; color: var(--soft); font-weight: 600; }
p { margin: .5rem 0; max-width: 76ch; }
.lead { color: var(--soft); font-size: 1.05rem; }
nav { margin: 1.4rem 0 0; display: flex; flex-wrap: wrap; gap: .4rem .5rem; }
nav a { padding: .15rem .7rem; border: 1px solid var(--line); border-radius: 99px; color: var(--ink);
  text-decoration: none; font-size: .88rem; }
nav a:hover { border-color: var(--ours-ink); color: var(--ours-ink); }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .25rem 1.4rem; margin: 1.4rem 0; padding: 1rem 1.2rem;
  background: var(--raised); border-radius: 10px; font-size: .93rem; }
dt { color: var(--soft); }
dd { margin: 0; min-width: 0; overflow-wrap: anywhere; }
code { font: .9em ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; }
.scroll { overflow-x: auto; margin: .6rem 0; }
table { border-collapse: collapse; font-size: .87rem; line-height: 1.35; font-variant-numeric: tabular-nums; }
th { font-weight: 600; text-align: left; vertical-align: bottom; color: var(--soft); }
thead tr:last-child th { border-bottom: 1.5px solid var(--line); }
th.group { text-align: center; border-bottom: 1px solid var(--line); font-weight: 500; }
th, td { padding: .32rem .7rem; white-space: nowrap; }
.n { text-align: right; }
tbody tr + tr td { border-top: 1px solid var(--line); }
tr.ours td { background: var(--ours); color: var(--ours-ink); font-weight: 600; }
.details tr.ours td { background: none; color: inherit; font-weight: 400; }
tr.cannot td { color: var(--warn); }
.notes { color: var(--soft); font-size: .84rem; }
.notes p { margin: .3rem 0; max-width: 100ch; }
figure { margin: 1.6rem 0; padding: 1rem 1.1rem .8rem; background: var(--raised); border-radius: 10px; }
figcaption { color: var(--soft); font-size: .88rem; }
figcaption b { display: block; color: var(--ink); font-size: .98rem; margin-bottom: .1rem; }
.plot svg { width: 100%; height: auto; display: block; margin: .5rem 0; }
.plot text { fill: var(--ink); font-family: inherit; }
.plot [color="black"] { color: var(--ink); }
@media print { body { font-size: 12px; } h2 { break-after: avoid; } figure, tr { break-inside: avoid; } }
)css";

}  // namespace bitale::bench
