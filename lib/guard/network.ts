/**
 * Addresses of machines.
 * @module
 */
import { ALNUM, classOf } from './characters.ts'
import { AT_COLONED, AT_DOTTED, AT_PAIR, NONE, OPEN, type Rule } from './rule.ts'
import type { Window } from './window.ts'

const isDigit = (unit: number): boolean => unit >= 0x30 && unit <= 0x39
const isHex = (unit: number): boolean =>
  isDigit(unit) || (unit >= 0x41 && unit <= 0x46) || (unit >= 0x61 && unit <= 0x66)

const aboutVersion = /(?:version|\bver|release|版本|\bv)[ .:：]{0,2}$/

const ipv4: Rule = {
  category: 'ip_address',
  name: 'ipv4',
  starts: AT_DOTTED,
  score: 0.9,
  scan(w, at) {
    let index = at
    for (let part = 0; part < 4; part++) {
      let value = 0
      const start = index
      while (isDigit(w.at(index)) && index - start < 4) value = value * 10 + w.at(index++) - 0x30
      if (w.open(index)) return OPEN
      if (index === start || value > 255 || (index - start > 1 && w.at(start) === 0x30)) return NONE
      if (part < 3 && w.at(index++) !== 0x2e) return NONE
      if (part < 3 && w.open(index)) return OPEN
    }
    if (w.alnum(index) || (w.at(index) === 0x2e && w.open(index + 1)))
      return w.alnum(index) ? NONE : OPEN
    if (w.at(index) === 0x2e && w.alnum(index + 1)) return NONE
    if (w.at(at - 1) === 0x2e || aboutVersion.test(w.before(at, 12))) return NONE
    return index
  },
}

const longest = 48

/** The end of a run of hexadecimal digits and `mark`s. */
function hexRun(w: Window, at: number, mark: (unit: number) => boolean): number {
  let index = at
  while (index - at < longest && (isHex(w.at(index)) || mark(w.at(index)))) index++
  return index
}

/** The run at `at` if its length may be that of an address. */
function addressText(
  w: Window,
  at: number,
  mark: (unit: number) => boolean,
  least: number,
  most: number,
): string | number {
  const end = hexRun(w, at, mark)
  if (w.open(end)) return OPEN
  if (w.alnum(end) || end - at < least || end - at > most) return NONE
  return foldedSlice(w, at, end)
}

function foldedSlice(w: Window, from: number, to: number): string {
  let out = ''
  for (let i = from; i < to; i++) out += String.fromCharCode(w.at(i))
  return out
}

/** Eight groups of one digit and seven colons. */
const shortestIpv6 = 15

const isColon = (unit: number): boolean => unit === 0x3a
const isMacMark = (unit: number): boolean => unit === 0x3a || unit === 0x2d || unit === 0x2e

const ipv6: Rule = {
  category: 'ip_address',
  name: 'ipv6',
  starts: AT_COLONED,
  score: 0.9,
  scan(w, at) {
    if (isTime(w, at)) return NONE
    const text = addressText(w, at, isColon, 5, longest)
    if (typeof text === 'number') return text
    if (!text.includes('::') && text.length < shortestIpv6) return NONE
    const plain = text.replace(/:{1,2}$/, tail => (tail === '::' ? tail : ''))
    const halves = plain.split('::')
    const groups = plain.split(':').filter(group => group !== '')
    if (halves.length > 2 || groups.some(group => group.length > 4)) return NONE
    if (halves.length === 2 ? groups.length > 7 : groups.length !== 8) return NONE
    // C++ names such as `a::b` are no addresses.
    if (!/\d/.test(plain) || !groups.some(group => group.length > 2)) return NONE
    return at + plain.length
  },
}

/** True for what is too short to be eight groups and has no two colons together: 12:30:10. */
function isTime(w: Window, at: number): boolean {
  let index = at
  while (index - at < shortestIpv6) {
    const unit = w.at(index)
    if (unit === 0x3a && w.at(index + 1) === 0x3a) return false
    if (!isHex(unit) && unit !== 0x3a) return unit >= 0
    index++
  }
  return false
}

const mac: Rule = {
  category: 'mac_address',
  name: 'mac',
  starts: AT_PAIR,
  score: 0.9,
  scan(w, at) {
    if (isGroupBefore(w, at)) return NONE
    const text = addressText(w, at, isMacMark, shortestMac, frameHead + 1)
    if (typeof text === 'number') return text
    const plain = text.replace(/[:.-]$/, '')
    if (/^(?:[0-9a-f]{2}:){12}(?:08:00|86:dd)$/i.test(plain)) return at + frameHead
    if (text.length > longestMac) return NONE
    const pairs = /^[0-9a-f]{2}([:-])(?:[0-9a-f]{2}\1){4}[0-9a-f]{2}$/i.test(plain)
    if (!pairs && !/^[0-9a-f]{4}\.[0-9a-f]{4}\.[0-9a-f]{4}$/i.test(plain)) return NONE
    // Twelve plain digits are rather a date, an amount or a number of another kind.
    return /[a-f]/i.test(plain) || pairs ? at + plain.length : NONE
  },
}

/** Four digits, thrice; pairs, and a mark that belongs to the sentence. */
const shortestMac = 14
const longestMac = 18
/** Two addresses and the kind of an Ethernet frame, as firewalls log them. */
const frameHead = 41

/** A longer row of groups is something else. */
function isGroupBefore(w: Window, at: number): boolean {
  if (at < 2 || !isMacMark(w.at(at - 1))) return false
  return (classOf(w.text.charCodeAt(at - 2)) & ALNUM) !== 0
}

export const network: readonly Rule[] = [ipv4, ipv6, mac]
