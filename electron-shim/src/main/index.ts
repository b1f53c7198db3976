/** The public API of the main process. */

export {
  type BridgeOptions,
  createElectronBridge,
  type ElectronBridgeController,
} from './bridge';
export { type ChannelContext, defineChannel, type IPCChannel, rpcChannel } from './channels';
export { createKeystore } from './electronKeystore';
export type { Rights } from './ipc';
export type { Keystore, KeystoreOptions } from './keystore';
export * from './node';
export { hardenContents, secureWebPreferences } from './security';
export type { StandardSchema, Validator } from './validator';
