// Counts what vitest ran and why it skipped, for the closing line of `npm test`.
import { writeFileSync } from 'node:fs'

export default class Totals {
  passed = 0
  failed = 0
  skipped = []

  onTestCaseResult(test) {
    const { state, note } = test.result()
    if (state === 'passed') this.passed++
    if (state === 'failed') this.failed++
    if (state === 'skipped')
      this.skipped.push(
        `${test.module.relativeModuleId} > ${test.fullName}: ${note ?? /\((skipped [^)]*)\)/.exec(test.fullName)?.[1] ?? 'no reason given'}`,
      )
  }

  onTestRunEnd(modules, unhandledErrors) {
    // A file that does not even load, or an error outside of any test, is a failure too.
    this.failed += unhandledErrors.length + modules.filter(m => m.errors().length > 0).length
    const { passed, failed, skipped } = this
    if (process.env.CONCLAVE_TOTALS)
      writeFileSync(process.env.CONCLAVE_TOTALS, JSON.stringify({ passed, failed, skipped }))
  }
}
