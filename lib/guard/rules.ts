/** Every rule, in one list. @module */
import { addresses } from './addresses.ts'
import { cards } from './cards.ts'
import { contacts } from './contacts.ts'
import { chineseIdentifiers } from './identifiers-cn.ts'
import { americanIdentifiers } from './identifiers-us.ts'
import { names } from './names.ts'
import { network } from './network.ts'
import type { Rule } from './rule.ts'
import { secrets } from './secrets.ts'
import { travelDocuments } from './travel-documents.ts'

export const allRules: readonly Rule[] = [
  ...chineseIdentifiers,
  ...travelDocuments,
  ...cards,
  ...americanIdentifiers,
  ...contacts,
  ...network,
  ...secrets,
  ...names,
  ...addresses,
]
