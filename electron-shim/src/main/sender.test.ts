import { equal } from 'node:assert/strict';
import { test } from 'node:test';
import { isTrustedSender, isTrustedUrl, type Sender } from './sender';

const trusted = ['file:///app/index.html', 'app://school', 'http://localhost:5173'];

function makeSender(frame: Sender['senderFrame'], topUrl = 'app://school/'): Sender {
  const sender = { getURL: () => topUrl };
  return frame === undefined ? { sender } : { sender, senderFrame: frame };
}

test('an origin trusts all its pages and a file only itself', () => {
  equal(isTrustedUrl('app://school/week?x=1', trusted), true);
  equal(isTrustedUrl('http://localhost:5173/deep/link', trusted), true);
  equal(isTrustedUrl('file:///app/index.html#week', trusted), true);
  equal(isTrustedUrl('file:///app/other.html', trusted), false);
});

test('a look-alike is refused', () => {
  for (const url of [
    'app://school.evil/',
    'http://localhost:51730/',
    'https://localhost:5173',
    'about:blank',
    'data:text/html,x',
    '',
  ]) {
    equal(isTrustedUrl(url, trusted), false, url);
  }
});

test('the main frame may speak and a sub-frame may not', () => {
  equal(isTrustedSender(makeSender({ url: 'app://school/', parent: null }), trusted), true);
  equal(isTrustedSender(makeSender({ url: 'app://school/', parent: {} }), trusted), false);
});

test('a frame that is gone may not speak', () => {
  equal(isTrustedSender(makeSender(null), trusted), false);
});

test('without senderFrame the page decides', () => {
  equal(isTrustedSender(makeSender(undefined), trusted), true);
  equal(isTrustedSender(makeSender(undefined, 'https://evil.example/'), trusted), false);
});
