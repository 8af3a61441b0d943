// Writes the bench checkpoints from a seed: node bench/models.mjs [moe-s moe-m tiny] →
// bench/.cache/models/NAME/ and NAME.gguf
import { existsSync, mkdirSync, renameSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { GgufFile, SafetensorsFile } from './checkpoint-files.mjs'
import { fill, normals, streamState, toBf16 } from './gaussian.mjs'
import { cacheFolder, defaultModelFolder } from './paths.mjs'
import { configOf, shapes, tensorsOf } from './shapes.mjs'

const seed = 11
const chunkElements = 4 * 2 ** 20
const size = shape => shape.reduce((a, b) => a * b, 1)
const tables = new Map()

export const modelFolder = name => join(cacheFolder, 'models', name)
export const ggufFile = name => join(cacheFolder, 'models', `${name}.gguf`)

/**
 * The folder of a model by name: a bench shape, made where it is missing, 'default', or a folder
 * as it is.
 */
export function folderOf(name) {
  if (name === 'default') return defaultModelFolder
  return shapes.has(name) ? ensureModel(name) : name
}

/** Makes a checkpoint unless it is there; returns its folder. */
export function ensureModel(name) {
  const shape = shapes.get(name)
  if (shape === undefined) throw new Error(`Expected one of ${[...shapes.keys()]}, but got ${name}`)
  const folder = modelFolder(name)
  if (existsSync(folder) && existsSync(ggufFile(name))) return folder
  const shards = tensorsOf(shape)
  checkDisk(shards)
  const draft = `${folder}.draft`
  rmSync(draft, { recursive: true, force: true })
  mkdirSync(draft, { recursive: true })
  const gguf = new GgufFile(`${draft}.gguf`, shape, shards.flat())
  const weightMap = {}
  const table = normals(seed)
  let stream = 0
  shards.forEach((tensors, i) => {
    const count = String(shards.length).padStart(5, '0')
    const file = `model-${String(i + 1).padStart(5, '0')}-of-${count}.safetensors`
    const shard = new SafetensorsFile(join(draft, file), tensors)
    for (const tensor of tensors) {
      for (const piece of draw(tensor, table, stream++)) {
        shard.append(piece)
        gguf.append(tensor, piece)
      }
      weightMap[tensor.name] = file
    }
    shard.close()
    process.stderr.write(`\r${name}: ${Math.round((100 * (i + 1)) / shards.length)} % written`)
  })
  process.stderr.write('\n')
  gguf.close()
  const bytes = 2 * shards.flat().reduce((sum, t) => sum + size(t.shape), 0)
  const index = { metadata: { total_size: bytes }, weight_map: weightMap }
  writeFileSync(join(draft, 'model.safetensors.index.json'), JSON.stringify(index))
  writeFileSync(join(draft, 'config.json'), JSON.stringify(configOf(shape), null, 1))
  renameSync(`${draft}.gguf`, ggufFile(name))
  rmSync(folder, { recursive: true, force: true })
  renameSync(draft, folder)
  return folder
}

function checkDisk(shards) {
  mkdirSync(join(cacheFolder, 'models'), { recursive: true })
  const need = 4 * shards.flat().reduce((sum, t) => sum + size(t.shape), 0) + 2 ** 30
  const { bavail, bsize } = statfsSync(cacheFolder)
  if (bavail * bsize < need)
    throw new Error(`Expected ${need / 1e9} GB free in ${cacheFolder}; set CONCLAVE_BENCH_CACHE`)
}

/** The values of a tensor as bf16, in pieces that are only good until the next one. */
function* draw({ shape, std, norm, signs }, normal, stream) {
  const count = size(shape)
  const scale = norm ? 0.1 : std
  const values =
    tables.get(scale) ?? Uint16Array.from(normal, x => toBf16(norm ? 1 + scale * x : scale * x))
  tables.set(scale, values)
  const buffer = new Uint16Array(Math.min(count, chunkElements))
  let state = streamState(seed, stream)
  for (let done = 0; done < count; done += chunkElements) {
    const piece = buffer.subarray(0, Math.min(chunkElements, count - done))
    state = fill(piece, values, state)
    if (signs) for (let i = 0; i < piece.length; i++) piece[i] ^= (streamState(i, stream) & 1) << 15
    yield piece
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const asked = process.argv.slice(2)
  for (const name of asked.length > 0 ? asked : shapes.keys()) console.log(ensureModel(name))
}
