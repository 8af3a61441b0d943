/** The page's style. */
export const pageStyle = `
:root{color-scheme:light dark;--ink:#1c2024;--paper:#f6f7f8;--card:#fff;--line:#e3e6ea;--soft:#626b76;--mark:#3b6fd4;--hot:#d9541e;--on:#fff}
@media(prefers-color-scheme:dark){:root{--ink:#e8eaed;--paper:#14171a;--card:#1c2024;--line:#30373e;--soft:#9aa4af;--mark:#7ea6f4;--hot:#f08a55;--on:#14171a}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:15px/1.5 system-ui,sans-serif;font-variant-numeric:tabular-nums}
header,main{max-width:1080px;margin:auto;padding:0 24px}
header{display:flex;gap:4px 16px;align-items:baseline;flex-wrap:wrap;padding-top:20px}
h1{font-size:22px;margin:0}
h2{font-size:15px;margin:0 0 10px}
small,i,#model,p{color:var(--soft);font-style:normal;font-weight:400}
small{font-size:13px;margin-left:6px}
p{margin:8px 0 0;font-size:13px}
#model{overflow-wrap:anywhere}
#state{margin-left:auto;padding:2px 10px;border:1px solid var(--line);border-radius:12px;color:var(--hot)}
#state[data-state=ready]{color:var(--mark);border-color:var(--mark)}
main{padding-top:16px;padding-bottom:40px;display:grid;grid-template-columns:minmax(0,1fr);gap:14px}
section{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:16px}
.tiles{display:grid;grid-template-columns:repeat(6,1fr);gap:16px}
.tiles b{display:block;font-size:22px;line-height:1.3}
.tiles i{display:block;font-size:13px;line-height:1.35}
canvas{width:100%;display:block}
#chart{height:150px}
.ends{display:flex;flex-wrap:wrap;justify-content:space-between;gap:2px 16px}
.scale{display:flex;align-items:center;gap:8px}
.ramp{width:90px;height:10px;border:1px solid var(--line);border-radius:3px;background:linear-gradient(90deg,transparent,var(--hot))}
.bar{display:flex;height:14px;background:var(--line);border-radius:7px;overflow:hidden}
#used{background:var(--hot)}
#cached{background:var(--mark)}
.key::before{content:"";display:inline-block;width:9px;height:9px;border-radius:2px;margin-right:6px;background:var(--line)}
.key{margin-right:16px}
.key.used::before{background:var(--hot)}
.key.cached::before{background:var(--mark)}
#log{max-height:320px;overflow:auto;white-space:pre-wrap;overflow-wrap:anywhere;display:flex;flex-direction:column;gap:8px}
#log:not(:empty){margin-bottom:12px}
#log .me{align-self:flex-end;max-width:85%;padding:6px 12px;border-radius:10px;background:var(--paper);border:1px solid var(--line)}
#log .thought{color:var(--soft);font-size:13px;border-left:2px solid var(--line);padding-left:10px}
#log .cost{color:var(--soft);font-size:12px}
#log .wrong{color:var(--hot)}
form{display:flex;gap:8px}
input{flex:1;min-width:0;padding:8px 12px;border:1px solid var(--line);border-radius:8px;background:var(--paper);color:inherit;font:inherit}
button{padding:8px 16px;border:0;border-radius:8px;background:var(--mark);color:var(--on);font:inherit;cursor:pointer}
button:disabled{opacity:.5;cursor:default}
:focus-visible{outline:2px solid var(--mark);outline-offset:1px}
@media(max-width:900px){.tiles{grid-template-columns:repeat(3,1fr)}}
@media(max-width:560px){#model{order:1;width:100%}header,main{padding-left:12px;padding-right:12px}.tiles{grid-template-columns:repeat(2,1fr)}
h2 small{display:block;margin:2px 0 0}section{padding:14px}input{font-size:16px}}`
