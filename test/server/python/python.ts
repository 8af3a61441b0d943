import { spawnSync } from 'node:child_process'

/** A Python that has the packages of requirements.txt; `scripts/python.sh` makes one. */
export const python = process.env.CONCLAVE_PYTHON ?? 'python3'

/** Why a test that needs the modules cannot run; undefined where they are there. */
export function lacks(...modules: string[]): string | undefined {
  const found = spawnSync(python, ['-c', `import ${modules.join(', ')}`]).status === 0
  return found
    ? undefined
    : `${python} has no ${modules.join(', ')}; CONCLAVE_PYTHON may name one that scripts/python.sh made`
}
