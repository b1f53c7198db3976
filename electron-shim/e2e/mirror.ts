/** The desk in a plain browser: a backend with its mirror, and the system's Chromium. */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { TestContext } from 'node:test';
import { type Browser, chromium, type Page } from 'playwright-core';
import { python } from './support';

// Bundled to dist/test/e2e.
const desk = join(__dirname, '../../desk');
const places = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
const patienceMs = 30_000;

export interface Mirror {
  /** Where the desk is. */
  readonly url: string;
  readonly port: number;
  /** Close stdin, and wait for the end. */
  end(): Promise<void>;
}

/** Serve the school in *dataDir* and the desk; it ends with the test *t*, whatever becomes of it. */
export async function serveDesk(t: TestContext, dataDir: string, port = 0): Promise<Mirror> {
  const args = ['-m', 'rpcbackend', 'serve', '--data-dir', dataDir];
  const child = spawn(python, [...args, '--http', `127.0.0.1:${port}`], {
    env: {
      ...process.env,
      RPCBACKEND_API__DESK: desk,
      RPCBACKEND_LIMITS__AUTH_PER_MINUTE: '1000',
      RPCBACKEND_SECURITY__RATE_LIMIT__MAX: '1000',
    },
    stdio: ['pipe', 'ignore', 'pipe'],
  });
  const end = async (): Promise<void> => {
    child.stdin.end();
    if (child.exitCode === null) {
      await once(child, 'exit');
    }
  };
  t.after(end);
  const origin = await originOf(child);
  return { url: `${origin}/desk/`, port: Number(new URL(origin).port), end };
}

async function originOf(child: ChildProcess): Promise<string> {
  const told: string[] = [];
  const lines = createInterface({ input: child.stderr ?? process.stdin });
  for await (const line of lines) {
    told.push(line);
    const url = /the mirror listens .*?(http:\/\/[\d.:]+)/.exec(line)?.[1];
    if (url !== undefined) {
      // Nobody reads on: what is logged from here on must not hold the backend up.
      child.stderr?.resume();
      return url;
    }
  }
  throw new Error(`the mirror did not start:\n${told.join('\n')}`);
}

/** Open a browser that is closed with the test. */
export async function openBrowser(t: TestContext): Promise<Browser> {
  const executablePath = process.env['CHROMIUM'] ?? places.find((place) => existsSync(place));
  if (executablePath === undefined) {
    throw new Error('there is no Chromium; set CHROMIUM to one');
  }
  const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
  t.after(() => browser.close());
  return browser;
}

/** Open a page of its own, in the time zone of the school; errors in it go to *errors*. */
export async function openPage(
  browser: Browser,
  url: string,
  timezoneId: string,
  errors: string[],
): Promise<Page> {
  const context = await browser.newContext({
    timezoneId,
    locale: 'en-GB',
    viewport: { width: 1360, height: 900 },
  });
  const page = await context.newPage();
  page.setDefaultTimeout(patienceMs);
  page.on('pageerror', (error) => errors.push(String(error)));
  page.on('console', (message) => {
    // Each refusal is an error of the network for a browser, and nobody signed in is one.
    if (message.type() === 'error' && !/status of [45]|net::ERR_/.test(message.text())) {
      errors.push(message.text());
    }
  });
  await page.goto(url);
  return page;
}
