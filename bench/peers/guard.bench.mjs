// What the guard and other packages find in the same texts: recall and precision by category.
//   node bench/peers/guard.bench.mjs --texts 10200 [--peers FOLDER --spacy MODEL]
// FOLDER is a folder in which were run
//   npm install @openai/guardrails @openredaction/openredaction redact-pii
//   python3 -m venv venv && venv/bin/pip install presidio-analyzer SPACY_MODEL
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { fromSource } from '../../scripts/from-source.mjs'

const { values: flags } = parseArgs({
  options: {
    texts: { type: 'string', default: '10200' },
    peers: { type: 'string' },
    spacy: { type: 'string', default: 'en_core_web_sm' },
  },
})

/** Names of the others' types → ours; a type that is not here has no column of ours. */
const categoryOf = type => {
  const name = type.toUpperCase()
  const table = [
    [/CREDIT_?CARD|^CC$/, 'bank_card'],
    [/EMAIL/, 'email'],
    [/PHONE/, 'phone'],
    [/IBAN/, 'iban'],
    [/SSN|SOCIAL_SECURITY/, 'us_ssn'],
    [/MAC_ADDRESS/, 'mac_address'],
    [/^IP|IPV[46]/, 'ip_address'],
    [/PASSPORT/, 'travel_document'],
    [/PERSON|^NAME|_NAME/, 'person_name'],
    [/ADDRESS|LOCATION|STREET/, 'address'],
    [/KEY|TOKEN|SECRET|PASSWORD|JWT|CREDENTIAL/, 'secret'],
  ]
  return table.find(([form]) => form.test(name))?.[1]
}

const everyPlace = (text, value) => {
  const spans = []
  for (let at = text.indexOf(value); at >= 0; at = text.indexOf(value, at + value.length))
    spans.push([at, at + value.length])
  return spans
}

/** Each peer: a function of a text that gives [start, end, type] of what it finds. */
function nodePeers(folder) {
  const load = createRequire(join(resolve(folder), 'package.json'))
  const guardrails = load('@openai/guardrails/dist/checks/pii.js')
  const entities = Object.values(guardrails.PIIEntity).filter(one => one !== 'NRP')
  const config = { entities, block: false, detect_encoded_pii: true }
  const { OpenRedaction } = load('@openredaction/openredaction')
  const redaction = new OpenRedaction()
  const { SyncRedactor } = load('redact-pii')
  const redactor = new SyncRedactor()
  return {
    '@openai/guardrails': async text => {
      const { info } = await guardrails.pii({}, text, config)
      return Object.entries(info.detected_entities).flatMap(([type, found]) =>
        found.flatMap(one => everyPlace(text, one).map(span => [...span, type])),
      )
    },
    openredaction: async text =>
      (await redaction.detect(text)).detections.map(({ type, position }) => [...position, type]),
    'redact-pii': async text => spansOfTags(text, redactor.redact(text)),
  }
}

/** Where tags such as EMAIL_ADDRESS stand in the place of text. */
function spansOfTags(text, redacted) {
  const spans = []
  let at = 0
  const parts = redacted.split(
    /\b((?:PERSON|EMAIL|PHONE|CREDIT|US|STREET|IP|DIGITS|USER|PASS|CREDENT|URL|ZIP)[A-Z]*(?:_[A-Z]+)*)\b/,
  )
  for (let i = 1; i < parts.length; i += 2) {
    const start = text.indexOf(parts[i - 1], at) + parts[i - 1].length
    const behind = parts[i + 1]
    const end = behind === '' ? text.length : text.indexOf(behind, start)
    if (end < start) break
    spans.push([start, end, parts[i]])
    at = end
  }
  return spans
}

const python = `
import json, sys
from presidio_analyzer import AnalyzerEngine
from presidio_analyzer.nlp_engine import NlpEngineProvider
model = sys.argv[2]
nlp = NlpEngineProvider(nlp_configuration={"nlp_engine_name": "spacy", "models": [{"lang_code": "en", "model_name": model}]}).create_engine()
engine = AnalyzerEngine(nlp_engine=nlp, supported_languages=["en"])
for text in json.load(open(sys.argv[1])):
    print(json.dumps([[r.start, r.end, r.entity_type] for r in engine.analyze(text=text, language="en")]))
`

function presidio(folder, texts) {
  const binary = join(resolve(folder), 'venv/bin/python')
  if (!existsSync(binary)) return undefined
  const [input, script] = ['texts.json', 'presidio.py'].map(name => join(tmpdir(), `guard-${name}`))
  writeFileSync(input, JSON.stringify(texts))
  writeFileSync(script, python)
  const run = spawnSync(binary, [script, input, flags.spacy], { maxBuffer: 1 << 28 })
  if (run.status !== 0) return void console.error(`presidio: ${run.stderr.toString().slice(-600)}`)
  // Python counts code points; the texts have none beyond the first plane but a few signs.
  return run.stdout
    .toString()
    .trim()
    .split('\n')
    .map(line => JSON.parse(line))
}

