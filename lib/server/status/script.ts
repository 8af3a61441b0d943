/** The page's script. Text of others is set as text, never as HTML. */
export const pageScript = `'use strict'
const $=id=>document.getElementById(id)
const show=(id,text)=>{$(id).textContent=text}
const ms=x=>x===null?'–':x<1000?Math.round(x)+' ms':(x/1000).toFixed(1)+' s'
const css=name=>getComputedStyle(document.documentElement).getPropertyValue(name).trim()
const count=n=>n.toLocaleString('en')
const mean=list=>list.reduce((a,b)=>a+b,0)/list.length
/** A canvas at the resolution of the screen: its pen, and its size in CSS pixels. */
function pen(id,height){
  const c=$(id),dots=devicePixelRatio||1,width=c.clientWidth
  if(height)c.style.height=height+'px'
  const tall=height||c.clientHeight
  c.width=Math.round(width*dots);c.height=Math.round(tall*dots)
  const g=c.getContext('2d');g.scale(dots,dots);return{g,width,height:tall}
}
/** 1, 2 or 5 times a power of ten, at least v. */
function round(v){const p=10**Math.floor(Math.log10(v));return[1,2,5,10].find(k=>k*p>=v)*p}
function chart(values){
  const{g,width,height}=pen('chart'),top=round(Math.max(10,...values)),foot=height-2,tall=height-18
  const y=v=>foot-v/top*tall
  g.font='12px system-ui,sans-serif';g.lineWidth=1
  for(const v of [top,top/2,0]){
    g.strokeStyle=css('--line');g.beginPath();g.moveTo(0,Math.round(y(v))+.5);g.lineTo(width,Math.round(y(v))+.5);g.stroke()
    if(v){g.fillStyle=css('--soft');g.fillText(count(v),0,y(v)-4)}
  }
  show('quiet',values.some(v=>v)?'':'nothing was asked')
  g.beginPath();g.moveTo(0,foot)
  values.forEach((v,i)=>g.lineTo(i*width/(values.length-1),y(v)))
  g.lineTo(width,foot);g.globalAlpha=.18;g.fillStyle=css('--mark');g.fill();g.globalAlpha=1
  g.beginPath();values.forEach((v,i)=>g.lineTo(i*width/(values.length-1),y(v)))
  g.strokeStyle=css('--mark');g.lineWidth=2;g.lineJoin='round';g.stroke()
}
let layers=[],pointed
function experts(){
  const wide=layers[0]?.tokens.length??0
  if(!wide)return show('imbalance','This model has no experts.')
  const row=Math.min(28,Math.max(5,Math.round(240/layers.length)))
  const{g,width}=pen('experts',row*layers.length),gap=row>8?1:0
  layers.forEach(({tokens},y)=>{
    const twice=2*mean(tokens)
    tokens.forEach((n,x)=>{
      const left=Math.round(x*width/wide),right=Math.round((x+1)*width/wide)
      const cell=[left,y*row,right-left-gap,row-gap]
      g.globalAlpha=1;g.fillStyle=css('--paper');g.fillRect(...cell)
      g.globalAlpha=twice?Math.min(1,n/twice):0;g.fillStyle=css('--hot');g.fillRect(...cell)
    })
  })
  const worst=layers.reduce((a,b)=>a.imbalance>b.imbalance?a:b),at=pointed&&layers[pointed.y]
  if(at)show('imbalance','Layer '+at.layer+', expert '+pointed.x+': '+count(at.tokens[pointed.x])+' tokens')
  else show('imbalance',worst.imbalance?'Busiest: '+worst.imbalance.toFixed(2)+' × the mean, in layer '+worst.layer:'No token yet.')
}
$('experts').addEventListener('pointermove',e=>{
  const box=$('experts').getBoundingClientRect(),of=(at,size,n)=>Math.min(n-1,Math.max(0,Math.floor(at/size*n)))
  if(!layers[0])return
  pointed={x:of(e.clientX-box.left,box.width,layers[0].tokens.length),y:of(e.clientY-box.top,box.height,layers.length)}
  experts()
})
$('experts').addEventListener('pointerleave',()=>{pointed=undefined;experts()})
function key(kind,text){const s=document.createElement('span');s.className='key '+kind;s.textContent=text;return s}
function pages({total,used,cached}){
  const idle=Math.min(cached,total-used)
  $('used').style.width=100*used/total+'%';$('cached').style.width=100*idle/total+'%'
  show('share',Math.round(100*used/total)+' % in use')
  $('pages').replaceChildren(key('used',count(used)+' in use'),
    key('cached',count(idle)+' kept for prompts that begin alike'),key('',count(total)+' in all'))
}
function draw(s){
  show('model',s.model+(s.maxContext?' · '+count(s.maxContext)+' tokens of context':''));$('state').dataset.state=s.state
  show('state',s.state==='loading'?'loading '+Math.round(100*s.progress)+' %':s.state)
  $('send').disabled=s.state!=='ready'
  const r=s.recent
  show('tps',mean(r.tokensPerSecond.slice(-5)).toFixed(1));show('rps',mean(r.requestsPerSecond.slice(-5)).toFixed(1))
  for(const[id,{p50,p99}]of[['ttft',r.timeToFirstTokenMs],['e2e',r.endToEndMs]]){
    show(id,ms(p50));show(id+'99',p99===null?'':'p99 '+ms(p99))
  }
  chart(r.tokensPerSecond)
  const e=s.engine;if(!e)return show('pages','There is no model yet.')
  show('queue',e.running);show('waiting',e.waiting+' waiting')
  show('hits',e.promptTokens?Math.round(100*e.cachedTokens/e.promptTokens)+' %':'–')
  pages(e.pages);layers=e.experts;experts()
}
async function poll(){
  let s
  try{
    const r=await fetch('status');if(!r.ok)throw 0
    s=await r.json()
  }catch{show('state','no answer');$('state').dataset.state='';$('send').disabled=true}
  setTimeout(poll,document.hidden?5000:1000)
  if(s)draw(s)
}
poll()
const history=[];let stopper
const down=()=>{$('log').scrollTop=$('log').scrollHeight}
function line(kind,text){
  const d=document.createElement('div');d.className=kind;d.textContent=text
  $('log').append(d);down();return d
}
async function ask(){
  stopper=new AbortController();$('stop').hidden=false;$('send').hidden=true
  let answer,thought,usage,text='',rest='',piece=new TextDecoder(),begun=performance.now()
  try{
    const r=await fetch('v1/chat/completions',{method:'POST',signal:stopper.signal,
      headers:{'content-type':'application/json'},body:JSON.stringify({messages:history,stream:true,
        stream_options:{include_usage:true}})})
    if(!r.ok)throw Error((await r.json()).error.message)
    for(let reader=r.body.getReader(),x;!(x=await reader.read()).done;){
      rest+=piece.decode(x.value,{stream:true});const lines=rest.split('\\n');rest=lines.pop()
      for(const l of lines){
        if(!l.startsWith('data: ')||l.endsWith('[DONE]'))continue
        const m=JSON.parse(l.slice(6));if(m.error)throw Error(m.error.message)
        usage=m.usage??usage;const d=m.choices[0]?.delta??{}
        if(d.reasoning_content){thought??=line('thought','');thought.textContent+=d.reasoning_content}
        if(d.content){answer??=line('it','');text+=d.content;answer.textContent=text}
        down()
      }
    }
  }catch(e){if(e.name!=='AbortError')line('wrong',e.message)}
  if(text)history.push({role:'assistant',content:text});else history.pop()
  if(usage)line('cost',count(usage.completion_tokens)+' tokens in '+ms(performance.now()-begun))
  $('stop').hidden=true;$('send').hidden=false
}
$('chat').addEventListener('submit',e=>{
  e.preventDefault();const content=$('say').value.trim();if(!content||!$('stop').hidden)return
  $('say').value='';line('me',content);history.push({role:'user',content});ask()
})
$('stop').addEventListener('click',()=>stopper?.abort())`
