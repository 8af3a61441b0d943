import { describe, expect, it } from 'vitest'
import { needs } from '../engine/needs.ts'
import { built, defaultModel, runCli } from './run-cli.ts'

describe('chat', () => {
  needs(...built, defaultModel)

  it('answers one message with the embedded model', async () => {
    const args = ['chat', '--message', 'Hello!', '--max-tokens', '20', '--temperature', '0']
    const { code, stdout } = await runCli([...args, '--json'])
    const answer = JSON.parse(stdout)
    expect(code).toBe(0)
    expect(answer.text).not.toBe('')
    expect(answer.usage.promptTokens).toBeGreaterThan(3)
    expect((await runCli(args)).stdout).toBe(`${answer.text}\n`)
  })

  it('a system message changes the prompt', async () => {
    const tokens = async (more: string[]) => {
      const args = ['chat', '--message', 'Hello!', '--max-tokens', '1', '--json', ...more]
      return JSON.parse((await runCli(args)).stdout).usage.promptTokens
    }
    expect(await tokens(['--system', 'Be brief.'])).toBeGreaterThan(await tokens([]))
  })

  it('holds a conversation, one message a line from a pipe', async () => {
    const args = ['chat', '--max-tokens', '4', '--temperature', '0', '--ignore-eos']
    const { code, stdout, stderr } = await runCli(args, {
      input: 'Hello!\n\nHello!\n/clear\nHello!\n',
    })
    const [first, second, third] = stdout.split('\n')
    expect([code, stderr]).toEqual([0, ''])
    // The second answer has seen the first turn; after /clear the third has not.
    expect(third).toBe(first)
    expect(second).toBeDefined()
  })

  it('a message that is refused does not end it', async () => {
    const { code, stdout, stderr } = await runCli(['chat', '--max-tokens', '4'], {
      input: `${'word '.repeat(4000)}\nHello!\n`,
    })
    expect(code).toBe(0)
    expect(stderr).toMatch(/^error\[context_length_exceeded\]/)
    expect(stdout).not.toBe('')
  })

  it('Ctrl-C stops the reply, not the program', async () => {
    let phase = 0
    const { code, stdout } = await runCli(['chat', '--ignore-eos', '--temperature', '0'], {
      input: 'Tell me a story.\n',
      keepOpen: true,
      onStdout: (text, child) => {
        if (phase === 0 && text.length > 10) {
          phase = 1
          child.kill('SIGINT')
        } else if (phase === 1 && text.endsWith('\n')) {
          phase = 2
          child.stdin!.write('Hello!\n')
        } else if (phase === 2 && !text.endsWith('\n')) {
          phase = 3
          child.kill('SIGINT')
          child.stdin!.end()
        }
      },
    })
    expect([code, phase]).toEqual([0, 3])
    expect(stdout.trim().split('\n').length).toBeGreaterThanOrEqual(2)
  })

  it('a second Ctrl-C ends the program', async () => {
    let phase = 0
    const { code, stderr } = await runCli(['chat', '--ignore-eos', '--temperature', '0'], {
      input: 'Tell me a story.\n',
      keepOpen: true,
      onStdout: (text, child) => {
        if (phase === 0 && text.length > 10) {
          phase = 1
          child.kill('SIGINT')
        } else if (phase === 1 && text.endsWith('\n')) {
          phase = 2
          child.kill('SIGINT')
          setTimeout(() => child.kill('SIGINT'), 200)
        }
      },
    })
    expect([code, phase]).toEqual([0, 2])
    expect(stderr).toMatch(/Ctrl-C again/)
  })
})
