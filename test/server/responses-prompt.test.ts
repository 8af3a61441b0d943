import { expect, it } from 'vitest'
import { inputMessages } from '../../lib/server/generate/responses-prompt.ts'
import { ResponseStore } from '../../lib/server/response-store.ts'
import { responsesBody } from '../../lib/server/wire/responses.ts'

const called = (n: number) => ({
  type: 'function_call',
  call_id: `c${n}`,
  name: 'look',
  arguments: '{}',
})
const call = (n: number) => ({
  id: `c${n}`,
  type: 'function',
  function: { name: 'look', arguments: '{}' },
})

it('makes one message of an assistant out of a text and the calls behind it', () => {
  const store = new ResponseStore()
  const before = [{ role: 'user' as const, content: 'Before' }]
  store.put('resp_1', { tenant: 't', messages: before, response: {} })
  const body = responsesBody.parse({
    previous_response_id: 'resp_1',
    input: [
      {
        role: 'user',
        content: [
          { type: 'input_text', text: 'Look ' },
          { type: 'text', text: 'up' },
        ],
      },
      { type: 'reasoning', summary: [] },
      { role: 'assistant', content: 'Well' },
      called(1),
      called(2),
      { type: 'function_call_output', call_id: 'c1', output: 'one' },
      called(3),
      called(4),
    ],
  })
  expect(inputMessages(body, store, 't')).toEqual([
    ...before,
    { role: 'user', content: 'Look up' },
    { role: 'assistant', content: 'Well', tool_calls: [call(1), call(2)] },
    { role: 'tool', tool_call_id: 'c1', content: 'one' },
    { role: 'assistant', tool_calls: [call(3), call(4)] },
  ])
  expect(before).toHaveLength(1)
})
