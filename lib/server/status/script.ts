/** The page's script. Text of others is set as text, never as HTML. */
export const pageScript = `'use strict'
const $=id=>document.getElementById(id)
const show=(id,text)=>{$(id).textContent=text}
const ms=x=>x===null?'–':x<1000?Math.round(x)+' ms':(x/1000).toFixed(1)+' s'
const css=name=>getComputedStyle(document.documentElement).getPropertyValue(name).trim()
const mean=list=>list.reduce((a,b)=>a+b,0)/list.length
function chart(values){
  const c=$('chart'),g=c.getContext('2d'),top=Math.max(10,...values)
  g.clearRect(0,0,c.width,c.height)
  g.fillStyle=css('--soft');g.font='22px system-ui';g.fillText(Math.round(top),4,22)
  g.beginPath();g.moveTo(0,c.height)
  values.forEach((v,i)=>g.lineTo(i*c.width/(values.length-1),c.height-2-v/top*(c.height-30)))
  g.lineTo(c.width,c.height);g.globalAlpha=.18;g.fillStyle=css('--mark');g.fill();g.globalAlpha=1
  g.strokeStyle=css('--mark');g.lineWidth=3;g.stroke()
}
function experts(layers){
  const c=$('experts'),wide=layers[0]?.tokens.length??0
  if(!wide)return show('imbalance','This model has no experts.')
  if(c.width!==wide||c.height!==layers.length){c.width=wide;c.height=layers.length}
  c.style.height=Math.min(420,Math.max(6,Math.round(240/layers.length))*layers.length)+'px'
  const g=c.getContext('2d'),img=g.createImageData(wide,layers.length)
  layers.forEach(({tokens},y)=>{
    const top=Math.max(1,...tokens)
    tokens.forEach((n,x)=>{const s=Math.sqrt(n/top),at=4*(y*wide+x)
      img.data.set([40+s*200,60+s*70,150-s*110,60+s*195],at)})
  })
  g.putImageData(img,0,0)
  const worst=layers.reduce((a,b)=>a.imbalance>b.imbalance?a:b)
  show('imbalance','Busiest expert over the mean: '+worst.imbalance.toFixed(2)+' in layer '+worst.layer)
}
function draw(s){
  show('model',s.model);$('state').dataset.state=s.state
  show('state',s.state==='loading'?'loading '+Math.round(100*s.progress)+' %':s.state)
  const r=s.recent
  show('tps',mean(r.tokensPerSecond.slice(-5)).toFixed(1));show('rps',mean(r.requestsPerSecond.slice(-5)).toFixed(1))
  show('ttft',ms(r.timeToFirstTokenMs.p50)+' / '+ms(r.timeToFirstTokenMs.p99))
  show('e2e',ms(r.endToEndMs.p50)+' / '+ms(r.endToEndMs.p99))
  chart(r.tokensPerSecond)
  const e=s.engine;if(!e)return
  show('queue',e.running+' / '+e.waiting)
  show('hits',e.promptTokens?Math.round(100*e.cachedTokens/e.promptTokens)+' %':'–')
  const {total,used,cached}=e.pages,idle=Math.min(cached,total-used)
  $('used').style.width=100*used/total+'%';$('cached').style.width=100*idle/total+'%'
  show('pages',used+' in use, '+cached+' kept for prompts that begin alike, '+total+' in all')
  experts(e.experts)
}
async function poll(){
  try{
    const r=await fetch('status');if(!r.ok)throw 0
    draw(await r.json())
  }catch{show('state','no answer');$('state').dataset.state=''}
  setTimeout(poll,document.hidden?5000:1000)
}
poll()
const history=[];let stopper
function line(kind,text){
  const d=document.createElement('div');d.className=kind;d.textContent=text
  $('log').append(d);d.scrollIntoView({block:'end'});return d
}
async function ask(){
  stopper=new AbortController();$('stop').hidden=false
  let answer,thought,text='',rest='',piece=new TextDecoder()
  try{
    const r=await fetch('v1/chat/completions',{method:'POST',signal:stopper.signal,
      headers:{'content-type':'application/json'},body:JSON.stringify({messages:history,stream:true})})
    if(!r.ok)throw Error((await r.json()).error.message)
    for(let reader=r.body.getReader(),x;!(x=await reader.read()).done;){
      rest+=piece.decode(x.value,{stream:true});const lines=rest.split('\\n');rest=lines.pop()
      for(const l of lines){
        if(!l.startsWith('data: ')||l.endsWith('[DONE]'))continue
        const m=JSON.parse(l.slice(6));if(m.error)throw Error(m.error.message)
        const d=m.choices[0]?.delta??{}
        if(d.reasoning_content){thought??=line('thought','');thought.textContent+=d.reasoning_content}
        if(d.content){answer??=line('it','');text+=d.content;answer.textContent=text}
      }
    }
  }catch(e){if(e.name!=='AbortError')line('wrong',e.message)}
  if(text)history.push({role:'assistant',content:text});else history.pop()
  $('stop').hidden=true
}
$('chat').addEventListener('submit',e=>{
  e.preventDefault();const content=$('say').value.trim();if(!content||!$('stop').hidden)return
  $('say').value='';line('me',content);history.push({role:'user',content});ask()
})
$('stop').addEventListener('click',()=>stopper?.abort())`
