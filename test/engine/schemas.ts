/** Schemas as programs ask for them: small, from many trades. */
const str = { type: 'string' } as const
const text = (maxLength: number, minLength = 0) => ({ type: 'string', minLength, maxLength })
const int = { type: 'integer' } as const
const num = { type: 'number' } as const
const bool = { type: 'boolean' } as const
const list = (items: object, more: object = {}) => ({ type: 'array', items, ...more })
const object = (properties: Record<string, object | boolean>, more: object = {}) => ({
  type: 'object',
  properties,
  required: Object.keys(properties),
  additionalProperties: false,
  ...more,
})
const optional = (properties: Record<string, object>) => ({ type: 'object', properties })
const choice = (...values: unknown[]) => ({ enum: values })
const orNull = (schema: object) => ({ anyOf: [schema, { type: 'null' }] })
const format = (name: string) => ({ type: 'string', format: name })
const pattern = (source: string, more: object = {}) => ({
  type: 'string',
  pattern: source,
  ...more,
})

const trades: Record<string, object | boolean> = {
  person: object({ name: str, age: int }),
  contact: object({
    name: text(40, 1),
    email: format('email'),
    phone: pattern('^\\+?[0-9]{7,15}$'),
  }),
  address: object({
    street: str,
    city: str,
    zip: pattern('^[0-9]{5}(-[0-9]{4})?$'),
    country: text(2, 2),
  }),
  event: object({ title: str, start: format('date-time'), end: format('date-time'), allDay: bool }),
  invoice: object({
    number: pattern('^INV-[0-9]{4,8}$'),
    date: format('date'),
    lines: list(
      object({ item: text(20), quantity: { ...int, minimum: 1 }, price: { ...num, minimum: 0 } }),
      { minItems: 1, maxItems: 4 },
    ),
    currency: choice('EUR', 'USD', 'GBP', 'CNY'),
    total: { ...num, minimum: 0 },
  }),
  sentiment: object({
    sentiment: choice('positive', 'negative', 'neutral'),
    confidence: { ...num, minimum: 0, maximum: 1 },
  }),
  labels: object({ labels: list(choice('bug', 'feature', 'question', 'docs'), { maxItems: 3 }) }),
  uniqueLabels: list(choice('red', 'green', 'blue', 'black'), {
    uniqueItems: true,
    minItems: 1,
    maxItems: 3,
  }),
  entities: list(
    object({
      text: text(24),
      type: choice('PER', 'ORG', 'LOC'),
      start: { ...int, minimum: 0 },
      end: { ...int, minimum: 0 },
    }),
    { maxItems: 4 },
  ),
  weather: object({ location: str, unit: choice('celsius', 'fahrenheit') }),
  coordinates: object({
    lat: { ...num, minimum: -90, maximum: 90 },
    lon: { ...num, minimum: -180, maximum: 180 },
  }),
  point: { type: 'array', prefixItems: [num, num], items: false, minItems: 2, maxItems: 2 },
  draft7Tuple: { type: 'array', items: [str, int], additionalItems: false, minItems: 2 },
  tupleWithRest: {
    type: 'array',
    prefixItems: [choice('v1', 'v2')],
    items: int,
    minItems: 2,
    maxItems: 5,
  },
  rgb: list({ ...int, minimum: 0, maximum: 255 }, { minItems: 3, maxItems: 3 }),
  color: pattern('^#[0-9a-f]{6}$'),
  semver: pattern('^(0|[1-9]\\d*)\\.(0|[1-9]\\d*)\\.(0|[1-9]\\d*)$', { maxLength: 16 }),
  slug: pattern('^[a-z0-9]+(?:-[a-z0-9]+)*$', { maxLength: 20 }),
  hasDigit: pattern('[0-9]', { maxLength: 12 }),
  uuid: format('uuid'),
  date: format('date'),
  time: format('time'),
  dateTime: format('date-time'),
  emailOnly: format('email'),
  ip: format('ipv4'),
  ip6: format('ipv6'),
  uri: format('uri'),
  host: format('hostname'),
  duration: format('duration'),
  shortUri: { type: 'string', format: 'uri', maxLength: 40 },
  month: { ...int, minimum: 1, maximum: 12 },
  year: { ...int, minimum: 1900, maximum: 2100 },
  negative: { ...int, exclusiveMaximum: 0 },
  above: { ...num, exclusiveMinimum: 0 },
  odd: { ...num, minimum: -12.75, maximum: 3.5 },
  tiny: { ...num, exclusiveMinimum: 0.25, exclusiveMaximum: 0.26 },
  percent: { ...int, minimum: 0, maximum: 100, multipleOf: 5 },
  quarter: { ...num, multipleOf: 0.25, minimum: 0, maximum: 10 },
  draft4Bounds: { ...num, minimum: 0, exclusiveMinimum: true, maximum: 5 },
  constant: { const: { kind: 'ping', version: 1 } },
  mixedEnum: choice('auto', 1, 2.5, null, true, ['a'], { b: 1 }),
  nullable: { type: ['string', 'null'], maxLength: 8 },
  openApiNullable: { type: 'integer', nullable: true },
  union: { type: ['integer', 'boolean'] },
  anyJson: {},
  anything: true,
  anyObject: { type: 'object' },
  anyArray: { type: 'array', maxItems: 4 },
  map: { type: 'object', additionalProperties: int },
  stringMap: { type: 'object', additionalProperties: text(8), maxProperties: 3 },
  nonEmptyMap: { type: 'object', additionalProperties: bool, minProperties: 1 },
  namedAndMore: {
    type: 'object',
    properties: { id: int },
    required: ['id'],
    additionalProperties: text(6),
  },
  patternMap: {
    type: 'object',
    patternProperties: { '^x-[a-z]{1,8}$': text(8) },
    additionalProperties: false,
  },
  keyedByName: {
    type: 'object',
    propertyNames: { pattern: '^[a-z]{2}$' },
    additionalProperties: int,
  },
  keyedByEnum: {
    type: 'object',
    propertyNames: { enum: ['de', 'en', 'zh'] },
    additionalProperties: text(10),
  },
  someOf: {
    ...optional({ a: int, b: int, c: int }),
    additionalProperties: false,
    minProperties: 2,
  },
  atMostOne: {
    ...optional({ a: int, b: int, c: int }),
    additionalProperties: false,
    maxProperties: 1,
  },
  options: optional({ verbose: bool, level: int, output: text(12) }),
  optionalAndRequired: { ...optional({ a: str, b: int, c: bool }), required: ['b'] },
  requiredUnnamed: { type: 'object', required: ['id'], additionalProperties: { type: 'integer' } },
  quotedNames: object({ 'a "quoted" name': int, 'päth/to~x': bool, 'new\nline': int, '': int }),
  tree: {
    $ref: '#/$defs/node',
    $defs: {
      node: object({ value: int, children: list({ $ref: '#/$defs/node' }, { maxItems: 2 }) }),
    },
  },
  linkedList: {
    type: 'object',
    properties: { value: int, next: orNull({ $ref: '#' }) },
    required: ['value', 'next'],
  },
  expression: {
    $ref: '#/definitions/expr',
    definitions: {
      expr: {
        anyOf: [
          num,
          object({
            op: choice('+', '-'),
            left: { $ref: '#/definitions/expr' },
            right: { $ref: '#/definitions/expr' },
          }),
        ],
      },
    },
  },
  anchored: { $ref: '#point', $defs: { p: { $anchor: 'point', ...object({ x: int, y: int }) } } },
  escapedRef: { $ref: '#/$defs/a~1b%25', $defs: { 'a/b%': int } },
  fileSystem: {
    $ref: '#/$defs/entry',
    $defs: {
      entry: { oneOf: [{ $ref: '#/$defs/file' }, { $ref: '#/$defs/folder' }] },
      file: object({ kind: { const: 'file' }, size: { ...int, minimum: 0 } }),
      folder: object({
        kind: { const: 'folder' },
        entries: list({ $ref: '#/$defs/entry' }, { maxItems: 2 }),
      }),
    },
  },
  shapes: {
    oneOf: [
      object({ kind: { const: 'circle' }, r: num }),
      object({ kind: { const: 'box' }, w: num, h: num }),
    ],
  },
  stringOrNumber: { oneOf: [text(10), num] },
  onlyOneMember: { oneOf: [object({ a: int }), object({ b: int })] },
  anyOfWithSiblings: {
    type: 'object',
    properties: { id: int, a: int, b: int },
    required: ['id'],
    anyOf: [{ required: ['a'] }, { required: ['b'] }],
  },
  allOf: { allOf: [optional({ a: int }), { required: ['a'] }, optional({ b: text(4) })] },
  allOfBounds: { allOf: [{ type: 'integer', minimum: 3 }, { maximum: 9 }, { type: 'number' }] },
  allOfEnum: { allOf: [choice('a', 'b', 'c'), choice('b', 'c', 'd')] },
  extended: {
    $ref: '#/$defs/base',
    properties: { extra: bool },
    required: ['extra'],
    $defs: { base: optional({ id: int }) },
  },
  vendor: {
    ...object({ a: int }),
    'x-order': 3,
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'T',
    description: 'D',
  },
}

