// Made-up values for each category, written in the ways people write and hide them.

/** A small generator of repeatable pseudo-random numbers. */
export class Dice {
  #state: number

  constructor(seed: number) {
    this.#state = (Math.imul(seed + 1, 0x9e3779b1) ^ 0x5bd1e995) >>> 0 || 1
  }

  /** 0 … below - 1. */
  below(below: number): number {
    this.#state ^= this.#state << 13
    this.#state ^= this.#state >>> 17
    this.#state ^= this.#state << 5
    this.#state >>>= 0
    return this.#state % below
  }

  pick<T>(from: readonly T[]): T {
    return from[this.below(from.length)]!
  }

  digits(count: number): string {
    return Array.from({ length: count }, () => this.below(10)).join('')
  }

  from(alphabet: string, count: number): string {
    return Array.from({ length: count }, () => alphabet[this.below(alphabet.length)]).join('')
  }
}

const upper = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ'
const alnum = `${upper}${upper.toLowerCase()}0123456789`
const two = (value: number): string => String(value).padStart(2, '0')

const regions =
  '110105 310104 440305 330106 510104 420106 320102 610113 370202 500103 150102'.split(' ')

function residentId(d: Dice): string {
  const year = 1950 + d.below(60)
  const body = `${d.pick(regions)}${year}${two(1 + d.below(12))}${two(1 + d.below(28))}${d.digits(3)}`
  const weights = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2]
  const sum = weights.reduce((total, weight, k) => total + weight * Number(body[k]), 0)
  return body + '10X98765432'[sum % 11]
}

function creditCode(d: Dice): string {
  const alphabet = '0123456789ABCDEFGHJKLMNPQRTUWXY'
  const body = `${d.pick(['91', '92', '52', '12', '93'])}${d.pick(regions)}${d.from(alphabet, 9)}`
  let sum = 0
  for (let k = 0, weight = 1; k < 17; k++, weight = (weight * 3) % 31)
    sum += weight * alphabet.indexOf(body[k]!)
  return body + alphabet[(31 - (sum % 31)) % 31]
}

function bankCard(d: Dice): string {
  const [prefix, length] = d.pick([
    ['622202', 19],
    ['621700', 19],
    ['622588', 16],
    ['4', 16],
    ['51', 16],
    ['55', 16],
    ['37', 15],
    ['3566', 16],
    ['6011', 16],
  ] as const)
  const body = prefix + d.digits(length - prefix.length - 1)
  for (let check = 0; check < 10; check++) if (luhn(`${body}${check}`)) return `${body}${check}`
  return body
}

const luhn = (digits: string): boolean =>
  [...digits].reverse().reduce((sum, digit, k) => {
    const value = Number(digit) * (k % 2 === 0 ? 1 : 2)
    return sum + (value > 9 ? value - 9 : value)
  }, 0) %
    10 ===
  0

function iban(d: Dice): string {
  const [country, body] = d.pick([
    ['DE', d.digits(18)],
    ['GB', d.from(upper, 4) + d.digits(14)],
    ['FR', d.digits(23)],
    ['NL', d.from(upper, 4) + d.digits(10)],
    ['ES', d.digits(20)],
  ] as const)
  let rest = 0
  for (const unit of `${body}${country}00`) {
    const value = Number.parseInt(unit, 36)
    rest = (rest * (value > 9 ? 100 : 10) + value) % 97
  }
  return `${country}${two(98 - rest)}${body}`
}

function hkId(d: Dice): string {
  const letter = d.below(26)
  const body = d.digits(6)
  let sum = 36 * 9 + (10 + letter) * 8
  for (let k = 0; k < 6; k++) sum += Number(body[k]) * (7 - k)
  return `${upper[letter]}${body}(${'0123456789A'[(11 - (sum % 11)) % 11]})`
}

function twId(d: Dice): string {
  const letters = 'ABCDEFGHJKLMNPQRSTUVXYWZIO'
  const at = d.below(26)
  const body = `${d.pick(['1', '2', '8', '9'])}${d.digits(7)}`
  let sum = Math.floor((at + 10) / 10) + ((at + 10) % 10) * 9
  for (let k = 0; k < 8; k++) sum += Number(body[k]) * (8 - k)
  return `${letters[at]}${body}${(10 - (sum % 10)) % 10}`
}

const mobile = (d: Dice): string => `1${d.pick(['38', '39', '50', '86', '77', '99'])}${d.digits(8)}`

