/**
 * Keys, tokens and passwords.
 * @module
 */
import { ALNUM, classOf, DIGIT, lowerOf } from './characters.ts'
import {
  AT_DASHES,
  AT_SCHEME,
  AT_VALUE,
  AT_WORD,
  longestMatch,
  NONE,
  OPEN,
  type Rule,
} from './rule.ts'
import { type SecretForm, secretForms } from './secret-forms.ts'
import type { Window } from './window.ts'

/** First character → the forms that start with it. */
const byFirst: (readonly SecretForm[])[] = Array.from({ length: 128 }, (_, first) =>
  secretForms.filter(({ prefix }) => prefix.charCodeAt(0) === first),
)
const none: readonly SecretForm[] = []

/** Tokens that say what they are: a known prefix and a run of known length. */
const prefixed: Rule = {
  category: 'secret',
  name: 'token',
  starts: AT_WORD,
  score: 0.97,
  scan(w, at) {
    let best = NONE
    for (const form of byFirst[w.text.charCodeAt(at)] ?? none) {
      const spelled = w.spells(form.prefix, at)
      if (spelled < 0) return OPEN
      if (spelled === 0) continue
      const from = at + form.prefix.length
      const end = w.runEnd(from, form.allowed, Math.min(form.most + 1, longestMatch))
      if (end === OPEN) return OPEN
      const length = end - from
      if (length >= form.least && length <= form.most) best = Math.max(best, end)
    }
    return best
  },
}

const begin = '-----BEGIN '
const finish = '-----END '
const longestLabel = 64
const dashes = 5

/** PEM and PGP blocks with a private key; without an end they go as far as a match may. */
const privateKey: Rule = {
  category: 'secret',
  name: 'private_key',
  starts: AT_DASHES,
  score: 1,
  scan(w, at) {
    const spelled = w.spells(begin, at)
    if (spelled <= 0) return spelled < 0 ? OPEN : NONE
    const label = w.runEnd(at + begin.length, /[A-Z0-9 ]/, longestLabel)
    if (label === OPEN) return OPEN
    if (!w.text.slice(at, label).includes('PRIVATE KEY')) return NONE
    const close = w.find(finish, label, longestMatch)
    if (close < 0) {
      if (w.text.length - label < longestMatch && !w.final) return OPEN
      return Math.min(w.text.length, label + longestMatch)
    }
    const name = w.runEnd(close + finish.length, /[A-Z0-9 ]/, longestLabel)
    if (name === OPEN) return OPEN
    return w.runEnd(name, /-/, dashes)
  },
}

const longestAuthority = 256

