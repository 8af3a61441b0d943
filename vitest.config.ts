import { defineConfig } from 'vitest/config'

// Two cores: one file at a time keeps timing-sensitive tests honest and memory low.
export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    fileParallelism: false,
    pool: 'forks',
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
})
