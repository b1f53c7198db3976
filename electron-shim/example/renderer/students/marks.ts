/** Which parts of a name answer to what was typed; knows no DOM. */

export interface Part {
  readonly text: string;
  readonly isMatch: boolean;
}

/**
 * Split *name* into what matches a word of *typed* and what does not.
 *
 * Case and accents count as little as they do for the backend's search: `muller` marks `Müller`.
 */
export function markMatches(name: string, typed: string): readonly Part[] {
  const words = typed
    .split(/\s+/)
    .map(plain)
    .filter((word) => word !== '');
  const letters = Array.from(name);
  const folded = letters.map(plain);
  const marked = letters.map(() => false);
  for (const word of words) {
    for (let start = 0; start < letters.length; start += 1) {
      const end = isWordStart(letters, start) ? matchFrom(folded, start, word) : undefined;
      if (end !== undefined) {
        marked.fill(true, start, end);
      }
    }
  }
  return join(letters, marked);
}

/** Fold as a search does: without accents and case. */
function plain(text: string): string {
  return text
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .toLowerCase()
    .replace(/ı/g, 'i')
    .replace(/ø/g, 'o')
    .replace(/ł/g, 'l')
    .replace(/ß/g, 'ss');
}

function isWordStart(letters: readonly string[], index: number): boolean {
  return index === 0 || !/[\p{L}\p{M}\p{N}]/u.test(letters[index - 1] ?? '');
}

/** Return the index behind the letters that begin with *word*; one letter may fold to two. */
function matchFrom(folded: readonly string[], start: number, word: string): number | undefined {
  let rest = word;
  for (let index = start; index < folded.length; index += 1) {
    const letter = folded[index] ?? '';
    if (letter.startsWith(rest)) {
      return index + 1;
    }
    if (!rest.startsWith(letter)) {
      return undefined;
    }
    rest = rest.slice(letter.length);
  }
  return undefined;
}

function join(letters: readonly string[], marked: readonly boolean[]): readonly Part[] {
  const parts: Part[] = [];
  letters.forEach((letter, index) => {
    const isMatch = marked[index] ?? false;
    const last = parts[parts.length - 1];
    if (last !== undefined && last.isMatch === isMatch) {
      parts[parts.length - 1] = { text: last.text + letter, isMatch };
    } else {
      parts.push({ text: letter, isMatch });
    }
  });
  return parts;
}
