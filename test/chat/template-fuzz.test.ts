import fc from 'fast-check'
import { expect, test } from 'vitest'
import { CallerValues } from '../../lib/chat/messages.ts'
import { ChatTemplate } from '../../lib/chat/template.ts'
import { ConclaveError } from '../../lib/errors.ts'

const words = [
  ...[
    'messages',
    'message',
    'tools',
    'loop',
    'ns',
    'x',
    'namespace',
    'range',
    'dict',
    'none',
    'true',
  ],
  ...[
    '[',
    ']',
    '(',
    ')',
    '{',
    '}',
    '.',
    ',',
    ':',
    '|',
    '=',
    '==',
    '~',
    '+',
    '-',
    '*',
    '**',
    '//',
    '%',
    '<',
  ],
  ...[
    'in',
    'not',
    'and',
    'or',
    'is',
    'if',
    'else',
    'for',
    'set',
    'macro',
    'call',
    'filter',
    'endif',
  ],
  ...[
    'endfor',
    'endset',
    'endmacro',
    'endcall',
    'endfilter',
    'break',
    'continue',
    'defined',
    'string',
  ],
  ...[
    'tojson',
    'trim',
    'join',
    'length',
    'map',
    'selectattr',
    'sort',
    'replace',
    'items',
    'split',
    'strip',
  ],
  ...[
    '0',
    '1',
    '-1',
    '1.5',
    '1000000',
    '"a"',
    "'\\n'",
    '{{',
    '}}',
    '{%',
    '%}',
    '{%-',
    '-%}',
    '{#',
    '#}',
    '\n',
  ],
]
const statements = [
  ...[
    '{{ X }}',
    '{% if X %}X{% endif %}',
    '{% for x in X %}{{ X }}{% endfor %}',
    '{% set x = X %}',
  ],
  ...[
    '{% macro m(x, y=X) %}{{ X }}{% endmacro %}',
    '{% call m(X) %}X{% endcall %}',
    '{% set ns.x = X %}',
  ],
  ...[
    '{% filter trim %}X{% endfilter %}',
    '{% for x, y in X %}{{ X }}{% else %}{{ X }}{% endfor %}',
  ],
]

const expression = fc.array(fc.constantFrom(...words), { minLength: 1, maxLength: 6 })
const source = fc
  .array(fc.tuple(fc.constantFrom(...statements), expression, expression), { maxLength: 6 })
  .map(parts =>
    parts
      .map(([statement, a, b]) => statement.replace('X', a.join(' ')).replaceAll('X', b.join(' ')))
      .join(''),
  )

test('whatever a template says, it renders or is refused with our error', () => {
  const values = new CallerValues()
  const messages = values.messages([
    { role: 'system', content: 'be kind' },
    { role: 'user', content: 'Hi 🙂', name: 'Ada' },
  ])
  const outcomes = new Set<string>()
  fc.assert(
    fc.property(source, text => {
      try {
        const template = new ChatTemplate(text)
        template.render(new Map([['messages', messages]]), values.chars)
        outcomes.add('rendered')
      } catch (error) {
        if (!(error instanceof ConclaveError)) throw error
        expect(['template_error', 'template_limit']).toContain(error.code)
        outcomes.add(error.code)
      }
    }),
    { numRuns: 5000, seed: 6 },
  )
  expect(outcomes).toContain('rendered')
  expect(outcomes).toContain('template_error')
})