function phone(d: Dice): string {
  const m = mobile(d)
  return d.pick([
    () => m,
    () => m,
    () => `${m.slice(0, 3)}-${m.slice(3, 7)}-${m.slice(7)}`,
    () => `+86 ${m.slice(0, 3)} ${m.slice(3, 7)} ${m.slice(7)}`,
    () => `010-${d.pick(['6', '8'])}${d.digits(7)}`,
    () => `+1 ${d.pick(['415', '212', '312'])}-555-${d.digits(4)}`,
    () => `(${d.pick(['415', '212', '312'])}) 555-0${d.digits(3)}`,
    () => `+44 20 7946 0${d.digits(3)}`,
    () => `+852 2${d.digits(3)} ${d.digits(4)}`,
  ])()
}

const wide = (text: string): string =>
  text.replace(/[!-~]/g, unit => String.fromCharCode(unit.charCodeAt(0) + 0xfee0))
const han = (text: string): string =>
  text.replace(/\d/g, digit => '零一二三四五六七八九'[Number(digit)]!)
const grouped = (text: string, by: string): string => text.replace(/(.{4})(?=.)/g, `$1${by}`)

/** One number in three is written so as not to be seen. */
function hidden(d: Dice, text: string, canBeHan: boolean): string {
  if (d.below(3) > 0) return text
  return d.pick([
    () => wide(text),
    () => [...text].join('\u200b'),
    () => (canBeHan ? han(text) : wide(text)),
    () => grouped(text, ' '),
    () => grouped(text, '-'),
    () => grouped(text, '.'),
    () => `${text.slice(0, 8)}\n${text.slice(8)}`,
  ])()
}

const family =
  '王 李 张 刘 陈 杨 赵 黄 周 吴 徐 孙 胡 朱 高 林 何 郭 马 罗 梁 宋 郑 谢 欧阳 司马'.split(' ')
const given =
  '伟 芳 娜 敏 静 丽 强 磊 军 洋 建国 秀英 志强 晓明 文博 雨欣 子涵 浩然 思远 佳怡 国栋 海燕'.split(
    ' ',
  )
const first =
  'James Mary Robert Linda Olivia Daniel Sophie Peter Grace Kevin Laura Priya Ahmed Hannah Wei'.split(
    ' ',
  )
const last =
  'Smith Johnson Brown Garcia Miller Davis Wilson Taylor Patel Nguyen Clark Lewis Zhang Murphy Okafor'.split(
    ' ',
  )
const cities = [
  '北京市海淀区',
  '上海市浦东新区',
  '广东省深圳市南山区',
  '浙江省杭州市西湖区',
  '四川省成都市武侯区',
  '江苏省苏州市吴中区',
  '湖北省武汉市洪山区',
]
const roads =
  '中关村大街 世纪大道 科技园路 文三路 天府大道 人民南路 解放路 建设街 和平里东街'.split(' ')
const streets =
  'Baker Street|Maple Avenue|Rose Lane|Sunset Boulevard|Park Road|Elm Drive|King Square'.split('|')

const otherFamily = '冯 曹 彭 曾 萧 田 董 袁 潘 蒋 蔡 余 杜 叶 程 魏 苏 吕 丁 任 上官 诸葛'.split(
  ' ',
)
const otherGiven =
  '俊杰 婷 美玲 志明 春花 博 欣怡 宇轩 若曦 桂英 德华 玉兰 鹏飞 一诺 梓涵 雪梅 勇 艳'.split(' ')
const otherFirst = 'Victoria Nathan Julia Peter Alan Teresa Kevin Gloria Oscar Wei Priya'.split(' ')
const otherLast = "O'Connor Patel Novak Zhang Fernandez MacLeod Okafor Schmidt Larsen Huang".split(
  ' ',
)
const otherCities =
  '天津市和平区 重庆市渝中区 陕西省西安市雁塔区 山东省青岛市市南区 福建省厦门市思明区 南京市鼓楼区'.split(
    ' ',
  )
const otherRoads = '香港中路 南京西路 高新大道 鹭江道 长江路 团结巷 东风街 学府路'.split(' ')
const otherStreets =
  'Kingsway Road|North Harbor Drive|Willow Court|Lexington Avenue|Mill Lane|West 42nd Street|Oak Ridge Boulevard'.split(
    '|',
  )

const secret = (d: Dice): string =>
  d.pick([
    () => `AKIA${d.from(`${upper}234567`, 16)}`,
    () => `ghp_${d.from(alnum, 36)}`,
    () => `sk-${d.from(alnum, 40)}`,
    () => `LTAI${d.from(alnum, 20)}`,
    () => `AIza${d.from(alnum, 35)}`,
    () => `eyJ${d.from(alnum, 20)}.eyJ${d.from(alnum, 40)}.${d.from(alnum, 43)}`,
    () => `glpat-${d.from(alnum, 20)}`,
    () => `xoxb-${d.digits(12)}-${d.from(alnum, 24)}`,
  ])()

