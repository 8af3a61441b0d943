/**
 * The page on which a person looks through the queue and decides. Self-contained; it holds no
 * data and fetches it with the key that the person enters.
 * @module
 */
import { statuses } from './case.ts'
import { reportKinds } from './report-schema.ts'
import { reviewScript } from './review-script.ts'

const style = `
:root{color-scheme:light dark;--line:#8885;--accent:#0a58ca;--bad:#b00020}
*{box-sizing:border-box}body{font:15px/1.45 system-ui,"Noto Sans CJK SC",sans-serif;margin:0}
header{display:flex;gap:1em;align-items:center;padding:.6em 1em;border-bottom:1px solid var(--line);flex-wrap:wrap}
h1{font-size:1.1em;margin:0}main{display:grid;grid-template-columns:minmax(20em,1fr) 2fr;min-height:80vh}
#queue{border-right:1px solid var(--line);overflow:auto}
#queue button{display:block;width:100%;text-align:left;border:0;border-bottom:1px solid var(--line);background:none;color:inherit;font:inherit;padding:.6em 1em;cursor:pointer}
#queue button[aria-current=true]{background:#0a58ca22}#queue small,.dim{opacity:.7}
.late{color:var(--bad);font-weight:600}#detail{padding:1em;overflow:auto}
blockquote{margin:.4em 0;padding:.4em .8em;border-left:3px solid var(--accent);background:#8881;white-space:pre-wrap;overflow-wrap:anywhere}
#decide{display:grid;gap:.5em;max-width:40em;margin-top:1em}input,select,textarea,form button{font:inherit;padding:.35em .5em}
#message{padding:.3em 1em;min-height:1.9em}.note{border:1px solid var(--bad);padding:.5em .8em}#unexamined{margin:0 1em .5em}
@media(max-width:50em){main{grid-template-columns:1fr}}`

const notice =
  'A program put these cases together from rules. It decides nothing: a person examines, decides ' +
  'and files. Nobody who is named here may learn of a case.'

const option = (name: string): string => `<option value="${name}">${name}</option>`

/** The page; `nonce` is that of its content security policy. */
export function reviewPage(nonce: string): string {
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Cases · Conclave</title>
<meta name="viewport" content="width=device-width"><meta name="referrer" content="no-referrer">
<style nonce="${nonce}">${style}</style></head><body>
<header><h1>Cases</h1>
<form id="key-form"><label>Key <input id="key" type="password" autocomplete="off" required></label>
<label>Reviewer <input id="reviewer" autocomplete="name" required maxlength="200"></label><button>Open</button></form>
<label>Show <select id="status">${statuses.map(option).join('')}<option value="">all</option></select></label>
<label>Report <select id="kind">${reportKinds.map(option).join('')}</select></label>
<button id="export-html">Printable</button><button id="export-json">JSON</button></header>
<div id="message" role="status"></div><p id="unexamined" class="note" hidden></p>
<main><nav id="queue" aria-label="Queue"></nav><article id="detail"><p class="note">${notice}</p></article></main>
<script nonce="${nonce}">${reviewScript}</script></body></html>`
}
