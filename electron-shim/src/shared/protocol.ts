/** The messages of the life cycle that are no channels (protocol.md section 2). */

import type {
  CallMeta,
  Channel,
  Channels,
  Event,
  EventType,
  Metrics,
  Ready,
} from '../generated/channels.gen';

export type { CallMeta, EventType, Metrics, Ready };

/** The version this shim speaks; the backend exits with 76 on another. */
export const protocolVersion = '1';

export type ParamsOf<C extends Channel> = Channels[C]['params'];
export type ResultOf<C extends Channel> = Channels[C]['result'];

/** What a ready backend is: `system.ready` plus the comparison with the generated contract. */
export interface ServerInfo extends Ready {
  readonly contractMatches: boolean;
}

/** The notification `event`: something happened in the school. */
export interface BackendEvent extends Event {
  readonly type: EventType;
}

/** The notification `$/progress`. */
export interface Progress {
  readonly token: string | number;
  readonly value: ProgressValue;
}

export interface ProgressValue {
  readonly kind: 'begin' | 'report' | 'end';
  readonly message?: string;
  readonly percentage?: number;
  readonly done?: number;
  readonly total?: number;
}

/** What `receive` listens to: `event` hears every event, an event type its own. */
export type Topic = 'event' | 'system.ready' | 'system.metrics' | '$/progress' | EventType;

export type PayloadOf<T extends Topic> = T extends 'system.ready'
  ? Ready
  : T extends 'system.metrics'
    ? Metrics
    : T extends '$/progress'
      ? Progress
      : BackendEvent;
