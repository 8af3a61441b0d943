import { describe, expect, it } from 'vitest'
import { createEngine } from '../../lib/engine/create-engine.ts'
import { createApp } from '../../lib/server/app.ts'
import { clientOf, defaultApp } from './default-app.ts'

const model = 'conclave'
const content = 'Repeat: mail anna.smith@example.com'

describe('a guarded server', () => {
  const held = defaultApp()
  const guarded = async (action: 'mask' | 'block') => {
    const engine = await createEngine(held.model, { guard: { categories: { email: action } } })
    return { engine, app: createApp(held.model, { engine }) }
  }

  it('answers without what the policy masks, in streams too', async () => {
    const { app, engine } = await guarded('mask')
    // The model is made to say it: no word of the question is needed.
    const asked = {
      model,
      messages: [{ role: 'user' as const, content }],
      max_tokens: 40,
      temperature: 0,
      n: 2,
    }
    const { choices } = await clientOf(app).chat.completions.create(asked)
    for (const { message } of choices) expect(message.content).not.toMatch(/@example/)
    const stream = await clientOf(app).chat.completions.create({ ...asked, stream: true })
    let text = ''
    for await (const chunk of stream)
      if (chunk.choices[0]?.index === 0) text += chunk.choices[0].delta.content ?? ''
    expect(text).toBe(choices[0]!.message.content)
    await engine.dispose()
  })

  it('ends what the policy blocks with content_filter', async () => {
    const { app, engine } = await guarded('block')
    const asked = { model, messages: [{ role: 'user' as const, content }], max_tokens: 8, n: 2 }
    const { choices } = await clientOf(app).chat.completions.create(asked)
    expect(choices.map(choice => choice.finish_reason)).toEqual(Array(2).fill('content_filter'))
    expect(choices[0]!.message.content).toBe('')
    const fine = { ...asked, messages: [{ role: 'user' as const, content: 'Hello' }] }
    const answered = await clientOf(app).chat.completions.create(fine)
    expect(answered.choices[0]!.finish_reason).not.toBe('content_filter')
    await engine.dispose()
  })
})
