/**
 * Tokens of clouds, forges and services that carry a prefix.
 * @module
 */

/** A prefix, what follows it, and how many characters. */
export interface SecretForm {
  readonly prefix: string
  readonly allowed: RegExp
  readonly least: number
  readonly most: number
}

const upper = /[A-Z0-9]/
const alnum = /[A-Za-z0-9]/
const word = /[\w-]/
const dotted = /[\w.=-]/
const hex = /[0-9a-f]/
const any = 16_384

const form = (allowed: RegExp, least: number, most: number, ...prefixes: string[]): SecretForm[] =>
  prefixes.map(prefix => ({ prefix, allowed, least, most }))

export const secretForms: readonly SecretForm[] = [
  ...form(upper, 16, 16, 'AKIA', 'ASIA', 'ABIA', 'ACCA'),
  ...form(word, 35, 35, 'AIza'),
  ...form(word, 20, any, 'ya29.', 'GOCSPX-', 'glpat-', 'glrt-', 'gldt-', 'sk-', 'hvs.'),
  ...form(alnum, 30, any, 'ghp_', 'gho_', 'ghu_', 'ghs_', 'ghr_', 'hf_', 'npm_'),
  ...form(word, 40, any, 'github_pat_', 'pypi-'),
  ...form(word, 20, any, 'xoxb-', 'xoxa-', 'xoxp-', 'xoxr-', 'xoxs-', 'xapp-'),
  ...form(alnum, 16, any, 'sk_live_', 'sk_test_', 'rk_live_', 'rk_test_', 'whsec_'),
  ...form(dotted, 40, 120, 'SG.'),
  ...form(hex, 32, 64, 'SK', 'key-', 'shpat_', 'shpss_', 'shpca_', 'dapi', 'dop_v1_'),
  // Alibaba Cloud, Tencent Cloud.
  ...form(alnum, 12, 30, 'LTAI'),
  ...form(alnum, 13, 40, 'AKID'),
  ...form(word, 20, 80, 'dckr_pat_', 'lin_api_', 'ntn_', 'sbp_'),
  // A JSON object in base64url: the header of a JWT.
  ...form(dotted, 40, any, 'eyJ'),
]