/** Slot → a value. Slots whose name starts with `not_` look like something and are nothing. */
export const values = new Map<string, (d: Dice) => string>([
  ['cn_resident_id', d => hidden(d, residentId(d), false)],
  ['cn_social_credit_code', creditCode],
  ['bank_card', d => hidden(d, bankCard(d), true)],
  ['iban', d => (d.below(2) === 0 ? iban(d) : grouped(iban(d), ' '))],
  ['hk_id', hkId],
  ['tw_id', twId],
  ['travel_document', d => `${d.pick(['E', 'G', 'EA', 'K'])}${d.digits(8)}`.slice(0, 9)],
  [
    'us_ssn',
    d => `${1 + d.below(6)}${d.digits(1)}2-${1 + d.below(9)}3-${1 + d.below(9)}${d.digits(3)}`,
  ],
  ['phone', phone],
  [
    'email',
    d =>
      `${d.from(upper.toLowerCase(), 6)}${d.pick(['.', '_', '', '+'])}${d.digits(2)}@${d.pick(['example.com', 'mail.corp.cn', 'qq.com', 'gmx.de'])}`,
  ],
  ['ipv4', d => `${1 + d.below(223)}.${d.below(256)}.${d.below(256)}.${1 + d.below(254)}`],
  ['ipv6', d => `2001:db8:${d.from('0123456789abcdef', 4)}::${d.from('123456789abcdef', 4)}`],
  ['mac_address', d => Array.from({ length: 6 }, () => d.from('0123456789abcdef', 2)).join(':')],
  ['secret', secret],
  ['password', d => `${d.from(alnum, 6)}${d.pick(['!', '#', '7'])}${d.digits(3)}`],
  ['zh_name', d => d.pick(family) + d.pick(given)],
  ['en_name', d => `${d.pick(first)} ${d.pick(last)}`],
  [
    'zh_address',
    d =>
      `${d.pick(cities)}${d.pick(roads)}${1 + d.below(300)}号${d.pick(['', '3栋502室', '2单元', '12楼'])}`,
  ],
  [
    'en_address',
    d =>
      `${1 + d.below(900)} ${d.pick(streets)}${d.pick(['', ', Apt 4B', ', Springfield, IL 62704'])}`,
  ],
  ['other_zh_name', d => d.pick(otherFamily) + d.pick(otherGiven)],
  ['other_en_name', d => `${d.pick(otherFirst)} ${d.pick(otherLast)}`],
  [
    'other_zh_address',
    d =>
      `${d.pick(otherCities)}${d.pick(otherRoads)}${1 + d.below(999)}${d.pick(['号', '弄3号', '号B座1702室', '号院6号楼'])}`,
  ],
  [
    'other_en_address',
    d =>
      `${1 + d.below(9900)} ${d.pick(otherStreets)}${d.pick(['', ', Unit 7', ', Austin, TX 78701', ', London NW1 6XE'])}`,
  ],
  ['not_id', d => `2024${two(1 + d.below(12))}${two(1 + d.below(28))}${d.digits(10)}`],
  ['not_order', d => d.digits(d.pick([12, 14, 20, 22]))],
  ['not_version', d => `v${d.below(9)}.${d.below(20)}.${d.below(20)}.${d.below(9)}`],
  [
    'not_time',
    d =>
      `2025-${two(1 + d.below(12))}-${two(1 + d.below(28))} ${two(d.below(24))}:${two(d.below(60))}:${two(d.below(60))}`,
  ],
  ['not_hash', d => d.from('0123456789abcdef', 40)],
  ['not_uuid', d => [8, 4, 4, 4, 12].map(n => d.from('0123456789abcdef', n)).join('-')],
  ['not_package', d => `left-pad@${d.below(9)}.${d.below(9)}.${d.below(9)}`],
  ['not_amount', d => `${1 + d.below(999)},${d.digits(3)}.${d.digits(2)}`],
])

/** The category that a slot's value belongs to; undefined for what is nothing. */
export function categoryOf(slot: string): string | undefined {
  if (slot.startsWith('not_')) return undefined
  const renamed = new Map([
    ['ipv4', 'ip_address'],
    ['ipv6', 'ip_address'],
    ['password', 'secret'],
    ['zh_name', 'person_name'],
    ['en_name', 'person_name'],
    ['other_zh_name', 'person_name'],
    ['other_en_name', 'person_name'],
    ['other_zh_address', 'address'],
    ['other_en_address', 'address'],
    ['zh_address', 'address'],
    ['en_address', 'address'],
  ])
  return renamed.get(slot) ?? slot
}
