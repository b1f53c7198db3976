/* What the page carries: an overview in columns, and the text of every message. */

/**
 * @typedef {object} Side One of two transcripts.
 * @property {(number | null)[]} ms How long each reply took.
 * @property {number[]} asked The message of the request, or of the event; -1 for none.
 * @property {number[]} told The message of the reply; -1 for none.
 */

/**
 * @typedef {object} Overview
 * @property {About} first
 * @property {About | null} second
 * @property {string[]} channels
 * @property {string[]} channelKinds query, command, job, or nothing.
 * @property {string[]} conns
 * @property {string[]} errors
 * @property {number} messages How many there are in the first transcript.
 * @property {string[]} kind call, notification, event, gap, or reply (to nothing that is here).
 * @property {number[]} t Milliseconds since the start.
 * @property {number[]} channel
 * @property {number[]} conn
 * @property {number[]} error -1 for none.
 * @property {Side} one
 * @property {Side | null} two
 * @property {Record<string, [string[], string[]]>} changed By row: the paths in its request and reply.
 */

/** @typedef {{name: string, version: string, startedAt: string, notes: string[]}} About */

const Data = (() => {
  /** @type {string} */
  let text = '';
  /** @type {Int32Array} */
  let starts = new Int32Array(1);

  /** @param {string} id */
  async function unpack(id) {
    const element = document.getElementById(id);
    const packed = atob(element?.textContent ?? '');
    element?.remove();
    const bytes = new Uint8Array(packed.length);
    for (let at = 0; at < packed.length; at += 1) bytes[at] = packed.charCodeAt(at);
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'));
    return new Response(stream).text();
  }

  /** @param {string} lines */
  function startsOf(lines) {
    const found = [0];
    for (let at = lines.indexOf('\n'); at !== -1; at = lines.indexOf('\n', at + 1)) {
      found.push(at + 1);
    }
    return Int32Array.from(found);
  }

  /** @returns {Promise<Overview>} */
  async function open() {
    const [overview, messages] = await Promise.all([
      unpack('packed-overview'),
      unpack('packed-messages'),
    ]);
    text = messages;
    starts = startsOf(messages);
    return JSON.parse(overview);
  }

  /** @param {number} number */
  function message(number) {
    return number < 0 ? undefined : JSON.parse(text.slice(starts[number], starts[number + 1]));
  }

  /**
   * Find the messages that have a text in them, whatever its case.
   *
   * @param {string} words
   * @returns {Uint8Array} 1 for each that has.
   */
  function search(words) {
    const found = new Uint8Array(starts.length);
    // As it is written in JSON, or as it is read.
    const forms = [words, JSON.stringify(words).slice(1, -1)];
    const either = forms.map((form) => form.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')).join('|');
    const pattern = new RegExp(either, 'gi');
    for (let hit = pattern.exec(text); hit; hit = pattern.exec(text)) {
      const number = lineAt(hit.index);
      found[number] = 1;
      pattern.lastIndex = starts[number + 1] ?? text.length;
    }
    return found;
  }

  /** @param {number} position */
  function lineAt(position) {
    let low = 0;
    let high = starts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (starts[middle] <= position) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  return { open, message, search };
})();
