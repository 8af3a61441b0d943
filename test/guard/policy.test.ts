// Policies: what is checked, what each action and style does, what a policy cannot do.
import { describe, expect, test } from 'vitest'
import { createGuard, type GuardPolicy } from '../../lib/guard/index.ts'
import { push } from './stream-texts.ts'

const code = (work: () => unknown): string | undefined => {
  try {
    work()
  } catch (error) {
    return (error as { code?: string }).code
  }
  return undefined
}

describe('policy', () => {
  test.each([
    [{ categories: { phone: 'hide' } }],
    [{ categories: { telephone: 'mask' } }],
    [{ categories: { phone: { action: 'mask', style: 'blur' } } }],
    [{ categories: {}, terms: [''] }],
    [{ categories: {}, key: 'short' }],
    [{ categories: {}, extra: 1 }],
    [{}],
    [null],
    [7],
  ])('%j is refused', policy => {
    expect(code(() => createGuard(policy as unknown as GuardPolicy))).toBe('invalid_request')
  })

  test('__proto__ in JSON neither passes nor changes other objects', () => {
    const policy = JSON.parse('{"categories":{"phone":"mask"},"__proto__":{"polluted":"mask"}}')
    const inner = JSON.parse('{"categories":{"__proto__":{"email":"block"},"phone":"mask"}}')
    for (const one of [policy, inner]) code(() => createGuard(one))
    expect(({} as Record<string, unknown>).polluted).toBeUndefined()
    expect(({} as Record<string, unknown>).email).toBeUndefined()
    const polluted = Object.create({ email: 'block' })
    polluted.phone = 'mask'
    expect(createGuard({ categories: polluted }).scan('a@b.com').matches).toEqual([])
  })

  test('categories left out are off', () => {
    const guard = createGuard({ categories: { phone: 'mask' } })
    expect(guard.scan('13800138000 a@b.com').text).toBe('[PHONE] a@b.com')
  })

  test('an object that is changed later changes nothing', () => {
    const policy: GuardPolicy = { categories: { phone: 'mask' } }
    const guard = createGuard(policy)
    policy.categories.phone = 'off'
    expect(guard.scan('13800138000').text).toBe('[PHONE]')
  })
})

describe('actions', () => {
  test('score reports and leaves the text', () => {
    const result = createGuard({ categories: { phone: 'score' } }).scan('x 13800138000')
    expect(result).toMatchObject({ text: 'x 13800138000', blocked: false })
    expect(result.matches).toMatchObject([
      { category: 'phone', start: 2, end: 13, action: 'score' },
    ])
  })

  test('block ends the text before the match', () => {
    const guard = createGuard({ categories: { phone: 'mask', secret: 'block' } })
    const text = 'call 13800138000, key AKIAIOSFODNN7EXAMPLE, mail 13900139000'
    expect(guard.scan(text)).toMatchObject({ text: 'call [PHONE], key ', blocked: true })
    expect(guard.scan(text).matches).toHaveLength(2)
  })

  test('a stream closes at a block', async () => {
    const guard = createGuard({ categories: { secret: 'block' } })
    const stream = guard.stream()
    const writer = stream.writable.getWriter()
    const written = (async () => {
      for (const unit of 'a key AKIAIOSFODNN7EXAMPLE and more')
        await writer.write(unit).catch(() => {})
      await writer.close().catch(() => {})
    })()
    let out = ''
    for await (const piece of stream.readable) out += piece
    await written
    expect(out).toBe('a key ')
  })

  test('block wins over mask where both match', () => {
    const policy: GuardPolicy = {
      categories: { email: 'mask', term: 'block' },
      terms: ['example.com'],
    }
    expect(createGuard(policy).scan('to bob@example.com').text).toBe('to ')
    expect(push(policy, 'to bob@example.com!'.split('')).sum).toBe('to ')
  })
})

describe('styles', () => {
  const styled = (style: 'stars' | 'last4' | 'pseudonym', key?: string) =>
    createGuard({
      categories: { bank_card: { action: 'mask', style }, phone: { action: 'mask', style } },
      ...(key === undefined ? {} : { key }),
    })

  test('stars keep the shape', () => {
    expect(styled('stars').scan('4111 1111 1111 1111.').text).toBe('**** **** **** ****.')
  })

  test('last4 keeps four', () => {
    expect(styled('last4').scan('4111 1111 1111 1111.').text).toBe('**** **** **** 1111.')
  })

  test('a pseudonym is the same for the same number, and only the owner can map it back', () => {
    const key = 'a key of the owner'
    const guard = styled('pseudonym', key)
    const { text } = guard.scan('138-0013-8000 or 13800138000 not 13900139000')
    const tags = text.match(/\[PHONE_[0-9a-f]{16}\]/g)!
    expect(tags).toHaveLength(3)
    expect(tags[0]).toBe(tags[1])
    expect(tags[0]).not.toBe(tags[2])
    expect(styled('pseudonym', key).scan('13800138000').text).toBe(tags[0])
    expect(styled('pseudonym', `${key}!`).scan('13800138000').text).not.toBe(tags[0])
    expect(guard.restore(`Ring ${tags[2]} now`)).toBe('Ring 13900139000 now')
    expect(styled('pseudonym', key).restore(text)).toBe(text)
  })
})
