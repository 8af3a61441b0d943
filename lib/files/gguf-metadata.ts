/**
 * The metadata of a GGUF file, read by key and type. Arrays are read on a thread when they are
 * asked for: a file may have a hundred megabytes of them.
 * @module
 */
import { ConclaveError } from '../errors.ts'
import { type GgufMetadata, type GgufTexts, nativeCall, type WeightStore } from '../native.ts'
import { inSlices, type Slices } from '../slices.ts'
import { TextList } from '../tokenizer/text-list.ts'
import { shown } from './config-reader.ts'

const integerTypes = new Set(['u8', 'i8', 'u16', 'i16', 'u32', 'i32', 'u64', 'i64'])
const numberTypes = new Set([...integerTypes, 'f32', 'f64'])

/** Elements of an array that native code reads. */
const maxElements = 2 ** 20
/** Bytes of one text of a list; the longest tokens of published vocabularies have some hundred. */
const maxTextBytes = 2 ** 20

type Entry = GgufMetadata & { readonly index: number }

/** Reads keys of an open file; each method throws `invalid_config` for a value of another type. */
export class GgufKeys {
  readonly where: string
  readonly #store: WeightStore
  readonly #entries: ReadonlyMap<string, Entry>

  /** Keys of a store's only file, null where it is no GGUF file; `where` names it in errors. */
  static read(store: WeightStore, where: string): Promise<GgufKeys | null> {
    return nativeCall(() => inSlices(readKeys(store, where)))
  }

  constructor(store: WeightStore, entries: ReadonlyMap<string, Entry>, where: string) {
    this.where = where
    this.#store = store
    this.#entries = entries
  }

  has(key: string): boolean {
    return this.#entries.has(key)
  }

  string(key: string): string {
    return this.stringOrNull(key) ?? this.#refuse(key, 'a string')
  }

  stringOrNull(key: string): string | null {
    const entry = this.#entries.get(key)
    if (entry === undefined) return null
    return typeof entry.value === 'string'
      ? entry.value
      : this.#refuse(key, 'a string of at most 4 MiB')
  }

  /** An integer of any width; a float is refused whatever its value. */
  int(key: string): number {
    return this.intOrNull(key) ?? this.#refuse(key, 'an integer')
  }

  intOrNull(key: string): number | null {
    const entry = this.#entries.get(key)
    if (entry === undefined) return null
    const fits = integerTypes.has(entry.type) && Number.isSafeInteger(entry.value)
    return fits ? (entry.value as number) : this.#refuse(key, 'an integer')
  }

  /** An integer, or an array with one for each layer, all alike. */
  async sameInt(key: string): Promise<number | null> {
    const entry = this.#entries.get(key)
    if (entry?.type !== 'array') return this.intOrNull(key)
    const all = (await this.numbers(key)) ?? new Float64Array()
    const first = all[0]
    if (first === undefined) return this.#refuse(key, 'an integer')
    if (all.every(n => n === first)) return first
    throw new ConclaveError(
      'unsupported_model',
      `"${key}" in ${this.where} differs from layer to layer, which is not implemented.`,
      { key },
    )
  }

  number(key: string): number {
    return this.numberOrNull(key) ?? this.#refuse(key, 'a number')
  }

  numberOrNull(key: string): number | null {
    const entry = this.#entries.get(key)
    if (entry === undefined) return null
    const fits = numberTypes.has(entry.type) && Number.isFinite(entry.value)
    return fits ? (entry.value as number) : this.#refuse(key, 'a number')
  }

  boolOrNull(key: string): boolean | null {
    const entry = this.#entries.get(key)
    if (entry === undefined) return null
    return typeof entry.value === 'boolean' ? entry.value : this.#refuse(key, 'true or false')
  }

  async strings(key: string): Promise<TextList | null> {
    const list = await this.#list(key, 'strings', element => element === 'string')
    if (list === null) return null
    return inSlices(this.#texts(key, list as GgufTexts))
  }

  /** How many elements an array has, of any type; null where the key is absent. */
  count(key: string): number | null {
    const entry = this.#entries.get(key)
    if (entry === undefined) return null
    return entry.type === 'array' ? entry.count : this.#refuse(key, 'a list')
  }

  /** Integers of an array. */
  async numbers(key: string): Promise<Float64Array | null> {
    const list = await this.#list(key, 'integers', element => integerTypes.has(element))
    return list as Float64Array | null
  }

  async #list(key: string, what: string, fits: (element: string) => boolean) {
    const entry = this.#entries.get(key)
    if (entry === undefined) return null
    if (entry.type !== 'array' || !fits(entry.element) || entry.count > maxElements)
      return this.#refuse(key, `a list of at most ${maxElements} ${what}`)
    return nativeCall(() => this.#store.elements(0, entry.index))
  }

  *#texts(key: string, { bytes, offsets }: GgufTexts): Slices<TextList> {
    for (let i = 1; i < offsets.length; i++) {
      const length = offsets[i]! - offsets[i - 1]!
      if (length > maxTextBytes) throw this.#tooLong(key, i - 1, length)
    }
    const all = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
    return yield* TextList.ofUtf8(all, offsets)
  }

  #tooLong(key: string, at: number, bytes: number): ConclaveError {
    return new ConclaveError(
      'invalid_file',
      `Expected texts of at most ${maxTextBytes} bytes in "${key}" in ${this.where}, but number ` +
        `${at} has ${bytes}.`,
      { key, limit: maxTextBytes, actual: bytes },
    )
  }

  #refuse(key: string, expected: string): never {
    throw new ConclaveError(
      'invalid_config',
      `Expected "${key}" in ${this.where} to be ${expected}, but it is ` +
        `${described(this.#entries.get(key))}.`,
      { key, expected },
    )
  }
}

function described(entry: Entry | undefined): string {
  if (entry === undefined) return 'missing'
  if (entry.type === 'array') return `an array of ${entry.count} ${entry.element}`
  return entry.value === null ? 'longer' : `the ${entry.type} ${shown(entry.value)}`
}

function* readKeys(store: WeightStore, where: string): Slices<GgufKeys | null> {
  const entries = new Map<string, Entry>()
  for (let first = 0; ; ) {
    const some = store.metadata(0, first)
    if (some === null) return null
    if (some.length === 0) return new GgufKeys(store, entries, where)
    for (const entry of some) entries.set(entry.key, { ...entry, index: first++ })
    yield
  }
}
