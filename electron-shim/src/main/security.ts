/** Windows that cannot do more than they should (Electron's security checklist). */

import type { WebContents, WebPreferences } from 'electron';

/** Return the web preferences of a sandboxed window with *preload*. */
export function secureWebPreferences(options: { readonly preload: string }): WebPreferences {
  return {
    preload: options.preload,
    sandbox: true,
    contextIsolation: true,
    nodeIntegration: false,
    nodeIntegrationInSubFrames: false,
    nodeIntegrationInWorker: false,
    webSecurity: true,
    webviewTag: false,
  };
}

/** Deny navigation, new windows, webviews and permissions. */
export function hardenContents(contents: WebContents): void {
  const deny = (event: { preventDefault(): void }): void => event.preventDefault();
  contents.on('will-navigate', deny);
  contents.on('will-redirect', deny);
  // Sub-frames, where the version tells of them.
  (contents as NodeJS.EventEmitter).on('will-frame-navigate', deny);
  contents.on('will-attach-webview', deny);
  contents.session.setPermissionRequestHandler((_contents, _permission, decide) => decide(false));
  contents.session.setPermissionCheckHandler(() => false);
  if (typeof contents.session.setDevicePermissionHandler === 'function') {
    contents.session.setDevicePermissionHandler(() => false);
  }
  if (typeof contents.setWindowOpenHandler === 'function') {
    contents.setWindowOpenHandler(() => ({ action: 'deny' }));
    return;
  }
  // Electron before 12 has an event instead, which current types no longer know.
  (contents as NodeJS.EventEmitter).on('new-window', deny);
}
