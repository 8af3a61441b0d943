/**
 * Text that remembers which of its characters a caller filled in.
 *
 * Whatever a template does with a message (cut, trim, join, upper-case, write as JSON), the marks
 * stay with the characters. Only unmarked text can become a control token.
 * @module
 */

/** Caller ranges [start, end) in UTF-16 units, flat, ascending, never empty or touching. */
export type Spans = readonly number[]

const noSpans: Spans = []

export class Text {
  readonly value: string
  readonly caller: Spans

  private constructor(value: string, caller: Spans) {
    this.value = value
    this.caller = caller
  }

  static readonly empty = new Text('', noSpans)

  /** Text of the template's own. */
  static of(value: string): Text {
    return value === '' ? Text.empty : new Text(value, noSpans)
  }

  /** Text that a caller filled in. */
  static fromCaller(value: string): Text {
    return value === '' ? Text.empty : new Text(value, [0, value.length])
  }

  /** `caller` as {@link Spans} of `value`. */
  static withSpans(value: string, caller: Spans): Text {
    return value === '' ? Text.empty : new Text(value, caller)
  }

  static join(parts: readonly Text[], separator = Text.empty): Text {
    const builder = new TextBuilder()
    parts.forEach((part, i) => {
      if (i > 0) builder.add(separator)
      builder.add(part)
    })
    return builder.text()
  }

  get length(): number {
    return this.value.length
  }

  slice(start: number, end = this.value.length): Text {
    if (start <= 0 && end >= this.value.length) return this
    if (start >= end) return Text.empty
    const value = this.value.slice(start, end)
    const { caller } = this
    if (caller.length === 0) return new Text(value, noSpans)
    const spans: number[] = []
    for (let i = firstSpanAfter(caller, start); i < caller.length && caller[i]! < end; i += 2) {
      spans.push(Math.max(caller[i]!, start) - start, Math.min(caller[i + 1]!, end) - start)
    }
    return new Text(value, spans)
  }

  /** This text with `next` behind it. */
  concat(next: Text): Text {
    if (this.value === '') return next
    if (next.value === '') return this
    const start = this.value.length
    const spans = this.caller.slice()
    for (let i = 0; i < next.caller.length; i += 2)
      addSpan(spans, start + next.caller[i]!, start + next.caller[i + 1]!)
    return new Text(this.value + next.value, spans)
  }

  /** `change` applied to each stretch of one origin; lengths may change. */
  map(change: (value: string) => string): Text {
    if (this.caller.length === 0) return Text.of(change(this.value))
    const builder = new TextBuilder()
    let done = 0
    for (let i = 0; i < this.caller.length; i += 2) {
      const [start, end] = [this.caller[i]!, this.caller[i + 1]!]
      if (start > done) builder.add(Text.of(change(this.value.slice(done, start))))
      builder.add(Text.fromCaller(change(this.value.slice(start, end))))
      done = end
    }
    if (done < this.length) builder.add(Text.of(change(this.value.slice(done))))
    return builder.text()
  }

  /** `value` in place of this text; wholly the caller's where lengths no longer agree. */
  withValue(value: string): Text {
    if (this.caller.length === 0) return Text.of(value)
    return value.length === this.length ? new Text(value, this.caller) : Text.fromCaller(value)
  }
}

/** Index of the first span that ends after `offset`. */
function firstSpanAfter(spans: Spans, offset: number): number {
  let low = 0
  let high = spans.length / 2
  while (low < high) {
    const middle = (low + high) >> 1
    if (spans[2 * middle + 1]! > offset) high = middle
    else low = middle + 1
  }
  return 2 * low
}

/** Behind the others, or one with the last where they touch. */
function addSpan(spans: number[], start: number, end: number): void {
  if (spans.at(-1) === start) spans[spans.length - 1] = end
  else spans.push(start, end)
}

/** Collects pieces into one text. */
export class TextBuilder {
  readonly #parts: string[] = []
  readonly #caller: number[] = []
  #length = 0

  get length(): number {
    return this.#length
  }

  add(text: Text): void {
    if (text.length === 0) return
    this.#parts.push(text.value)
    const start = this.#length
    for (let i = 0; i < text.caller.length; i += 2)
      addSpan(this.#caller, start + text.caller[i]!, start + text.caller[i + 1]!)
    this.#length += text.length
  }

  text(): Text {
    return Text.withSpans(this.#parts.join(''), this.#caller.slice())
  }
}
