import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import type { ChatMessage, ToolDefinition } from '../../lib/chat/messages.ts'
import { ModelTokenizer } from '../../lib/chat/model-tokenizer.ts'
import { qwen3Files } from '../tokenizer/qwen3.ts'
import { smollm2Files, smollm2Missing } from '../tokenizer/smollm2.ts'

interface Row {
  template: string
  messages: ChatMessage[]
  options: { tools?: ToolDefinition[]; add_generation_prompt?: boolean; enable_thinking?: boolean }
  text: string | null
  ids?: string
}

const fixture: { templates: Record<string, string>; rows: Row[] } = JSON.parse(
  readFileSync(new URL('fixtures/rendered.json', import.meta.url), 'utf8'),
)
const sources: Record<string, string> = {
  ...fixture.templates,
  qwen3: qwen3Files.tokenizerConfig.chat_template,
}
if (smollm2Missing === null) sources.smollm2 = (await smollm2Files()).chatTemplate!
const tokenConfig = { eos_token: '<|im_end|>', pad_token: '<|endoftext|>' }

describe.each(Object.keys(sources))('transformers renders the same: %s', name => {
  const tokenizer = ModelTokenizer.fromFiles({
    tokenizer: qwen3Files.tokenizer,
    tokenizerConfig: tokenConfig,
    chatTemplate: sources[name]!,
  })
  const rows = fixture.rows.filter(row => row.template === name)

  test(`${rows.length} conversations`, () => {
    const different: unknown[] = []
    for (const { messages, options, text, ids } of rows) {
      const { tools, add_generation_prompt, ...templateOptions } = options
      let got: string
      let hash = ids
      try {
        const prompt = tokenizer.applyChatTemplate(messages, {
          ...(tools === undefined ? {} : { tools }),
          ...(add_generation_prompt === undefined
            ? {}
            : { addGenerationPrompt: add_generation_prompt }),
          templateOptions,
        })
        got = prompt.text
        const digest = createHash('sha256').update(new Uint8Array(prompt.ids.buffer)).digest('hex')
        if (ids !== undefined) hash = digest.slice(0, 16)
      } catch (error) {
        got = `${error}`
      }
      if (got === text && hash === ids) continue
      different.push({ messages, options, got, expected: text, sameIds: hash === ids })
    }
    expect(different[0]).toBeUndefined()
  })
})

test('the fixture holds at least 60 conversations of each template', ({ skip }) => {
  for (const name of Object.keys(sources)) {
    expect(fixture.rows.filter(row => row.template === name).length).toBeGreaterThanOrEqual(60)
  }
  if (smollm2Missing !== null) skip(smollm2Missing)
})
