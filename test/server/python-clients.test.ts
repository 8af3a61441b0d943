import { execFile, spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Listener, listen } from '../../lib/server/listen.ts'
import { root } from '../engine/needs.ts'
import { defaultApp, key } from './default-app.ts'
import { lacks, python } from './python/python.ts'

const run = promisify(execFile)

describe('clients over a socket', () => {
  const held = defaultApp()
  let listener: Listener
  beforeAll(async () => {
    listener = await listen(held.app, { port: 0 })
  })
  afterAll(() => listener?.close(true))

  it('curl', async ({ skip }) => {
    if (spawnSync('curl', ['--version']).status !== 0) skip('there is no curl here')
    const body = JSON.stringify({
      messages: [{ role: 'user', content: 'Hello' }],
      max_tokens: 8,
      temperature: 0,
      stream: true,
    })
    const headers = ['-H', `Authorization: Bearer ${key}`, '-H', 'Content-Type: application/json']
    const url = `${listener.url}/v1/chat/completions`
    const { stdout } = await run('curl', ['-sSN', url, ...headers, '-d', body])
    const frames = stdout.split('\n\n').filter(frame => frame !== '')
    expect(frames.at(-1)).toBe('data: [DONE]')
    const text = frames
      .slice(0, -1)
      .map(frame => JSON.parse(frame.slice(6)).choices[0].delta.content ?? '')
      .join('')
    const messages = [{ role: 'user' as const, content: 'Hello' }]
    expect(text).toBe(await held.model.chat(messages, { maxTokens: 8, temperature: 0 }).text())
  })

  it("Python's openai", async ({ skip }) => {
    const reason = lacks('openai')
    if (reason !== undefined) skip(reason)
    const script = join(root, 'test/server/python/openai_client.py')
    const { stdout } = await run(python, [script, listener.url, key])
    const messages = [{ role: 'user' as const, content: 'Hello' }]
    const own = await held.model.chat(messages, { maxTokens: 12, temperature: 0 }).result()
    const { text, usage } = own
    expect(JSON.parse(stdout)).toEqual({
      text,
      streamed: text,
      tokens: usage.completionTokens,
      embedding: 256,
      response: text,
      errors: {
        temperature: 'BadRequestError',
        model: 'NotFoundError',
        key: 'AuthenticationError',
      },
    })
  })

  it('lm_eval scores as the model itself does', async ({ skip }) => {
    const reason = lacks('lm_eval', 'transformers', 'aiohttp')
    if (reason !== undefined) skip(reason)
    const folder = mkdtempSync(join(tmpdir(), 'lm-eval-'))
    const docs = ['4 + 5 =', 'Sorted: apple, fig,', 'Once upon a time there was a little'].map(
      (question, i) => ({ question, choices: ['9', 'pear', 'fox'], label: i }),
    )
    writeFileSync(join(folder, 'data.jsonl'), docs.map(doc => JSON.stringify(doc)).join('\n'))
    const task = {
      task: 'conclave_choice',
      dataset_path: 'json',
      dataset_kwargs: { data_files: { test: join(folder, 'data.jsonl') } },
      test_split: 'test',
      output_type: 'multiple_choice',
      doc_to_text: '{{question}}',
      doc_to_target: 'label',
      doc_to_choice: 'choices',
      metric_list: [{ metric: 'acc' }],
    }
    // JSON is YAML.
    writeFileSync(join(folder, 'task.yaml'), JSON.stringify(task))
    const server = `model=conclave,base_url=${listener.url}/v1/completions,num_concurrent=2`
    const out = join(folder, 'out')
    await run(
      python,
      [
        ...['-m', 'lm_eval', '--model', 'local-completions', '--log_samples'],
        ...['--model_args', `${server},max_retries=1,tokenizer=${join(root, 'default-model')}`],
        ...['--tasks', 'conclave_choice', '--include_path', folder, '--output_path', out],
      ],
      {
        env: {
          ...process.env,
          OPENAI_API_KEY: key,
          HF_HUB_OFFLINE: '1',
          HF_DATASETS_CACHE: join(folder, 'cache'),
        },
      },
    )
    const samples = readdirSync(out, { recursive: true, encoding: 'utf8' }).find(name =>
      /samples_.*\.jsonl$/.test(name),
    )!
    const lines = readFileSync(join(out, samples), 'utf8').trim().split('\n')
    expect(lines).toHaveLength(docs.length)
    for (const line of lines) {
      const { arguments: asked, resps } = JSON.parse(line)
      for (const [i, { arg_0, arg_1 }] of Object.values<Record<string, string>>(asked).entries()) {
        const encode = (text: string) => held.model.tokenizer!.encode(text)
        const scores = await held.model.engine.score(encode(arg_0! + arg_1!))
        const own = scores.slice(encode(arg_0!).length).reduce((sum, s) => sum + s!.logprob, 0)
        expect(Number(resps[i][0][0])).toBeCloseTo(own, 6)
      }
    }
  }, 240_000)
})
