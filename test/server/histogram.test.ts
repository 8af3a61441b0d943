import { Histogram, Registry } from 'prom-client'
import { expect, it } from 'vitest'
import { RequestHistogram } from '../../lib/server/histogram.ts'

it('writes what prom-client writes of the same values', async () => {
  const bounds = [0.001, 0.5, 1, 20]
  const values = [0, 0.001, 0.0011, 0.5, 0.75, 1, 19, 20, 20.5, 1e9]
  const theirs = new Registry()
  const ours = new Registry()
  for (const registry of [theirs, ours]) registry.setDefaultLabels({ model_name: 'm"\\' })
  const [name, help] = ['vllm:seconds', 'Time of\na request']
  const known = new Histogram({ name, help, buckets: bounds, registers: [theirs] })
  const own = new RequestHistogram(name, help, bounds, ours)
  expect(await ours.metrics()).toBe(await theirs.metrics())
  for (const value of values) {
    known.observe(value)
    own.observe(value)
  }
  expect(await ours.metrics()).toBe(await theirs.metrics())
  expect(() => new RequestHistogram(name, help, bounds, ours)).toThrow('already been registered')
})
