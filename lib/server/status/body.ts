/** The page's elements. */
export const pageBody = `
<header><h1>Conclave</h1><span id="model"></span><span id="state" role="status">…</span></header>
<main>
<section class="tiles" aria-label="Now">
<div><b id="tps">–</b><i>tokens / s</i></div>
<div><b id="rps">–</b><i>requests / s</i></div>
<div><b id="ttft">–</b><i>first token, p50 / p99</i></div>
<div><b id="e2e">–</b><i>whole answer, p50 / p99</i></div>
<div><b id="queue">–</b><i>running / waiting</i></div>
<div><b id="hits">–</b><i>prompt from cache</i></div>
</section>
<section><h2>Throughput <small>tokens a second, two minutes</small></h2>
<canvas id="chart" width="1200" height="160" role="img" aria-label="Tokens a second"></canvas>
</section>
<section><h2>KV pages</h2>
<div class="bar" role="img" aria-label="KV pages"><div id="used"></div><div id="cached"></div></div>
<p id="pages"></p></section>
<section><h2>Experts <small>share of each layer's tokens: a row is a layer, a cell an expert</small></h2>
<canvas id="experts" width="1200" height="10" role="img" aria-label="Expert load"></canvas>
<p id="imbalance"></p></section>
<section><h2>Try it</h2><div id="log" aria-live="polite"></div>
<form id="chat"><input id="say" autocomplete="off" placeholder="Say something" aria-label="Message">
<button>Send</button><button type="button" id="stop" hidden>Stop</button></form></section>
</main>`
