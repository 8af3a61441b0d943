/** Templates of strangers, and what they try. */
const double = `{% set x = "ab" %}${'{% set x = x ~ x %}'.repeat(40)}{{ x }}`
const doublePair = '{% set x = [x, x] %}{% set y = [y, y] %}'
const deepValue =
  '{% set ns = namespace(x=[], y=[]) %}{% for i in range(5000) %}' +
  '{% set ns.x = [ns.x] %}{% set ns.y = [ns.y] %}{% endfor %}'
const bigText = '{% set x = "a" * 1000000 %}'

/** TP-1: each needs more time, memory or stack than a chat does. */
export const limits: [string, string][] = [
  ['a range of a billion', '{% for i in range(1000000000) %}x{% endfor %}'],
  ['a range of 10^18', '{{ range(1000000000000000000) | list }}'],
  [
    'a loop in a loop',
    '{% for i in range(3000) %}{% for j in range(3000) %}{% endfor %}{% endfor %}',
  ],
  ['a macro that calls itself', '{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}'],
  ['doubling a text', double],
  ['doubling a list', `{% set x = [1] %}${'{% set x = x + x %}'.repeat(40)}`],
  ['a gigabyte of output', '{% for i in range(100000) %}{{ "x" * 10000 }}{% endfor %}'],
  ['repeating a text', '{{ "x" * 1000000000 }}'],
  ['repeating nothing', '{% set x = "" * 1000000000000 %}'],
  ['repeating a list', '{% set x = [] * 1000000000000 %}'],
  ['a replacement that explodes', `${bigText}{{ x.replace("a", x) }}`],
  ['a join that explodes', `${bigText}{{ [x, x, x, x, x, x] | join(x) }}`],
  ['a search in a haystack', `${bigText}{{ ("b" ~ x[:500000]) in x }}`],
  ['sorting for ever', '{% for i in range(90) %}{% set x = range(20000) | sort %}{% endfor %}'],
  ['unique of a long list', '{{ range(100000) | list | unique | list }}'],
  ['indenting by a text', `${bigText}{{ ("\n" * 10000) | indent(x) }}`],
  ['a chain of ten thousand pluses', `{{ 1${' + 1'.repeat(10_000)} }}`],
  ['a deep value', `${deepValue}{{ ns.x }}`],
  ['a deep value as JSON', `${deepValue}{{ ns.x | tojson }}`],
  ['a deep value compared', `${deepValue}{{ ns.x == ns.y }}`],
  [
    'a value that doubles as it is printed',
    `{% set x = [1] %}${'{% set x = [x, x] %}'.repeat(40)}{{ x }}`,
  ],
  [
    'a value that doubles as it is compared',
    `{% set x = [1] %}{% set y = [1] %}${doublePair.repeat(40)}{{ x == y }}`,
  ],
]

/** TP-2 and TP-4: templates that are wrong. */
export const broken: [string, string][] = [
  ['20,000 parentheses', `{{ ${'('.repeat(20_000)}1${')'.repeat(20_000)} }}`],
  ['20,000 brackets', `{{ ${'['.repeat(20_000)} }}`],
  ['a megabyte', 'x'.repeat(1 << 20)],
  ['a megabyte of blanks', `${' '.repeat(1 << 20)}{{ 1 }}`],
  ['100 kB of blanks', `${' '.repeat(100_000)}{% generation %}`],
  ['an open block', '{% if true %}x'],
  ['an open loop', '{% for x in y %}'],
  ['an open expression', '{{ 1 +'],
  ['an open text', "{{ 'abc }}"],
  ['an open comment', '{# abc'],
  ['an unknown statement', '{% include "/etc/passwd" %}'],
  ['an import', '{% import "os" as os %}'],
  ['an unknown filter', '{{ 1 | system }}'],
  ['an unknown test', '{{ 1 is evil }}'],
  ['a refusal', '{{ raise_exception("no tools here") }}'],
  ['an attribute of nothing', '{{ nothing.at.all }}'],
  ['a sum of text and number', '{{ "a" + 1 }}'],
  ['a division by zero', '{{ 1 / 0 }}'],
  ['a call of a text', '{{ "a"() }}'],
]

/** TP-3: doors to the host that must not be there. */
export const doors = [
  '""|attr("x")',
  '"".constructor',
  '"".__class__',
  '[].constructor',
  '{}.__proto__',
  '{}["constructor"]',
  'messages.constructor',
  'messages[0].__class__.__mro__',
  'range.constructor("return process")()',
  'range["constructor"]',
  'process',
  'globalThis',
  'require("fs")',
  'import("fs")',
  'namespace().constructor',
  'namespace().__proto__',
  'self',
  'cycler.__init__.__globals__',
  'loop',
  '"a".toString',
  '"a".valueOf()',
  '[1].map',
  '[1].push(2)',
  '{"a": 1}.pop("a")',
  '{"a": 1}.hasOwnProperty',
  'raise_exception.call',
  'strftime_now.apply',
  'lipsum.__globals__',
]
