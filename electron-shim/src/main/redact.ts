/** Takes out of texts what a mail should not carry. */

// Keys, capabilities and tokens: 40 characters of base64url or hex and more, JWTs with their dots.
// A hash of a contract goes with them, and nobody misses it in a line of a log.
const secrets = /[A-Za-z0-9_+/=-]{40,}(?:\.[A-Za-z0-9_-]+)*/g;
const mails = /[\w.+-]+@[\w-]+(?:\.[\w-]+)+/g;

/** Return a function that shortens *home* to `~`, and blots out secrets and mail addresses. */
export function redactor(home: string): (text: string) => string {
  // With both kinds of slash, as tools on Windows write them.
  const homes = [home, home.replace(/\\/g, '/')].filter((path) => path.length > 1);
  return (text) => {
    let redacted = text;
    for (const path of homes) {
      redacted = redacted.split(path).join('~');
    }
    // A path is no secret, however long.
    return redacted
      .replace(secrets, (match) => (match.includes('/') ? match : '[secret]'))
      .replace(mails, '[mail]');
  };
}

/** Apply *redact* to every text in *value*. */
export function redactAll<V>(value: V, redact: (text: string) => string): V {
  return JSON.parse(JSON.stringify(value), (_name, member: unknown) =>
    typeof member === 'string' ? redact(member) : member,
  ) as V;
}