const more: Record<string, object> = {
  todo: object({
    tasks: list(object({ title: text(30), done: bool, due: orNull(format('date')) }), {
      maxItems: 3,
    }),
  }),
  recipe: object({
    name: text(30),
    servings: { ...int, minimum: 1, maximum: 12 },
    ingredients: list(object({ name: text(16), grams: { ...int, minimum: 0, maximum: 5000 } }), {
      minItems: 1,
      maxItems: 3,
    }),
    steps: list(text(40), { minItems: 1, maxItems: 3 }),
  }),
  flight: object({
    from: pattern('^[A-Z]{3}$'),
    to: pattern('^[A-Z]{3}$'),
    departs: format('date-time'),
    seat: pattern('^[1-9][0-9]?[A-F]$'),
    cabin: choice('economy', 'business', 'first'),
  }),
  product: object({
    sku: pattern('^[A-Z0-9]{4,12}$'),
    name: text(40),
    price: { ...num, minimum: 0, maximum: 10000 },
    tags: list(text(10), { maxItems: 4 }),
    stock: optional({ warehouse: text(10), count: int }),
  }),
  user: object({
    id: format('uuid'),
    login: pattern('^[a-z][a-z0-9_]{2,15}$'),
    roles: list(choice('admin', 'editor', 'viewer'), {
      minItems: 1,
      maxItems: 3,
      uniqueItems: true,
    }),
    active: bool,
  }),
  config: object({
    host: format('hostname'),
    port: { ...int, minimum: 1, maximum: 65535 },
    tls: bool,
    retries: { ...int, minimum: 0, maximum: 10 },
    log: choice('debug', 'info', 'warn', 'error'),
  }),
  chart: object({
    type: choice('bar', 'line'),
    series: list(object({ name: text(10), values: list(num, { maxItems: 4 }) }), { maxItems: 2 }),
  }),
  quiz: object({
    question: text(60),
    answers: list(text(20), { minItems: 4, maxItems: 4 }),
    correct: { ...int, minimum: 0, maximum: 3 },
  }),
  translation: object({ source: text(2, 2), target: text(2, 2), text: text(60) }),
  summary: object({ title: text(40, 1), bullets: list(text(60, 1), { minItems: 1, maxItems: 3 }) }),
  toolCall: object({
    name: choice('search', 'open'),
    arguments: object({ query: text(30), limit: { ...int, minimum: 1, maximum: 20 } }),
  }),
  commit: object({
    type: choice('feat', 'fix', 'docs'),
    scope: orNull(text(12)),
    subject: text(50, 1),
    breaking: bool,
  }),
  ticket: object({
    priority: choice(1, 2, 3, 4),
    assignee: orNull(format('email')),
    estimate: { ...num, minimum: 0.5, maximum: 40 },
  }),
  bank: object({
    iban: pattern('^[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}$'),
    amount: { ...num, exclusiveMinimum: 0, maximum: 1000000 },
  }),
  medical: object({
    systolic: { ...int, minimum: 50, maximum: 260 },
    diastolic: { ...int, minimum: 30, maximum: 160 },
    notes: text(60),
  }),
  book: object({
    isbn: pattern('^97[89][0-9]{10}$'),
    title: text(40),
    year: { ...int, minimum: 1450, maximum: 2030 },
  }),
  movie: object({
    title: text(30),
    rating: { ...num, minimum: 0, maximum: 10 },
    genres: list(choice('drama', 'comedy', 'horror'), { uniqueItems: true }),
  }),
  route: object({
    stops: list(
      { type: 'array', prefixItems: [num, num], items: false, minItems: 2 },
      { minItems: 2, maxItems: 3 },
    ),
  }),
  geoJson: object({
    type: { const: 'Point' },
    coordinates: list(num, { minItems: 2, maxItems: 3 }),
  }),
  job: object({
    cron: pattern('^(\\*|[0-5]?[0-9]) (\\*|1?[0-9]|2[0-3]) \\* \\* \\*$'),
    command: text(30),
  }),
  licence: pattern('^[A-Z]{1,3}-[A-Z]{1,2} [1-9][0-9]{0,3}$'),
  hex: pattern('^(?:[0-9A-F]{2}:){5}[0-9A-F]{2}$'),
  chinese: pattern('^[\\u4e00-\\u9fff]{2,4}$'),
  emoji: pattern('^[😀-😏]+$', { maxLength: 5 }),
  noQuotes: pattern('^[^"\\\\]*$', { maxLength: 16 }),
  withEscapes: pattern('^"\\\\\\n[a-c]+"$', { maxLength: 12 }),
  eitherPattern: pattern('^a+$|^b+$', { maxLength: 9 }),
  exactLength: text(5, 5),
  long: text(100_000),
  manyOptional: optional(
    Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`field_${i}`, int])),
  ),
  deep: Array.from({ length: 12 }).reduce<object>(inner => object({ inner }), int),
  wideEnum: choice(...Array.from({ length: 500 }, (_, i) => `value ${i}`)),
}

/** Name → schema; each has answers, and none is refused. */
export const schemas: ReadonlyMap<string, object | boolean> = new Map(
  Object.entries({ ...trades, ...more }),
)
