/**
 * conclave serve: a model behind the APIs of OpenAI and Anthropic.
 * @module
 */
import { guardedEngine } from '../engine/create-engine.ts'
import { loadModel } from '../engine/load.ts'
import { Model } from '../engine/model.ts'
import type { Guard } from '../guard/guard.ts'
import { createApp, type ServerApp } from '../server/app.ts'
import { type Listener, listen } from '../server/listen.ts'
import { servedModel } from '../server/served-model.ts'
import { type Command, outputFlags, UsageError, type Values } from './command.ts'
import { interruptedExitCode } from './interrupt.ts'
import { modelFlags } from './model-flags.ts'
import { formatBytes, loadProgress } from './progress.ts'
import { type ServeOptions, serveFlags, serveOptions } from './serve-options.ts'
import { fired, type StopSignals, stopSignals } from './stop-signals.ts'

const { model: modelFlag, ...loadFlags } = modelFlags

export const serve: Command = {
  name: 'serve',
  summary: 'Serves a model (default: the embedded one) by the APIs of OpenAI and Anthropic.',
  positionals: ['MODEL'],
  flags: { ...serveFlags, model: modelFlag, ...loadFlags, ...outputFlags },
  async run(values, [positional]) {
    if (positional !== undefined && values.model !== undefined)
      throw new UsageError('Give the model once: as an argument or by --model.')
    const source = positional ?? (values.model as string | undefined)
    const options = await serveOptions(values, source)
    const signals = stopSignals()
    const server = await open(source, options, signals.first).catch(async error => {
      await options.compliance?.close()
      throw error
    })
    try {
      const model = await server.model
      announce(server, model, options, values)
      const { weightFiles } = Model.partsOf(model)
      options.compliance?.watches(options.app.modelName, weightFiles, options.log)
      await fired(signals.first)
      await drain(server.app, options, signals)
    } finally {
      // Before the model goes: what is still in work hears that it ends.
      await server.listener.close(signals.second.aborted || server.app.active > 0)
      await server.model.then(model => model.dispose()).catch(() => {})
      await options.compliance?.close()
    }
    if (signals.first.reason === 'SIGINT') process.exitCode = interruptedExitCode
  },
}

interface OpenServer {
  app: ServerApp
  listener: Listener
  model: Promise<Model>
}

/** Listens first, so that /health tells of the load. */
async function open(
  source: string | undefined,
  { app: appOptions, load, listen: listenOptions, guard }: ServeOptions,
  signal: AbortSignal,
): Promise<OpenServer> {
  const bar = loadProgress()
  let app: ServerApp | undefined
  const stop = new AbortController()
  const loading = loadModel(source, {
    ...load,
    signal: AbortSignal.any([signal, stop.signal]),
    onProgress(progress) {
      bar.update(progress)
      if (app !== undefined && progress.totalBytes > 0)
        app.progress = progress.doneBytes / progress.totalBytes
    },
  })
  const model = loading.finally(() => bar.clear())
  model.catch(() => {})
  try {
    app = createApp(guard === undefined ? model : model.then(guarded(guard)), appOptions)
    return { app, model, listener: await listen(app, listenOptions) }
  } catch (error) {
    stop.abort()
    await model.then(one => one.dispose()).catch(() => {})
    throw error
  }
}

/** On the model's own pages: a server needs no second cache. */
const guarded = (guard: Guard) => (model: Model) => servedModel(model, guardedEngine(model, guard))

function announce(
  { listener }: OpenServer,
  { info }: Model,
  { app, log }: ServeOptions,
  values: Values,
): void {
  const { url } = listener
  if (values.json === true) console.log(JSON.stringify({ ready: true, url }))
  else
    console.error(
      `${app.modelName} (${info.architecture}, ${formatBytes(info.weightBytes)} of ` +
        `${info.weights} on ${info.device}) is ready at ${url}`,
    )
  log.info({ url, model: app.modelName }, 'ready')
}

/** Waits for the requests in work, as long as they may take and nobody insists. */
async function drain(
  app: ServerApp,
  { drainMs, log }: ServeOptions,
  { second }: StopSignals,
): Promise<void> {
  log.info({ active: app.active, drainMs }, 'draining')
  let timer: NodeJS.Timeout | undefined
  const enough = new Promise<void>(resolve => {
    timer = setTimeout(resolve, drainMs)
  })
  await Promise.race([app.drain(), enough, fired(second)])
  clearTimeout(timer)
  log.info({ active: app.active }, 'stopped')
}
