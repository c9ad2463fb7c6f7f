// Headless Chromium, asked over its DevTools pipe, so that status, headers and the page's own error are seen and not
// only the DOM. CHROMIUM names the program. MAXVERSION can be TLSv1.2 or TLSv1.3: Chromium has nothing older.
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const [url, ca, held = '-'] = process.argv.slice(2);
const home = mkdtempSync(join(tmpdir(), 'chromium-'));

// Chromium on Linux trusts what the user's NSS database trusts; this user's home is a directory of our own.
function trust() {
  const store = join(home, '.pki', 'nssdb');
  mkdirSync(store, { recursive: true });
  for (const step of [['-N', '--empty-password'], ['-A', '-n', 'test', '-t', 'C,,', '-i', ca]]) {
    const done = spawnSync('certutil', ['-d', `sql:${store}`, ...step], { encoding: 'utf8' });
    if (done.status !== 0) throw new Error(`certutil ${step.join(' ')}: ${done.error ?? done.stderr}`);
  }
}

// Left to itself it opens a second connection, in case the page needs one; told not to predict, one run is one
// connection.
function predictNothing() {
  const folder = join(home, 'profile', 'Default');
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'Preferences'), JSON.stringify({ net: { network_prediction_options: 2 } }));
}

function start() {
  const flags = [
    '--headless', '--remote-debugging-pipe', `--user-data-dir=${join(home, 'profile')}`, '--no-sandbox', '--disable-gpu',
    '--disable-dev-shm-usage', '--disable-quic', '--no-first-run', '--disable-background-networking',
    '--disable-component-update', '--disable-sync',
  ];
  if (held !== '-') flags.push(`--ssl-version-max=${held.replace('TLSv', 'tls')}`);
  return spawn(process.env.CHROMIUM ?? 'chromium', [...flags, 'about:blank'], {
    env: { ...process.env, HOME: home },
    stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'],
  });
}

// DevTools pipe: JSON messages ended by NUL, ours on descriptor 3, Chromium's on 4.
function devtools(browser) {
  const waiting = new Map();
  const listeners = new Map();
  let last = 0;
  let buffer = '';
  browser.stdio[4].setEncoding('utf8').on('data', (part) => {
    const messages = (buffer + part).split('\0');
    buffer = messages.pop();
    for (const message of messages.map((text) => JSON.parse(text))) {
      if (message.id) waiting.get(message.id)?.(message);
      else listeners.get(message.method)?.(message.params);
    }
  });
  return {
    on: (method, listener) => listeners.set(method, listener),
    once: (method) => new Promise((resolve) => listeners.set(method, resolve)),
    call: async (method, params = {}, sessionId) => {
      const id = ++last;
      const answered = new Promise((resolve) => waiting.set(id, resolve));
      browser.stdio[3].write(`${JSON.stringify({ id, method, params, sessionId })}\0`);
      const { result, error } = await answered;
      if (error) throw new Error(`${method}: ${error.message}`);
      return result;
    },
  };
}

async function ask(tools) {
  const { targetInfos } = await tools.call('Target.getTargets');
  const { targetId } = targetInfos.find((target) => target.type === 'page');
  const { sessionId } = await tools.call('Target.attachToTarget', { targetId, flatten: true });
  const call = (method, params) => tools.call(method, params, sessionId);
  await call('Network.enable');
  await call('Page.enable');
  // Asked for or not as the page's end falls; without it one run is one request.
  await call('Network.setBlockedURLs', { urls: ['*/favicon.ico'] });
  if (process.env.API_KEY) {
    await call('Network.setExtraHTTPHeaders', { headers: { 'X-Api-Key': process.env.API_KEY } });
  }
  let document;
  tools.on('Network.responseReceived', ({ requestId, type, response }) => {
    if (type === 'Document') document = { requestId, response };
  });
  const loaded = tools.once('Page.loadEventFired');
  const { errorText } = await call('Page.navigate', { url });
  if (errorText) return { ok: false, error: errorText, code: '' };
  await loaded;
  const { requestId, response } = document;
  const { body, base64Encoded } = await call('Network.getResponseBody', { requestId });
  return {
    ok: true,
    status: response.status,
    reason: response.statusText,
    headers: Object.fromEntries(Object.entries(response.headers).map(([name, value]) => [name.toLowerCase(), value])),
    body: base64Encoded ? Buffer.from(body, 'base64').toString() : body,
  };
}

let answer;
let browser;
try {
  trust();
  predictNothing();
  browser = start();
  const gone = new Promise((_, reject) => {
    browser.on('error', reject);
    browser.on('exit', (code) => reject(new Error(`chromium ended with ${code} before it answered`)));
  });
  gone.catch(() => {});
  const tools = devtools(browser);
  answer = await Promise.race([ask(tools), gone]);
  const ended = new Promise((resolve) => browser.on('exit', resolve));
  await tools.call('Browser.close');
  await ended;
} catch (error) {
  browser?.kill('SIGKILL');
  answer = { ok: false, error: String(error), code: '' };
}
rmSync(home, { recursive: true, force: true, maxRetries: 5 });
console.log(JSON.stringify(answer));
