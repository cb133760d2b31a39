"""The style of the page.

One column on a phone, pictures side by side where it is wide, light or dark.
"""

from __future__ import annotations

from minigrad.charts import CHART_STYLE

__all__ = ["PAGE_STYLE", "STYLE"]

PAGE_STYLE = """
:root{--ground:#fff;--text:#1c2024;--soft:#5b6570;--rule:#d9dee3;--panel:#f5f7f9;--fault:#b3261e;--note:#8a5a00;
--sound:#1b6e3a}
@media (prefers-color-scheme:dark){:root{--ground:#14171a;--text:#e6e9ec;--soft:#a2acb6;--rule:#353c43;--panel:#1e2327;
--fault:#ff8a80;--note:#f2c14e;--sound:#7ddc9c}}
*{box-sizing:border-box}
body{margin:0;background:var(--ground);color:var(--text);font:16px/1.5 system-ui,sans-serif}
main{max-width:72rem;margin:0 auto;padding:1rem}
h1{font-size:1.5rem;margin:.5rem 0 0;overflow-wrap:anywhere}h2{font-size:1.15rem;margin:1.8rem 0 .5rem}
h3{font-size:1rem;margin:0 0 .3rem;overflow-wrap:anywhere}
header p,small,figcaption small{color:var(--soft)}
.finding{border-left:4px solid var(--rule);background:var(--panel);padding:.7rem 1rem;margin:.6rem 0;border-radius:4px}
.finding p{margin:.2rem 0;overflow-wrap:anywhere}.finding ul{margin:.3rem 0 0;padding-left:1.2rem}
.finding.fault{border-color:var(--fault)}.finding.fault h3,b.fault{color:var(--fault)}
.finding.note{border-color:var(--note)}.finding.note h3,b.note{color:var(--note)}
.finding.sound{border-color:var(--sound);color:var(--sound)}b.ok{color:var(--sound)}b.skipped{color:var(--soft)}
.scroll{overflow-x:auto}table{border-collapse:collapse;font-size:.9rem;font-variant-numeric:tabular-nums}
th,td{text-align:left;padding:.25rem .8rem .25rem 0;border-bottom:1px solid var(--rule);vertical-align:top}
th{color:var(--soft);font-weight:600}td:first-child{white-space:nowrap}
.figures th,.figures td{text-align:right;padding:.25rem 0 .25rem .9rem}.figures td:first-child{padding-left:0}
.narrow{display:none}
@media (max-width:40rem){.figures{font-size:.8rem}.figures th,.figures td{padding-left:.35rem}.narrow{display:block}
.figures .minor{display:none}.cards,.cards tbody,.cards tr{display:block;width:100%}.cards tr:first-child{display:none}
.cards tr{padding:.4rem 0;border-bottom:1px solid var(--rule)}.cards td{display:flex;justify-content:space-between;
gap:1rem;border:0;padding:.1rem 0;overflow-wrap:anywhere}.cards td::before{content:attr(data-head);color:var(--soft)}}
figure.wide{grid-column:1/-1}
pre{white-space:pre-wrap;overflow-wrap:anywhere;background:var(--panel);padding:.8rem;border-radius:4px;overflow-x:auto}
.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,26rem),1fr));gap:1rem}
figure{margin:0;min-width:0}figcaption{font-weight:600}figcaption small{font-weight:400}
svg{width:100%;height:auto;display:block}
@media (max-width:40rem){.tick:not(.small),.axis-label:not(.small){font-size:17px}}
.plots{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,13rem),1fr));gap:.6rem}
@media (min-width:40rem){.plots{grid-template-columns:repeat(auto-fit,minmax(10rem,1fr))}}
.plots span{font-size:.85rem;color:var(--soft);overflow-wrap:anywhere}.plots .tick,.plots .axis-label{font-size:13px}
.legend{display:flex;flex-wrap:wrap;gap:.1rem .9rem;font-size:.85rem;color:var(--soft)}
.key{display:flex;align-items:center;overflow-wrap:anywhere}.key i{flex:none;width:1.2rem;margin-right:.35rem;
border-style:solid;border-width:3px 0 0;height:0}.key i.faint{opacity:.4}.key i.dashed{border-top-style:dashed}
.key i.dotted{border-top-style:dotted}.key i.area{border-top-width:.8rem;opacity:.25}

.key i.points{width:.4rem;height:.4rem;border-width:1px;border-radius:50%}
.key i.ring{width:.7rem;height:.7rem;border-width:1.5px;border-radius:50%}
.chart-note{margin:.2rem 0 0;font-size:.85rem;color:var(--soft)}
"""

STYLE = f"{CHART_STYLE}{PAGE_STYLE}"
"""The style of the page: that of the charts first.

The page makes their text larger on a phone.
"""