/** `user:password` between `://` and `@`. */
const urlCredentials: Rule = {
  category: 'secret',
  name: 'url_credentials',
  starts: AT_SCHEME,
  score: 0.95,
  scan(w, at) {
    if (w.text.charCodeAt(at) !== 0x3a) return NONE
    const spelled = w.spells('://', at)
    if (spelled <= 0) return spelled < 0 ? OPEN : NONE
    if (!/[a-z0-9+]$/.test(w.before(at, 1))) return NONE
    const end = w.runEnd(at + 3, /[^\s/"'`<>\\，。；、（）]/, longestAuthority)
    if (end === OPEN) return OPEN
    const authority = w.text.slice(at + 3, end)
    const userinfo = authority.lastIndexOf('@')
    const colon = authority.indexOf(':')
    if (colon < 0 || userinfo <= colon + 1) return NONE
    const password = authority.slice(colon + 1, userinfo)
    // A port and a query that holds an e-mail address.
    if (/^\d{0,5}[?#]/.test(password)) return NONE
    if (/^[$<{%*]/.test(password)) return NONE
    w.from = at + 3
    return at + 3 + userinfo
  },
}

const passwordKeys =
  'password passwd pwd passphrase passcode password_hash _pass -pass .pass dbpass 密码 口令'.split(
    ' ',
  )
const tokenKeys = (
  'secret token apikey api_key api-key accesskey access_key access-key secretkey secret_key ' +
  'secret-key privatekey private_key private-key accountkey account_key auth authorization ' +
  'credential credentials access_key_id access-key-id accesskeyid 密钥 令牌 秘钥'
).split(' ')
/** Last character → the keys that end with it, and whether they name a password. */
const keysByLast = new Map<number, [key: string, password: boolean][]>()
for (const [keys, password] of [
  [passwordKeys, true],
  [tokenKeys, false],
] as const)
  for (const key of keys) {
    const last = key.charCodeAt(key.length - 1)
    keysByLast.set(last, [...(keysByLast.get(last) ?? []), [key, password]])
  }

/** Units that stand between a key and its mark. */
const closers = new Uint8Array(65_536)
for (const unit of '"\'`])\t\n\v\f\r \u00a0\u3000\ufeff\u2028\u2029')
  closers[unit.charCodeAt(0)] = 1

/** The key in front of the mark at `at`: does it name a password? undefined: there is none. */
function namesPassword(w: Window, at: number): boolean | undefined {
  let end = at
  while (end > 0 && at - end < 3 && closers[w.text.charCodeAt(end - 1)] !== 0) end--
  const last = end === 0 ? 0 : lowerOf(w.text.charCodeAt(end - 1))
  if (last === 0x65 && endsWith(w.text, end, 'value')) return namedBefore(w, end)
  return keysByLast.get(last)?.find(([key]) => endsWith(w.text, end, key))?.[1]
}

/** `name: DB_PASSWORD` and `value: …`, as environments are written. */
function namedBefore(w: Window, end: number): boolean | undefined {
  const before = w.before(end, 48)
  const [, key] = /name["']?: ?["']?[\w.-]{0,24}?([a-z]+)["']?,?\s+["']?value$/.exec(before) ?? []
  if (key === undefined) return undefined
  if (/passw(?:or)?d$|pwd$|pass$|passphrase$/.test(key)) return true
  return /secret$|token$|key$/.test(key) ? false : undefined
}

/** `key`, in any case, ends at `end`. */
function endsWith(text: string, end: number, key: string): boolean {
  const start = end - key.length
  if (start < 0) return false
  for (let i = key.length - 2; i >= 0; i--)
    if (lowerOf(text.charCodeAt(start + i)) !== key.charCodeAt(i)) return false
  return true
}

const placeholder =
  /^(?:[$<{%*[]|process\.|os\.|env[.[]|your|my_|xxx|changeme|example|null|none|true|false|undefined|string|redacted|dummy|placeholder|\.\.\.)/i
const longestValue = 512

/** `password = …`, `"api_key": "…"`, `Authorization: Bearer …`. */
const assignment: Rule = {
  category: 'secret',
  name: 'assignment',
  starts: AT_VALUE,
  score: 0.85,
  scan(w, at) {
    if (at > 0 && classOf(w.text.charCodeAt(at - 1)) & DIGIT) return NONE
    const password = namesPassword(w, at)
    if (password === undefined) return NONE
    const from = valueStart(w, at + 1)
    if (from < 0) return from
    const end = w.runEnd(from, /[^\s"'`,;)\]}>，。；、）】」]/, longestValue)
    if (end === OPEN) return OPEN
    // Behind a quote there is no sentence: the mark is part of the value.
    const quoted = /["'`]/.test(w.text[end] ?? '')
    const whole = w.text.slice(from, end)
    const value = quoted ? whole : whole.replace(/&[\w.-]+=.*$|[.!?]+$/, '')
    if (!(password ? looksLikePassword(value) : looksRandom(value))) return NONE
    w.from = from
    return from + value.length
  },
}

const longestUser = 40
const isOfUser = (unit: number): boolean =>
  (classOf(unit) & ALNUM) !== 0 || unit === 0x2d || unit === 0x2e || unit === 0x40 || unit === 0x5f
/** What stands before the last mark of an option: `-u admin`, `--user="admin`. */
const optionEnds = new Set([...'ur= '].map(unit => unit.charCodeAt(0)))

/** `curl -u user:password`, `--user user:password`. */
const userOption: Rule = {
  category: 'secret',
  name: 'user_option',
  starts: AT_VALUE,
  score: 0.85,
  scan(w, at) {
    if (w.text.charCodeAt(at) !== 0x3a) return NONE
    let user = at
    while (user > 0 && at - user < longestUser && isOfUser(w.text.charCodeAt(user - 1))) user--
    const before = user > 1 ? w.text.charCodeAt(user - 2) : 0
    if (
      user === at ||
      !optionEnds.has(before) ||
      !/(?:^|\s)(?:-u|--user)[ =]?["']?$/.test(w.before(user, 10))
    )
      return NONE
    const end = w.runEnd(at + 1, /[^\s"'`]/, longestValue)
    if (end === OPEN) return OPEN
    if (end === at + 1 || /^[$<{%*:]/.test(w.text.slice(at + 1, end))) return NONE
    w.from = at + 1
    return end
  },
}

/** Behind blanks, a quote and the name of a scheme. */
function valueStart(w: Window, at: number): number {
  let index = at
  for (let pass = 0; pass < 2; pass++) {
    while (index - at < 6 && /[\s"'`=]/.test(w.text[index] ?? '')) index++
    if (w.open(index)) return OPEN
    for (const scheme of ['Bearer ', 'Basic ', 'bearer ', 'token ']) {
      const spelled = w.spells(scheme, index)
      if (spelled < 0) return OPEN
      if (spelled > 0) index += scheme.length
    }
  }
  return w.open(index) ? OPEN : index
}

function looksLikePassword(value: string): boolean {
  if (value.length < 6 || placeholder.test(value) || /[({]/.test(value)) return false
  return /[a-z]/i.test(value) ? /[0-9!@#$%^&*+~?]/.test(value) : /^\d{6,}$/.test(value)
}

const leastRandom = 12
const leastBits = 2.9

/** Letters and digits mixed, and few repeats: Shannon entropy in bits for each character. */
function looksRandom(value: string): boolean {
  if (value.length < leastRandom || placeholder.test(value) || /[({]/.test(value)) return false
  if (!/[a-z]/i.test(value) || !/[0-9]/.test(value)) return false
  const counts = new Map<string, number>()
  for (const unit of value) counts.set(unit, (counts.get(unit) ?? 0) + 1)
  let bits = 0
  for (const count of counts.values())
    bits -= (count / value.length) * Math.log2(count / value.length)
  return bits >= leastBits
}

export const secrets: readonly Rule[] = [
  prefixed,
  privateKey,
  urlCredentials,
  assignment,
  userOption,
]
