/** The page's elements. */
export const pageBody = `
<header><h1>Conclave</h1><span id="model"></span><span id="state" role="status">…</span></header>
<main>
<section class="tiles" aria-label="Now">
<div><b id="tps">–</b><i>tokens a second</i></div>
<div><b id="rps">–</b><i>requests a second</i></div>
<div><b id="ttft">–</b><i>first token, median</i><i id="ttft99"></i></div>
<div><b id="e2e">–</b><i>whole answer, median</i><i id="e2e99"></i></div>
<div><b id="queue">–</b><i>running</i><i id="waiting"></i></div>
<div><b id="hits">–</b><i>prompt from cache</i></div>
</section>
<section><h2>Throughput <small>tokens a second</small></h2>
<canvas id="chart" role="img" aria-label="Tokens a second in the last two minutes"></canvas>
<p class="ends"><span>2 minutes ago</span><span id="quiet"></span><span>now</span></p></section>
<section><h2>KV pages <small id="share"></small></h2>
<div class="bar" role="img" aria-label="KV pages"><div id="used"></div><div id="cached"></div></div>
<p id="pages"></p></section>
<section><h2>Experts <small>tokens that chose each: a row is a layer, a cell an expert</small></h2>
<canvas id="experts" role="img" aria-label="Tokens of each expert"></canvas>
<p class="ends"><span id="imbalance"></span>
<span class="scale">none<span class="ramp"></span>twice the mean</span></p></section>
<section><h2>Try it</h2><div id="log" aria-live="polite"></div>
<form id="chat"><input id="say" autocomplete="off" placeholder="Say something" aria-label="Message">
<button id="send">Send</button><button type="button" id="stop" hidden>Stop</button></form></section>
</main>`
