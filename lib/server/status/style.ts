/** The page's style. */
export const pageStyle = `
:root{color-scheme:light dark;--ink:#1c2024;--paper:#fafafa;--card:#fff;--line:#e3e6ea;--soft:#68717d;--mark:#3b6fd4;--hot:#e0662b}
@media(prefers-color-scheme:dark){:root{--ink:#e8eaed;--paper:#14171a;--card:#1c2024;--line:#2c3238;--soft:#98a2ad;--mark:#7ea6f4;--hot:#f0905e}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:15px/1.5 system-ui,sans-serif}
header{display:flex;gap:16px;align-items:baseline;padding:20px 24px 0;max-width:1080px;margin:auto}
h1{font-size:22px;margin:0}
h2{font-size:15px;margin:0 0 10px}
small,i,#model,p{color:var(--soft);font-style:normal;font-weight:400}
small{font-size:13px;margin-left:6px}
p{margin:8px 0 0;font-size:13px}
#state{margin-left:auto;padding:2px 10px;border:1px solid var(--line);border-radius:12px}
#state[data-state=ready]{color:var(--mark);border-color:var(--mark)}
main{max-width:1080px;margin:auto;padding:16px 24px 40px;display:grid;gap:14px}
section{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:16px}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(165px,1fr));gap:12px}
.tiles b{display:block;font-size:19px;font-variant-numeric:tabular-nums}
.tiles i{font-size:13px}
canvas{width:100%;display:block}
#chart{height:160px}
#experts{image-rendering:pixelated;border-radius:4px}
.bar{display:flex;height:14px;background:var(--line);border-radius:7px;overflow:hidden}
#used{background:var(--hot)}
#cached{background:var(--mark)}
#log{max-height:320px;overflow:auto;white-space:pre-wrap;overflow-wrap:anywhere}
#log div{margin:0 0 8px}
#log .me{color:var(--soft)}
#log .me::before{content:"› "}
#log .thought{color:var(--soft);font-size:13px}
#log .wrong{color:var(--hot)}
form{display:flex;gap:8px;margin-top:8px}
input{flex:1;padding:8px 12px;border:1px solid var(--line);border-radius:8px;background:var(--paper);color:inherit;font:inherit}
button{padding:8px 16px;border:0;border-radius:8px;background:var(--mark);color:var(--card);font:inherit;cursor:pointer}`
