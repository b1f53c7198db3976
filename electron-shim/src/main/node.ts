/** The part of the public API that runs under plain Node, without Electron. */

export {
  type Channel,
  type Channels,
  channelNames,
  contractHash,
  eventTypes,
} from '../generated/channels.gen';
export type { Unsubscribe } from '../shared/emitter';
export { BackendError, type ErrorType, type Failure, type Outcome } from '../shared/errors';
export type {
  BackendEvent,
  CallMeta,
  EventType,
  ParamsOf,
  PayloadOf,
  Progress,
  ProgressValue,
  Ready,
  ResultOf,
  ServerInfo,
  Topic,
} from '../shared/protocol';
export type { ShimSymbol } from '../shared/shimErrors';
export type { BridgeStatus } from '../shared/status';
export {
  type Backend,
  type BackendSignals,
  createBackend,
  type ExitNotice,
  type Notice,
} from './backend';
export type { CallOptions, CancelSignal } from './call';
export type { Diagnostics } from './diagnostics';
export type { HeartbeatLimits } from './heartbeat';
export { type BackendPlaces, resolveBackend } from './locate';
export type { LogFileOptions } from './logFile';
export type { Noise } from './ndjson';
export {
  type BackendOptions,
  type BackendProgram,
  type DatabaseKey,
  pythonBackend,
  type Send,
} from './options';
export type { RestartLimits } from './restartPolicy';
export type { StopOptions, StopReport } from './session';
export type { StopHow, StopLimits } from './stopLadder';
export type { CallTrace, SlowCall } from './trace';
