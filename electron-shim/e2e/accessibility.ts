/** What keeps people from using a page, as axe-core finds it. */

import { readFileSync } from 'node:fs';
import type { Page } from 'playwright-core';

const axe = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');

/** Return the faults of *page* against WCAG 2.1 AA and best practice, one line each. */
export async function faultsOf(page: Page): Promise<readonly string[]> {
  await page.evaluate(axe);
  return page.evaluate(async () => {
    interface Axe {
      run(options: object): Promise<{
        violations: { id: string; nodes: { target: string[]; failureSummary: string }[] }[];
      }>;
    }
    const { violations } = await (Reflect.get(window, 'axe') as Axe).run({
      runOnly: ['wcag2a', 'wcag2aa', 'wcag21aa', 'best-practice'],
    });
    return violations.flatMap(({ id, nodes }) =>
      nodes.map(({ target, failureSummary }) => `${id}: ${target.join(' ')} ${failureSummary}`),
    );
  });
}
