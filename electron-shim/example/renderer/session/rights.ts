/** What this window and who works at it may do; knows no DOM. */

import type { Me } from '../../../src/renderer';

/** What the app says of a window; a browser that has no such app may what its user may. */
export interface About {
  readonly kind: 'desk' | 'board';
  /** Undefined: all there are. */
  readonly channels: readonly string[] | undefined;
  readonly seedCommand: string;
}

/** Read what `app.about` answered. */
export function readAbout(answer: unknown): About {
  const member = (name: string): unknown =>
    typeof answer === 'object' && answer !== null ? Reflect.get(answer, name) : undefined;
  const channels = member('channels');
  return {
    kind: member('kind') === 'board' ? 'board' : 'desk',
    channels: Array.isArray(channels) ? channels.map(String) : undefined,
    seedCommand: String(member('seedCommand') ?? 'python -m rpcbackend seed'),
  };
}

/** Tell whether the window may use *channel*. */
export function mayUse({ channels }: About, channel: string): boolean {
  return channels === undefined || channels.includes(channel);
}

/** Tell whether who works here holds *permission*; before that is known nobody does. */
export function holds(me: Me | undefined, permission: string): boolean {
  return me !== undefined && (me.isLocal || permission in me.permissions);
}
