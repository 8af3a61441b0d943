import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { ChatMessage, ToolDefinition } from '../../lib/chat/messages.ts'
import { ModelTokenizer } from '../../lib/chat/model-tokenizer.ts'
import { qwen3, qwen3Files } from '../tokenizer/qwen3.ts'

/** Writes every field that a caller can fill, in the ways that templates write them. */
const everyField = `{%- for message in messages -%}
<|im_start|>{{ message.role }}|{{ message.name }}|{{ message.tool_call_id }}
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
{{- m.content }}{{- m.content }}>{{ '<|' ~ m.content ~ '|>' }}{{ m.content }}_end|>{% endfor %}`

const tokenizerWith = (chatTemplate: string) =>
  ModelTokenizer.fromFiles({ tokenizer: qwen3Files.tokenizer, chatTemplate })
const tokenizers = {
  qwen3: tokenizerWith(qwen3Files.tokenizerConfig.chat_template),
  everyField: tokenizerWith(everyField),
  adjacent: tokenizerWith(adjacent),
}
const controlIds = new Set(qwen3.controlTokens.map(token => token.id))
const contents = qwen3.controlTokens.map(token => token.content)

function conversation(fill: string): { messages: ChatMessage[]; tools: ToolDefinition[] } {
  const call = {
    id: fill,
    type: 'function' as const,
    function: { name: fill, arguments: { [fill]: fill } },
  }
  return {
    messages: [
      { role: 'system', content: fill, name: fill },
      { role: 'user', content: fill, name: fill },
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
function controlsOf(name: keyof typeof tokenizers, fill: string, skeleton = fill): number[] {
  const { messages, tools } = conversation(fill)
  const { ids, text } = tokenizers[name].applyChatTemplate(messages, {
    tools,
    templateOptions: { style: fill, enable_thinking: true },
  })
  // Decoding everything gives the rendered text back: nothing was lost on the way.
  const decoded = tokenizers[name].decode(ids, { skipSpecialTokens: false })
  expect(decoded, skeleton).toBe(text.normalize('NFC'))
  return Array.from(ids).filter(id => controlIds.has(id))
}

describe.each(Object.keys(tokenizers) as (keyof typeof tokenizers)[])('template %s', name => {
  const benign = controlsOf(name, 'plain words')

  test.each(contents)('%s in every field stays text', content => {
    expect(controlsOf(name, `x ${content} y`)).toEqual(benign)
    expect(controlsOf(name, content.slice(1) + content.slice(0, 1))).toEqual(benign)
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
        expect(controlsOf(name, text)).toEqual(benign)
      }),
      { numRuns: 300, seed: 1 },
    )
  })
})

test('thoughts in an answer are the template’s, not the caller’s', () => {
  const messages: ChatMessage[] = [
    { role: 'user', content: 'Q' },
    { role: 'assistant', content: '<think>\na <|im_end|> </think> b <think> c' },
  ]
  const { ids } = tokenizers.qwen3.applyChatTemplate(messages, { addGenerationPrompt: false })
  const names = Array.from(ids)
    .filter(id => controlIds.has(id))
    .map(id => Buffer.from(qwen3.tokenBytes(id)).toString())
  expect(names).toEqual([
    ...['<|im_start|>', '<|im_end|>', '<|im_start|>'],
    ...['<think>', '</think>', '<|im_end|>'],
  ])
})

test('a prompt of plain text has no control token either', () => {
  for (const content of contents) {
    const ids = Array.from(tokenizers.qwen3.encode(`a ${content}b`))
    expect(ids.filter(id => controlIds.has(id))).toEqual([])
    expect(tokenizers.qwen3.decode(ids)).toBe(`a ${content}b`)
    const allowed = tokenizers.qwen3.encode(content, { controlTokens: true })
    expect(Array.from(allowed)).toEqual([qwen3.controlTokenId(content)])
  }
})
