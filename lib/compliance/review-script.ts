/**
 * The script of the review page. Whatever comes from a case is set as text, never as HTML.
 * @module
 */
import { decisions } from './case.ts'

export const reviewScript = `
'use strict'
const $ = id => document.getElementById(id)
const base = location.pathname.replace(/\\/$/, '')
let key = ''
let reviewer = ''
const say = text => { $('message').textContent = text }
function make(tag, text, attributes = {}) {
  const element = document.createElement(tag)
  if (text !== undefined) element.textContent = text
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value)
  return element
}
async function ask(path, options = {}) {
  const headers = { authorization: 'Bearer ' + key, ...options.headers }
  const response = await fetch(base + '/api/' + path, { ...options, headers })
  if (!response.ok) {
    const { error } = await response.json().catch(() => ({}))
    throw Error(error?.message ?? 'The server answered ' + response.status)
  }
  return response
}
const guarded = work => async event => {
  event?.preventDefault?.()
  try { await work(event) } catch (error) { say(error.message) }
}
async function showQueue() {
  $('queue').replaceChildren()
  await showMore('')
}
async function showMore(after) {
  const query = 'cases?status=' + $('status').value + '&after=' + encodeURIComponent(after)
  const { cases, next, texts } = await (await ask(query)).json()
  const queue = $('queue')
  $('more')?.remove()
  for (const one of cases) {
    const button = make('button', undefined, { 'data-id': one.id })
    button.append(make('strong', one.regime.replace('_', ' ')), ' ', make('span', one.subject), make('br'))
    const late = one.status === 'open' && one.deadline < new Date().toISOString()
    button.append(make('small', 'score ' + one.score.toFixed(2) + ' · ' + one.hits + ' hits · decide by ' + one.deadline.slice(0, 10), late ? { class: 'late' } : {}))
    button.onclick = guarded(() => showCase(one.id))
    queue.append(button)
  }
  const count = queue.childElementCount
  say(count + (count === 1 ? ' case' : ' cases') + (next === null ? '' : ' so far'))
  $('unexamined').hidden = texts.unexamined === 0
  $('unexamined').textContent = texts.unexamined + ' texts were not examined since the start; the audit log names each.'
  if (next === null) return
  const more = make('button', 'More', { id: 'more' })
  more.onclick = guarded(() => showMore(next))
  queue.append(more)
}
async function showCase(id) {
  const one = await (await ask('cases/' + encodeURIComponent(id))).json()
  for (const button of $('queue').querySelectorAll('[data-id]')) button.setAttribute('aria-current', button.dataset.id === id)
  const detail = $('detail')
  detail.replaceChildren(make('h2', one.regime.replace('_', ' ') + ' · ' + one.subject))
  detail.append(make('p', 'Case ' + one.id + ', ' + one.status + ', opened ' + one.openedAt, { class: 'dim' }))
  for (const hit of one.hitList) {
    detail.append(make('h3', hit.rule + ' (' + hit.score.toFixed(2) + ')'), make('p', hit.explanation))
    detail.append(make('blockquote', hit.excerpt))
    const entries = hit.entries.length > 0 ? ' · ' + hit.entries.join(', ') : ''
    detail.append(make('p', hit.at + ' · ' + hit.direction + ' · request ' + hit.requestId + ' · ' + hit.start + '–' + hit.end + entries, { class: 'dim' }))
  }
  if (one.reviews.length > 0) detail.append(make('h3', 'Reviews'))
  for (const review of one.reviews)
    detail.append(make('p', review.at + ' · ' + review.reviewer + ' · ' + review.decision + ': ' + review.reason))
  if (one.status === 'open') detail.append(decisionForm(id))
}
function decisionForm(id) {
  const form = make('form', undefined, { id: 'decide' })
  const decision = make('select', undefined, { name: 'decision' })
  for (const name of ${JSON.stringify(decisions)}) decision.append(make('option', name, { value: name }))
  const reason = make('textarea', undefined, { name: 'reason', required: '', rows: '3', placeholder: 'Reason', maxlength: '4000' })
  form.append(make('label', 'Decision'), decision, reason, make('button', 'Record the decision'))
  form.onsubmit = guarded(async () => {
    const body = JSON.stringify({ reviewer, decision: decision.value, reason: reason.value })
    await ask('cases/' + encodeURIComponent(id) + '/review', { method: 'POST', body, headers: { 'content-type': 'application/json' } })
    await showQueue()
    await showCase(id)
    say('Recorded.')
  })
  return form
}
async function save(format) {
  const response = await ask('report?kind=' + $('kind').value + '&format=' + format)
  const link = make('a', undefined, { href: URL.createObjectURL(await response.blob()), download: 'report-' + $('kind').value + '.' + format })
  link.click()
  say('Report saved: a person completes and files it.')
}
$('key-form').onsubmit = guarded(() => {
  key = $('key').value
  reviewer = $('reviewer').value
  return showQueue()
})
$('status').onchange = guarded(showQueue)
$('export-html').onclick = guarded(() => save('html'))
$('export-json').onclick = guarded(() => save('json'))
`
