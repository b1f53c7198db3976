/* What is known of each row. */

/** @typedef {ReturnType<typeof Rows.create>} Rows */

const Rows = (() => {
  /** @type {Record<string, string>} */
  const SAID = {
    event: 'event',
    notification: 'notification',
    gap: 'messages are missing here',
    reply: 'reply to nothing that is here',
  };

  /** @param {Overview} overview */
  function create(overview) {
    const { kind, channel, conn, error, one, two, changed } = overview;
    const count = overview.t.length;

    const timeOf = (/** @type {number} */ row) => overview.t[row];
    const msOf = (/** @type {number} */ row) => one.ms[row];
    const channelOf = (/** @type {number} */ row) => overview.channels[channel[row]];
    const isWrong = (/** @type {number} */ row) => error[row] >= 0;
    const isDifferent = (/** @type {number} */ row) => String(row) in changed;
    const isEvent = (/** @type {number} */ row) => kind[row] === 'event';

    /** @type {(side: Side, row: number) => boolean} */
    const isIn = (side, row) => side.asked[row] >= 0 || side.told[row] >= 0;

    /** @param {number} row */
    function onlyIn(row) {
      if (!two || (isIn(one, row) && isIn(two, row))) return '';
      return isIn(one, row) ? 'only in the first' : 'only in the second';
    }

    /** @param {number} row */
    function answerOf(row) {
      if (isWrong(row)) return overview.errors[error[row]];
      if (kind[row] !== 'call') return SAID[kind[row]];
      return one.told[row] >= 0 || (two && two.told[row] >= 0) ? 'ok' : 'no reply';
    }

    /** @param {number} row */
    function outcomeOf(row) {
      if (!isDifferent(row)) return answerOf(row);
      const [asked, told] = changed[row];
      return `${answerOf(row)} · ${onlyIn(row) || `≠ ${asked.length + told.length}`}`;
    }

    return {
      count,
      end: overview.t.reduce((last, at, row) => Math.max(last, at + (one.ms[row] ?? 0)), 0),
      timeOf,
      msOf,
      channelOf,
      isWrong,
      isDifferent,
      isEvent,
      onlyIn,
      /** @param {number} row @returns {Shown} */
      look: (row) => ({
        t: timeOf(row),
        ms: msOf(row),
        ms2: two ? two.ms[row] : null,
        channel: channelOf(row),
        channelKind: kind[row] === 'call' ? overview.channelKinds[channel[row]] : '',
        kind: kind[row],
        conn: overview.conns[conn[row]],
        outcome: outcomeOf(row),
        state: [isWrong(row) ? 'wrong' : '', isDifferent(row) ? 'changed' : ''].join(' '),
      }),
    };
  }

  return { create };
})();

/**
 * @typedef {object} Shown What one row shows.
 * @property {number} t
 * @property {number | null} ms
 * @property {number | null} ms2 How long it took in the second transcript.
 * @property {string} channel
 * @property {string} channelKind
 * @property {string} kind
 * @property {string} conn
 * @property {string} outcome
 * @property {string} state The class that colours it.
 */
