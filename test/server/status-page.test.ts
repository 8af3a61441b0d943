import { existsSync, mkdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { type Browser, chromium } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Listener, listen } from '../../lib/server/listen.ts'
import { root } from '../engine/needs.ts'
import { defaultApp, get, key } from './default-app.ts'

const browserPath = ['/usr/bin/chromium', '/usr/bin/chromium-browser'].find(existsSync)
const picture = (name: string) =>
  join(root, process.env.CONCLAVE_PICTURES ? 'docs' : 'build', `${name}.png`)

describe('the status page', () => {
  const held = defaultApp()

  it('is one page with nothing from elsewhere', async () => {
    const response = await get(held.app, '/')
    const policy = response.headers.get('content-security-policy')!
    expect(policy).toMatch(/^default-src 'none'; script-src 'sha256-[^']+'; style-src 'sha256-/)
    expect(policy).not.toContain('unsafe')
    const page = await response.text()
    expect(page).not.toMatch(/https?:|src=|@import|url\(/)
    const bare = await held.app.fetch('http://conclave/', { headers: { accept: 'text/html' } })
    expect(bare.headers.get('www-authenticate')).toMatch(/^Basic /)
  })

  describe('in headless Chromium', () => {
    let listener: Listener
    let browser: Browser | undefined
    beforeAll(async () => {
      if (browserPath === undefined) return
      listener = await listen(held.app, { port: 0 })
      const args = ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage']
      browser = await chromium.launch({ executablePath: browserPath, args })
    })
    afterAll(async () => {
      await browser?.close()
      await listener?.close(true)
    })

    it('shows the work and chats, without an error or a request elsewhere', async ({ skip }) => {
      if (browser === undefined) skip('no /usr/bin/chromium here')
      const httpCredentials = { username: 'me', password: key }
      const context = await browser!.newContext({ httpCredentials, colorScheme: 'light' })
      const page = await context.newPage()
      const problems: string[] = []
      page.on('console', m => {
        if (m.type() === 'error') problems.push(m.text())
      })
      page.on('pageerror', error => problems.push(error.message))
      page.on('request', request => {
        if (!request.url().startsWith(listener.url) && !request.url().startsWith('data:'))
          problems.push(request.url())
      })
      await page.goto(listener.url)
      await page.waitForSelector('#state[data-state=ready]')
      await page.fill('#say', 'Sort these words: pear, <b>apple</b>, fig')
      await page.click('#chat button')
      await page.waitForSelector('#log .it')
      await page.waitForSelector('#stop', { state: 'hidden' })
      expect(await page.textContent('#log .me')).toBe('Sort these words: pear, <b>apple</b>, fig')
      expect((await page.textContent('#log .it'))!.length).toBeGreaterThan(3)
      expect(await page.textContent('#log .cost')).toMatch(/^\d+ tokens in \d/)
      await page
        .getByText(/^p99 \d+/)
        .first()
        .waitFor()
      expect(await page.textContent('#imbalance')).toMatch(/^Busiest: [1-9][\d.]* × the mean/)
      expect(await page.textContent('#pages')).toMatch(/in all/)
      await page.hover('#experts', { position: { x: 3, y: 3 } })
      expect(await page.textContent('#imbalance')).toMatch(/^Layer \d+, expert 0: [\d,]+ tokens$/)
      await page.mouse.move(0, 0)
      // The chart shows whole seconds that are over.
      await expect.poll(() => page.textContent('#quiet'), { timeout: 15_000 }).toBe('')
      mkdirSync(dirname(picture('status-page')), { recursive: true })
      await page.screenshot({ path: picture('status-page'), fullPage: true })
      await page.emulateMedia({ colorScheme: 'dark' })
      await page.waitForTimeout(1500)
      await page.screenshot({ path: picture('status-page-dark'), fullPage: true })
      await page.setViewportSize({ width: 360, height: 740 })
      await page.waitForTimeout(1500)
      await page.screenshot({ path: picture('status-page-phone'), fullPage: true })
      const hidden = await page.evaluate('document.documentElement.scrollWidth - innerWidth')
      expect(hidden).toBe(0)
      expect(problems).toEqual([])
      await context.close()
    })
  })
})
