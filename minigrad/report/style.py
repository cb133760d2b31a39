"""The style of the page: one column on a phone, pictures side by side where it is wide, light or dark."""

from __future__ import annotations

__all__ = ["STYLE"]

STYLE = """
:root{--ground:#fff;--text:#1c2024;--soft:#5b6570;--rule:#d9dee3;--panel:#f5f7f9;--fault:#b3261e;--note:#8a5a00;
--sound:#1b6e3a;--c0:#1f6fb4;--c1:#c8372d;--c2:#2b8a3e;--c3:#8e44ad;--c4:#b8690b;--c5:#0b8793;--c6:#a8326d;--c7:#68727c}
@media (prefers-color-scheme:dark){:root{--ground:#14171a;--text:#e6e9ec;--soft:#a2acb6;--rule:#353c43;--panel:#1e2327;
--fault:#ff8a80;--note:#f2c14e;--sound:#7ddc9c;--c0:#6cb2f0;--c1:#ff8a80;--c2:#7ddc9c;--c3:#d0a3ec;--c4:#f2b05e;
--c5:#5ed3df;--c6:#f39ac7;--c7:#a2acb6}}
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
th{color:var(--soft);font-weight:600;white-space:nowrap}td{min-width:3rem}
pre{background:var(--panel);padding:.8rem;border-radius:4px;overflow-x:auto}
.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,26rem),1fr));gap:1rem}
figure{margin:0;min-width:0}figcaption{font-weight:600}figcaption small{font-weight:400}
svg{width:100%;height:auto;display:block}
.grid{stroke:var(--rule);stroke-width:1}.axis{stroke:var(--soft);stroke-width:1}
.tick{fill:var(--soft);font-size:13px}@media (max-width:40rem){.tick{font-size:18px}}
.line{fill:none;stroke-width:2;stroke-linejoin:round}.line.faint{stroke-width:1;opacity:.35}
.line.dashed{stroke-dasharray:5 4}
.c0{stroke:var(--c0);--c:var(--c0)}.c1{stroke:var(--c1);--c:var(--c1)}.c2{stroke:var(--c2);--c:var(--c2)}
.c3{stroke:var(--c3);--c:var(--c3)}.c4{stroke:var(--c4);--c:var(--c4)}.c5{stroke:var(--c5);--c:var(--c5)}
.c6{stroke:var(--c6);--c:var(--c6)}.c7{stroke:var(--c7);--c:var(--c7)}
.legend{display:flex;flex-wrap:wrap;gap:.1rem .9rem;font-size:.85rem;color:var(--soft)}
.key{white-space:nowrap}.key i{display:inline-block;width:1.2rem;border-top:3px solid var(--c);margin-right:.35rem;
vertical-align:middle}.key i.faint{opacity:.4}.key i.dashed{border-top-style:dashed}
"""
