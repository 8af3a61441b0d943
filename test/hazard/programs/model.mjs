// The model that every program here loads: small, and in the project.
import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { getHeapStatistics } from 'node:v8'

export const folder = fileURLToPath(new URL('../../golden/moe-f32', import.meta.url))

export const longPrompt = Array.from({ length: 3000 }, (_, i) => (i * 7) % 300)

/** Token ids that a fixed request gives. */
export async function golden(model) {
  const options = { maxTokens: 12, ignoreEos: true, temperature: 0 }
  return (await model.generate([1, 2, 3, 4], options).result()).tokenIds.join()
}

const status = name => Number(new RegExp(`^${name}:\\s*(\\d+)`, 'm').exec(statusText())[1])
const statusText = () => readFileSync('/proc/self/status', 'utf8')

/** What a model takes from the system: KiB resident outside of V8's heap, and counts. */
export function taken() {
  return {
    rss: status('VmRSS') - Math.round(getHeapStatistics().total_physical_size / 1024),
    threads: status('Threads'),
    descriptors: readdirSync('/proc/self/fd').length,
  }
}

/** Signals that this process handles itself, as the kernel's mask. */
export function caughtSignals() {
  return BigInt(`0x${/^SigCgt:\s*(\w+)/m.exec(statusText())[1]}`)
}
