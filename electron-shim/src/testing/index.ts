/** What the tests of an app need; runs under plain Node. */

export { type Answer, FakeBackend, refusal, type SeenCall } from './fakeBackend';
export { type LaunchedApp, type LaunchOptions, launchApp } from './launchApp';
export { ReplayBackend, type ReplayOptions } from './replayBackend';
