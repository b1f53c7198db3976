/** Opens the windows of the desk and remembers what each of them is. */

import { BrowserWindow, nativeTheme } from 'electron';
import { join } from 'path';
import {
  type ElectronBridgeController,
  hardenContents,
  secureWebPreferences,
} from '../../src/main';
import { rightsOf, type WindowKind } from './channels';

const titles: Readonly<Record<WindowKind, string>> = {
  desk: 'Driving school',
  board: 'Driving school – wall display',
};

/** The open windows. */
export class DeskWindows {
  readonly #bridge: ElectronBridgeController;
  readonly #page: string;
  readonly #kinds = new Map<number, WindowKind>();

  constructor(bridge: ElectronBridgeController, page: string) {
    this.#bridge = bridge;
    this.#page = page;
  }

  /** Open a window that may what its kind may. */
  open(kind: WindowKind): void {
    const window = new BrowserWindow({
      width: 1360,
      height: 900,
      minWidth: 1080,
      minHeight: 640,
      show: false,
      title: titles[kind],
      autoHideMenuBar: true,
      backgroundColor: nativeTheme.shouldUseDarkColors ? '#14171c' : '#f4f5f7',
      webPreferences: secureWebPreferences({ preload: join(__dirname, 'preload.cjs') }),
    });
    const { id } = window.webContents;
    this.#kinds.set(id, kind);
    window.on('closed', () => this.#kinds.delete(id));
    hardenContents(window.webContents);
    this.#bridge.attach(window, rightsOf(kind));
    window.once('ready-to-show', () => window.show());
    void window.loadFile(this.#page);
  }

  /** Return the kind of the window whose `webContents` has *id*. */
  kindOf(id: number): WindowKind {
    return this.#kinds.get(id) ?? 'board';
  }

  /** Load all anew: nothing that one user saw or typed is left for the next. */
  startOver(): void {
    for (const window of BrowserWindow.getAllWindows()) {
      window.webContents.reload();
    }
  }

  /** Bring one of them to the front, if there is one: while the backend stops there is none. */
  focus(): void {
    const [window] = BrowserWindow.getAllWindows();
    window?.focus();
  }
}
