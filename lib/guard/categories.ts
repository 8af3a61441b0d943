/**
 * The categories a policy speaks of, and the tag each leaves in masked text.
 * @module
 */

/** Category → the word in its tag. */
export const categoryTags = {
  cn_resident_id: 'CN_RESIDENT_ID',
  cn_social_credit_code: 'CN_SOCIAL_CREDIT_CODE',
  hk_id: 'HK_ID',
  tw_id: 'TW_ID',
  travel_document: 'TRAVEL_DOCUMENT',
  bank_card: 'BANK_CARD',
  iban: 'IBAN',
  us_ssn: 'US_SSN',
  phone: 'PHONE',
  email: 'EMAIL',
  ip_address: 'IP_ADDRESS',
  mac_address: 'MAC_ADDRESS',
  secret: 'SECRET',
  person_name: 'PERSON_NAME',
  address: 'ADDRESS',
  term: 'TERM',
  document: 'DOCUMENT',
  pattern: 'PATTERN',
} as const

/** One of the keys of {@link categoryTags}. */
export type Category = keyof typeof categoryTags

export const categories = Object.keys(categoryTags) as Category[]
