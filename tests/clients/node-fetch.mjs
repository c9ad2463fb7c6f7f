// Node.js, built-in `fetch`. It has no TLS options of its own: they are the defaults of module `tls`.
import { readFileSync } from 'node:fs';
import tls from 'node:tls';

const [url, ca, held = '-', method = 'GET'] = process.argv.slice(2);

tls.setDefaultCACertificates([readFileSync(ca, 'utf8')]);
if (held !== '-') {
  tls.DEFAULT_MIN_VERSION = held;
  tls.DEFAULT_MAX_VERSION = held;
  tls.DEFAULT_CIPHERS = 'DEFAULT@SECLEVEL=0';
}

const headers = process.env.API_KEY ? { 'X-Api-Key': process.env.API_KEY } : {};

let answer;
try {
  const response = await fetch(url, { method, headers, redirect: 'manual' });
  answer = {
    ok: true,
    status: response.status,
    reason: response.statusText,
    headers: Object.fromEntries(response.headers),
    body: await response.text(),
  };
} catch (error) {
  // The message is "fetch failed" whatever happened; what happened is in `cause`, as a console prints it.
  const cause = error.cause ? `; cause: ${error.cause}` : '';
  answer = { ok: false, error: `${error}${cause}`, code: error.cause?.code ?? '' };
}
console.log(JSON.stringify(answer));
