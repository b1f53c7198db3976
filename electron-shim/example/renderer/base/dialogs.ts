/** Dialogs that give the focus back; older Chromium lets it go when they close. */

/** Open *dialog* over the page; when it closes the focus is where it was. */
export function openDialog(dialog: HTMLDialogElement): void {
  if (dialog.open) {
    return;
  }
  const before = document.activeElement;
  const giveBack = (): void => {
    if (before instanceof HTMLElement) {
      before.focus();
    }
  };
  dialog.addEventListener('close', giveBack, { once: true });
  dialog.showModal();
}
