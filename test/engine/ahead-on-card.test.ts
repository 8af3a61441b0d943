/**
 * Requests on the CUDA kernels, each step begun before the one in front of it has ended: what the
 * CPU answers, from a program of its own on the addon of `npm run build:simt`.
 */
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { needs, root } from './needs.ts'

const folder = join(root, 'test/golden/moe-f32')

const program = `
import { loadModel } from ${JSON.stringify(join(root, 'dist/index.mjs'))}
const [device] = process.argv.slice(1)
const model = await loadModel(${JSON.stringify(folder)}, {
  device, kvPages: 24, pageSize: 16, maxBatchTokens: 32, maxContext: 96, maxSequences: 4,
})
const requests = [
  { temperature: 0 },
  { seed: 7, temperature: 0.9, topP: 0.8, logprobs: 2 },
  { seed: 8, repetitionPenalty: 1.3, frequencyPenalty: 0.5 },
  { temperature: 0, maxTokens: 3 },
  { seed: 9, topK: 5, maxTokens: 4, logitsProcessor: (logits) => { logits[3] = -Infinity } },
]
const answers = await Promise.all(requests.map(async (options, i) => {
  const prompt = Array.from({ length: 3 + 9 * i }, (_, j) => (7 * i + 5 * j) % 90 + 1)
  const answer = model.generate(prompt, { maxTokens: 14, ignoreEos: true, ...options })
  try {
    const { tokenIds, finishReason, logprobs } = await answer.result()
    return { tokenIds, finishReason, ids: logprobs?.map(l => l.top?.map(t => t.tokenId)) }
  } catch (error) {
    return { code: error.code }
  }
}))
console.log(JSON.stringify({ device: model.info.device, answers }))
await model.dispose()
`

function answersOf(device: string, env: Record<string, string> = {}) {
  const args = ['--input-type=module', '-e', program, device]
  const stdout = execFileSync(process.execPath, args, {
    cwd: root,
    encoding: 'utf8',
    env: { ...process.env, CONCLAVE_SIMT: '1', ...env },
  })
  return JSON.parse(stdout)
}

describe('steps begun ahead on a card', () => {
  needs('build/simt/Release/conclave.node', 'dist/index.mjs')

  it('give each request what the CPU gives it', { timeout: 240_000 }, () => {
    const cpu = answersOf('cpu')
    const card = answersOf('cuda', { CONCLAVE_SIMT_LATE: '1' })
    expect(card.device).toBe('cuda (simt)')
    expect(card.answers).toEqual(cpu.answers)
    expect(cpu.answers.every((a: { tokenIds?: number[] }) => a.tokenIds !== undefined)).toBe(true)
  })

  it('all end where the card is lost', { timeout: 240_000 }, () => {
    const env = { CONCLAVE_SIMT_LATE: '1', CONCLAVE_SIMT_FAIL: 'cudaEventQuery:6:700' }
    const { answers } = answersOf('cuda', env)
    expect(answers.map((a: { code?: string }) => a.code)).toEqual(
      answers.map(() => 'engine_failed'),
    )
  })
})
