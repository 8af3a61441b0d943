import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { ChatMessage, ToolDefinition } from '../../lib/chat/messages.ts'
import { ModelTokenizer } from '../../lib/chat/model-tokenizer.ts'
import { vocabularies, vocabularyMissing } from '../tokenizer/vocabularies.ts'

/** Writes every field that a caller can fill, in the ways that templates write them. */
const everyField = `{%- for message in messages -%}
<|im_start|>{{ message.role }}|{{ message.name }}|{{ message.tool_call_id }}|{{ message.note }}
{{ message.content }}{{ message.reasoning_content | default('') | trim }}
{{- message.content | upper | lower }}{{ message.content.split('|') | join('|') }}
{{- message.content[:4] }}{{ message.content[4:] }}{{ message | tojson }}{{ [message.content] }}
{%- for call in message.tool_calls or [] -%}
<tool_call>{{ call.function.name }}{{ call.function.arguments }}{{ call | tojson(indent=2) }}
{%- for key, value in call.function.arguments | items %}{{ key }}{{ value }}{% endfor %}</tool_call>
{%- endfor %}<|im_end|>
{% endfor %}{{ tools | tojson }}{{ style }}<|im_start|>assistant
`
/** Puts caller text right beside text of the template's own. */
const adjacent = `{% for m in messages %}<{{ m.content }}|im_end|><|im_{{ m.content }}|>{{ m.name }}
{{- m.content }}{{- m.content }}>{{ '<|' ~ m.content ~ '|>' }}{{ m.content }}_end|>{% endfor %}<|im_end|>`

/** A vocabulary with its own template, and with the two above. */
function subjectsOf(name: string) {
  const files = vocabularies.get(name)!
  const templated = (chatTemplate: string) => ModelTokenizer.fromFiles({ ...files, chatTemplate })
  const own = ModelTokenizer.fromFiles(files)
  const { controlTokens, vocabSize } = own.tokenizer
  const bytes = new Set<number>()
  for (let id = 0; id < vocabSize; id++) {
    const token = own.tokenizer.tokenBytes(id)
    if (token.length === 1) bytes.add(token[0]!)
  }
  return {
    templates: [
      ['its own', own],
      ['every field', templated(everyField)],
      ['adjacent', templated(adjacent)],
    ] as const,
    contents: controlTokens.map(token => token.content),
    controlIds: new Set(controlTokens.map(token => token.id)),
    /** What decoding the ids of a text gives: bytes that the vocabulary lacks are left out. */
    kept: (text: string) =>
      Buffer.from(name === 'smollm2' ? text : text.normalize('NFC'))
        .filter(byte => bytes.has(byte))
        .toString(),
  }
}
const subjects = [...vocabularies.keys()].map(name => [name, subjectsOf(name)] as const)
type Subject = ReturnType<typeof subjectsOf>

function conversation(fill: string): { messages: ChatMessage[]; tools: ToolDefinition[] } {
  const call = {
    id: fill,
    type: 'function' as const,
    function: { name: fill, arguments: { [fill]: fill } },
  }
  return {
    messages: [
      { role: 'system', content: fill, name: fill },
      { role: 'user', content: [{ type: 'text', text: fill }], name: fill, note: fill },
      { role: 'assistant', content: fill, name: fill, reasoning_content: fill, tool_calls: [call] },
      { role: 'tool', content: fill, name: fill, tool_call_id: fill },
      { role: 'user', content: fill, name: fill },
    ],
    tools: [
      {
        type: 'function',
        function: {
          name: fill,
          description: fill,
          parameters: { type: 'object', properties: { [fill]: { enum: [fill], type: fill } } },
        },
      },
    ],
  }
}

/** The control ids, in order, with which a template renders a fill. */
function controlsOf(subject: Subject, tokenizer: ModelTokenizer, fill: string): number[] {
  const { messages, tools } = conversation(fill)
  const { ids, text } = tokenizer.applyChatTemplate(messages, {
    tools,
    templateOptions: { style: fill, enable_thinking: true },
  })
  // Decoding everything gives the rendered text back: nothing was lost on the way.
  const decoded = tokenizer.decode(ids, { skipSpecialTokens: false })
  expect(decoded, fill).toBe(subject.kept(text))
  return Array.from(ids).filter(id => subject.controlIds.has(id))
}

test('three vocabularies', ({ skip }) => {
  if (vocabularyMissing !== null) skip(vocabularyMissing)
  expect(subjects.map(([name]) => name)).toEqual(['qwen3', 'smollm2', 'default'])
})

const pairs = subjects.flatMap(([vocabulary, subject]) =>
  subject.templates.map(([template, tokenizer]) => ({ vocabulary, template, subject, tokenizer })),
)

describe.each(pairs)('$vocabulary, $template template', ({ subject, tokenizer }) => {
  const { contents } = subject
  const controls = (fill: string) => controlsOf(subject, tokenizer, fill)
  const benign = controls('plain words')

  test('has control tokens of its own', () => {
    expect(benign.length).toBeGreaterThan(0)
  })

  test.each(contents)('%s in every field stays text', content => {
    expect(controls(`x ${content} y`)).toEqual(benign)
    expect(controls(content.slice(1) + content.slice(0, 1))).toEqual(benign)
  })

  test('whole, halved and glued look-alikes stay text', () => {
    const piece = fc.oneof(
      fc.constantFrom(...contents),
      fc
        .tuple(fc.constantFrom(...contents), fc.nat(20), fc.nat(20))
        .map(([content, start, end]) => content.slice(start, start + end)),
      fc.constantFrom(...['<', '|', '>', '<|', '|>', 'im_', '\n', ' ', '"', '\\', '\u0338', '🙂']),
      fc.string({ unit: 'binary', maxLength: 5 }),
    )
    const fill = fc
      .array(piece, { minLength: 1, maxLength: 6 })
      .map(parts => `-${parts.join('')}`.replaceAll(/<\/?think>|<\/?tool_response>/g, ''))
    fc.assert(
      fc.property(fill, text => {
        expect(controls(text)).toEqual(benign)
      }),
      { numRuns: 300, seed: 1 },
    )
  })
})

test('thoughts in an answer are the template’s, not the caller’s', () => {
  const [[, { templates, controlIds }]] = subjects as [(typeof subjects)[number]]
  const [[, own]] = templates
  const messages: ChatMessage[] = [
    { role: 'user', content: 'Q' },
    { role: 'assistant', content: '<think>\na <|im_end|> </think> b <think> c' },
  ]
  const { ids } = own.applyChatTemplate(messages, { addGenerationPrompt: false })
  const names = Array.from(ids)
    .filter(id => controlIds.has(id))
    .map(id => Buffer.from(own.tokenizer.tokenBytes(id)).toString())
  expect(names).toEqual([
    ...['<|im_start|>', '<|im_end|>', '<|im_start|>'],
    ...['<think>', '</think>', '<|im_end|>'],
  ])
})

test.each(subjects)('a prompt of plain text has no control token either: %s', (_, subject) => {
  const [[, own]] = subject.templates
  for (const content of subject.contents) {
    const ids = Array.from(own.encode(`a ${content}b`))
    expect(ids.filter(id => subject.controlIds.has(id))).toEqual([])
    expect(own.decode(ids)).toBe(`a ${content}b`)
    const allowed = own.encode(content, { controlTokens: true })
    expect(Array.from(allowed)).toEqual([own.tokenizer.controlTokenId(content)])
  }
})
