/** An app that leaves when nobody puts it off. */

import { EventEmitter } from 'events';
import type { QuitEvent } from '../main/lifecycle';

/** Electron's `app`, as far as quitting goes. */
export class FakeApp extends EventEmitter {
  readonly log: string[] = [];
  #leave: () => void = () => undefined;
  /** Settles once it has left. */
  readonly left = new Promise<void>((resolve) => {
    this.#leave = resolve;
  });

  quit(): void {
    let isPutOff = false;
    const event: QuitEvent = {
      preventDefault: () => {
        isPutOff = true;
      },
    };
    this.emit('before-quit', event);
    this.log.push(isPutOff ? 'put off' : 'left');
    if (!isPutOff) {
      this.#leave();
    }
  }
}
