import { equal } from 'node:assert/strict';
import { test } from 'node:test';
import { markMatches } from './marks';

function marked(name: string, typed: string): string {
  return markMatches(name, typed)
    .map(({ text, isMatch }) => (isMatch ? `[${text}]` : text))
    .join('');
}

test('the beginnings of words that were typed are marked, in any order', () => {
  equal(marked('Konrad Zuse', 'zus'), 'Konrad [Zus]e');
  equal(marked('Konrad Zuse', 'zu kon'), '[Kon]rad [Zu]se');
  equal(marked('Konrad Zuse', 'onr'), 'Konrad Zuse');
  equal(marked('Anna-Lena Groß', 'lena'), 'Anna-[Lena] Groß');
});

test('case and accents count as little as for the search', () => {
  equal(marked('Sofía Álvarez', 'alva'), 'Sofía [Álva]rez');
  equal(marked('Jonas Krüger', 'KRUG'), 'Jonas [Krüg]er');
  equal(marked('Mina Yılmaz', 'yilmaz'), 'Mina [Yılmaz]');
  equal(marked('Paul Østergård', 'oster'), 'Paul [Øster]gård');
  equal(marked('Anna Groß', 'gross'), 'Anna [Groß]');
});

test('nothing typed marks nothing', () => {
  equal(marked('Ada Byron', '  '), 'Ada Byron');
});