const least = category => (category === 'person_name' || category === 'address' ? 0.8 : 1)
const shared = (a, b) => Math.max(0, Math.min(a.end, b[1]) - Math.max(a.start, b[0]))

/** Recall: covered by finds of any type. Precision: finds of the category that meet a label of it. */
function score(texts, found, name) {
  const scores = new Map()
  const of = category => {
    const one = scores.get(category) ?? { labels: 0, found: 0, matches: 0, right: 0 }
    scores.set(category, one)
    return one
  }
  for (const [i, { labels }] of texts.entries()) {
    for (const label of labels) {
      const one = of(label.category)
      const covered = new Set()
      for (const span of found[i])
        if (shared(label, span) > 0)
          for (let k = Math.max(label.start, span[0]); k < Math.min(label.end, span[1]); k++)
            covered.add(k)
      one.labels++
      if (covered.size >= least(label.category) * (label.end - label.start)) one.found++
    }
    for (const span of found[i]) {
      const category = name === 'conclave/guard' ? span[2] : categoryOf(span[2])
      if (category === undefined) continue
      const one = of(category)
      one.matches++
      const meets = label =>
        label.category === category && shared(label, span) * 2 >= span[1] - span[0]
      if (labels.some(meets)) one.right++
    }
  }
  return scores
}

const { createGuard, corpus, reviewedTexts } = await fromSource(
  'guard-peers',
  `export { createGuard } from './lib/guard/index.ts'
   export { corpus } from './test/guard/corpus.ts'
   export { reviewedTexts } from './test/guard/corpus-reviewed.ts'`,
)
const each = Math.ceil(Number(flags.texts) / 3)
const halves = ['development', 'held-out', 'fresh']
const parts = halves.map(half => corpus(half, each))
const texts = parts.flat()
const guard = createGuard('default')
const finders = {
  'conclave/guard': async text => guard.scan(text).matches.map(m => [m.start, m.end, m.category]),
  ...(flags.peers === undefined ? {} : nodePeers(flags.peers)),
}
const results = new Map()
for (const [name, find] of Object.entries(finders)) {
  const begun = performance.now()
  const found = []
  for (const { text } of texts) found.push(await find(text))
  console.error(`${name}: ${((performance.now() - begun) / 1000).toFixed(1)} s`)
  results.set(name, score(texts, found, name))
}
const foundByPresidio =
  flags.peers === undefined
    ? undefined
    : presidio(
        flags.peers,
        texts.map(one => one.text),
      )
if (foundByPresidio !== undefined)
  results.set('Presidio', score(texts, foundByPresidio, 'Presidio'))

const percent = (part, whole) => (whole === 0 ? '–' : ((100 * part) / whole).toFixed(1))
const cell = one =>
  one === undefined
    ? '– / –'
    : `${percent(one.found, one.labels)} / ${percent(one.right, one.matches)}`
const names = [...results.keys()]
console.log(`${texts.length} texts; recall % / precision %\n`)
console.log(`| category | places | ${names.map(name => `\`${name}\``).join(' | ')} |`)
console.log(`|---|---|${names.map(() => '---|').join('')}`)
const ours = results.get('conclave/guard')
for (const category of [...ours.keys()].sort())
  console.log(
    `| \`${category}\` | ${ours.get(category).labels} | ` +
      `${names.map(name => cell(results.get(name).get(category))).join(' | ')} |`,
  )
// Those that were written by hand are in no sum: they are few.
const columns = [...halves, 'reviewed']
console.log(`\n| category | ${columns.join(' | ')} |\n|---|${columns.map(() => '---|').join('')}`)
const byHalf = [...parts, corpus('reviewed', reviewedTexts.length)].map(part => {
  const found = part.map(({ text }) =>
    guard.scan(text).matches.map(m => [m.start, m.end, m.category]),
  )
  return score(part, found, 'conclave/guard')
})
for (const category of [...ours.keys()].sort())
  console.log(`| \`${category}\` | ${byHalf.map(one => cell(one.get(category))).join(' | ')} |`)
if (flags.peers !== undefined)
  for (const name of ['@openai/guardrails', '@openredaction/openredaction', 'redact-pii']) {
    const file = join(resolve(flags.peers), 'node_modules', name, 'package.json')
    console.error(name, JSON.parse(readFileSync(file, 'utf8')).version)
  }
