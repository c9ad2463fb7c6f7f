// Will this Node.js survive the server's next change of TLS?
//
// Asks a server's /ssl/ what it thinks of this client, says the same of this Node.js's own TLS library, and names the
// fix. One file, no dependencies, written in the JavaScript of 2012: Node.js 0.8 and later.
//
//   require('sundown-check').check('https://api.example.com', function (answer) {
//     answer.verdict;  // 'ok', 'at-risk', 'blocked', 'refused' or 'unknown'
//   });
'use strict';

var fs = require('fs');
var https = require('https');

var VERSION = '0.1.0';
var RUNTIME = 'Node.js ' + process.version.replace('v', '');
var LIBRARY = 'OpenSSL ' + process.versions.openssl;
var EXIT = { ok: 0, 'at-risk': 1, blocked: 1, refused: 1, unknown: 2 };

// An answer of /ssl/ has a few KiB.
var LONGEST_ANSWER = 1 << 20;
// An advice is a few sentences, a plan has a few sunsets.
var LONGEST_TEXT = 2000;
var LONGEST_LIST = 32;

var URL = /^https:\/\/([a-z0-9._\-]+|\[[0-9a-f:.]+\])(?::([0-9]{1,5}))?((?:[\/?][!-~]*)?)$/i;
// What steers a terminal or reorders a line (Unicode TR 9).
var STEERING = /[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]+/g;
var EXPLANATION = 'urn:sundown:problem:tls-floor';

// OpenSSL's names for alerts 70, 71 and 40 (RFC 8446 section 6.2).
var ALERTS = [
  ['protocol_version', /alert[ _]protocol[ _]version/i],
  ['insufficient_security', /alert[ _]insufficient[ _]security/i],
  ['handshake_failure', /alert[ _]handshake[ _]failure/i]
];
var UNTRUSTED = /CERT|certificate|UNABLE_TO_|altnames/;
var OWN_REFUSAL = /no protocols available|no ciphers available|NO_PROTOCOLS_AVAILABLE/i;

var SUMMARIES = {
  ok: 'this client meets every floor of the server',
  'at-risk': 'this client is served today and misses a floor',
  blocked: "the server turns this client's requests away"
};

// `options`: `ca`, a PEM file of the authorities to trust instead of the built-in ones; `timeout`, the seconds that all
// of it may take (10). `callback` gets the answer, never an error; without it a Promise is returned.
function check(url, options, callback) {
  if (typeof options === 'function') {
    callback = options;
    options = null;
  }
  if (!callback) {
    return new Promise(function (resolve) { check(url, options, resolve); });
  }
  var timeout = (options && options.timeout) || 10;
  var answer = {
    url: line(url).slice(0, 200), verdict: 'unknown', survives: null, summary: null,
    own: { runtime: RUNTIME, library: LIBRARY, protocol: null, cipher: null },
    server: null, differs: null, floors: [], alert: null, fix: null, contact: null, error: null
  };
  var request = null;
  var timer = null;
  var over = false;

  function finish(summary, error) {
    if (over) { return; }
    over = true;
    clearTimeout(timer);
    if (summary) { answer.summary = summary; }
    if (error) { answer.error = line(error); }
    answer.survives = [true, false, null][EXIT[answer.verdict]];
    if (request) { request.abort(); }
    callback(answer);
  }

  timer = setTimeout(function () { finish('no complete answer within ' + timeout + ' s'); }, timeout * 1000);
  try {
    request = ask(answer, url, options && options.ca, finish);
  } catch (error) {
    finish('the check itself failed', String(error));
  }
}

function ask(answer, url, ca, finish) {
  if (/^http:\/\//i.test(url)) {
    return void finish('the URL is plain HTTP; write https:// to check TLS');
  }
  var match = URL.exec(url);
  var port = match ? Number(match[2] || 443) : 0;
  if (port < 1 || port > 65535) {
    return void finish('the URL is not one to check; write https://host[:port][/path]');
  }
  var host = match[1].toLowerCase();
  var place = port === 443 ? host : host + ':' + port;
  var path = match[3].split('#')[0].replace(/^\?/, '/?');
  if (path === '' || path === '/') { path = '/ssl/'; }
  answer.url = 'https://' + place + path;

  var bare = host.replace(/[\[\]]/g, '');
  var options = {
    host: bare, hostname: bare, port: port, path: path, method: 'GET', rejectUnauthorized: true,
    headers: {
      Host: place, Accept: 'application/json', Connection: 'close',
      'User-Agent': 'sundown-check/' + VERSION + ' ' + RUNTIME.replace(' ', '/')
    }
  };
  if (ca) {
    try {
      options.ca = authorities(fs.readFileSync(ca, 'ascii'));
    } catch (error) {
      return void finish('the file of authorities cannot be read', String(error));
    }
    if (!options.ca.length) {
      return void finish('the file of authorities cannot be read', 'no certificate in ' + ca);
    }
  }
  // 0.8 hands TLS options to the socket only through an agent of its own.
  options.agent = new https.Agent(options);

  var secured = false;
  function note(socket) {
    if (secured || !socket || !socket.getCipher) { return; }
    var cipher = socket.getCipher();
    if (!cipher || !cipher.name) { return; }
    secured = true;
    // Before 5.7 there is no way to ask for the protocol: `cipher.version` is that of the cipher.
    answer.own.protocol = socket.getProtocol ? socket.getProtocol() : null;
    answer.own.cipher = cipher.name;
  }

  var request = https.request(options, function (response) {
    note(response.connection);
    var parts = [];
    var length = 0;
    response.on('data', function (part) {
      length += part.length;
      parts.push(part);
      if (length > LONGEST_ANSWER) { finish('the answer is longer than 1 MiB'); }
    });
    // 0.8 and 0.10 call every answer so that only its connection ends.
    response.on('aborted', function () {
      if (response.headers['content-length'] || response.headers['transfer-encoding']) {
        finish('the connection ended before the answer was complete');
      }
    });
    response.on('end', function () {
      var expected = response.headers['content-length'];
      if (/^[0-9]+$/.test(expected) && length < Number(expected)) {
        return finish('the connection ended before the answer was complete');
      }
      read(answer, response, Buffer.concat(parts).toString('utf8'));
      finish();
    });
  });
  request.on('socket', function (socket) {
    socket.on('secureConnect', function () { note(socket); });
  });
  request.on('error', function (error) { failed(answer, place, secured, error, finish); });
  request.end();
  return request;
}

// 0.8 and 0.10 take one certificate from one text.
function authorities(text) {
  return text.match(/-----BEGIN CERTIFICATE-----[^\-]+-----END CERTIFICATE-----/g) || [];
}

// The library's words for what went wrong, turned into the answer they stand for.
function failed(answer, place, secured, error, finish) {
  // One that tried several addresses says what went wrong in its parts only.
  var cause = (error.errors && error.errors[0]) || error;
  var words = String(cause);
  if (secured) {
    var http = /^HPE_/.test(cause.code || '') || /parse error/i.test(words);
    return finish(http ? 'the answer is not HTTP' : 'the connection ended before the answer was complete', words);
  }
  if (OWN_REFUSAL.test(words)) {
    answer.fix = fix('protocol_version', answer.url);
    return finish('this runtime refuses by itself, before the server can', words);
  }
  for (var i = 0; i < ALERTS.length; i++) {
    if (ALERTS[i][1].test(words)) {
      answer.alert = ALERTS[i][0];
      answer.verdict = 'refused';
      answer.fix = fix(answer.alert, answer.url);
      return finish(refusal(answer.alert) + "; this runtime's library is " + LIBRARY, words);
    }
  }
  if (UNTRUSTED.test(words + (cause.code || ''))) {
    return finish("the server's certificate is not trusted; --ca FILE names an authority to trust", words);
  }
  if (/^(connect|getaddrinfo)/.test(cause.syscall || '')) {
    return finish('cannot reach ' + place, words);
  }
  finish('the handshake failed', words);
}

function refusal(alert) {
  return alert === 'protocol_version' ?
    'the server needs a later TLS version than this client offers' :
    'the server accepts no cipher suite or group that this client offers';
}

function fix(alert, url) {
  var verify = 'sundown-check ' + url;
  if (alert !== 'protocol_version') {
    return {
      summary: 'Remove ciphers, ecdhCurve and --tls-cipher-list from code, NODE_OPTIONS and the command line, or move to a ' +
        'current Node.js.',
      snippet: null, verify: verify
    };
  }
  if (/^(0\.|1\.0\.0)/.test(process.versions.openssl)) {
    return {
      summary: RUNTIME + ' carries ' + LIBRARY + ', which ends at TLSv1, and no setting changes that: move to a current ' +
        'Node.js; 0.10 is the first that speaks TLSv1.2, 12 the first that offers TLSv1.3.',
      snippet: 'nvm install --lts', verify: verify
    };
  }
  return {
    summary: RUNTIME + ' offers TLSv1.2 unless something holds it to less: search code and dependencies for ' +
      'secureProtocol, minVersion and maxVersion, then NODE_OPTIONS and the command line for --tls-max-v1.x, and remove ' +
      'the line. TLSv1.3 takes Node.js 12.',
    snippet: "grep -rnE \"secureProtocol|maxVersion|MAX_VERSION|TLSv1(_1)?_method|tls-max-v1\" . --include='*.js' --include='*.json'",
    verify: verify
  };
}

// What the server says of this connection: an answer of /ssl/, an explanation, or the header that warns.
function read(answer, response, body) {
  var told = null;
  try {
    if (isShallow(body)) { told = JSON.parse(body); }
  } catch (error) { /* not JSON, which the last branch says */ }
  if (!isObject(told)) { told = {}; }
  var notice = response.headers['sundown-notice'];
  if (told.type === EXPLANATION) {
    explained(answer, told);
  } else if (text(told, 'protocol')) {
    answered(answer, told);
  } else if (notice) {
    noticed(answer, response.statusCode, line(notice));
  } else {
    var kind = line((response.headers['content-type'] || 'no content type').split(';')[0]);
    answer.summary = 'the server does not say how it sees this client (HTTP ' + response.statusCode + ', ' + kind + ')';
    return;
  }
  compare(answer, told.cipher_iana);
}

// Node.js 0.8 ends without a word on JSON that is nested without end; an answer of /ssl/ is four deep.
function isShallow(body) {
  var depth = 0;
  var quoted = false;
  for (var i = 0; i < body.length && depth <= 64; i++) {
    var c = body.charAt(i);
    if (quoted && c === '\\') {
      i++;
    } else if (c === '"') {
      quoted = !quoted;
    } else if (!quoted) {
      if (c === '[' || c === '{') { depth++; }
      if (c === ']' || c === '}') { depth--; }
    }
  }
  return depth <= 64;
}

function answered(answer, told) {
  var client = isObject(told.client) ? told.client : {};
  var names = [text(client, 'runtime'), text(client, 'version'), text(client, 'library')];
  var floors = list(told, 'floors').filter(isObject);
  answer.server = seen(told);
  answer.server.client = names.filter(Boolean).join(', ') || null;
  answer.server.report = text(told, 'report');
  answer.floors = floors.map(floor);
  floors.forEach(function (one) {
    if (one.verdict === 'misses' && !answer.contact) { answer.contact = text(one, 'contact'); }
  });
  answer.fix = advice(told);
  if (typeof told.verdict === 'string' && SUMMARIES.hasOwnProperty(told.verdict)) {
    conclude(answer, told.verdict);
  } else {
    answer.summary = 'the server gives no verdict';
  }
}

function explained(answer, told) {
  answer.server = seen(isObject(told.seen) ? told.seen : {});
  answer.floors = [floor({ sunset: told.sunset, verdict: 'misses', needed: told.needed })];
  answer.contact = text(told, 'contact');
  answer.fix = advice(told);
  conclude(answer, 'blocked');
}

function noticed(answer, status, notice) {
  var fields = {};
  notice.replace(/([a-z\-]+)="([^"]*)"/g, function (all, name, value) { fields[name] = value; });
  answer.server = seen({ protocol: fields.seen, cipher: fields['seen-cipher'], group: fields['seen-group'] });
  var needed = [fields.needed, fields['needed-cipher'], fields['needed-group']].filter(Boolean);
  answer.floors = [floor({ verdict: 'misses', needed: needed })];
  conclude(answer, status >= 400 ? 'blocked' : 'at-risk');
}

function conclude(answer, verdict) {
  answer.verdict = verdict;
  answer.summary = SUMMARIES[verdict];
}

function seen(told) {
  return { protocol: text(told, 'protocol'), cipher: text(told, 'cipher'), group: text(told, 'group'), client: null, report: null };
}

function floor(told) {
  var next = isObject(told.next) ? told.next : {};
  next = { phase: text(next, 'phase'), at: text(next, 'at') };
  return {
    name: text(told, 'name'), sunset: text(told, 'sunset'), phase: text(told, 'phase'), verdict: text(told, 'verdict'),
    because: list(told, 'because').filter(isText).map(line), needed: list(told, 'needed').filter(isText).map(line),
    next: next.phase && next.at ? next : null, exception_until: text(told, 'exception_until')
  };
}

function advice(told) {
  if (!isObject(told.advice) || !text(told.advice, 'summary')) { return null; }
  var snippet = told.advice.snippet;
  return {
    summary: text(told.advice, 'summary'),
    snippet: isText(snippet) ? snippet.slice(0, LONGEST_TEXT).split('\n').map(line).join('\n') : null,
    verify: text(told.advice, 'verify')
  };
}

// Whether the server saw another connection than the one that was made here.
function compare(answer, iana) {
  var own = answer.own;
  var server = answer.server;
  function cipher(name) { return String(name).replace(/^EDH-/, 'DHE-'); }
  if (own.protocol && server.protocol) { answer.differs = own.protocol !== server.protocol; }
  if (own.cipher && server.cipher) {
    answer.differs = answer.differs || (cipher(own.cipher) !== cipher(server.cipher) && own.cipher !== iana);
  }
}

function isObject(value) { return typeof value === 'object' && value !== null && !Array.isArray(value); }
function isText(value) { return typeof value === 'string'; }
function text(told, name) { return isText(told[name]) ? line(told[name]) || null : null; }
function list(told, name) { return Array.isArray(told[name]) ? told[name].slice(0, LONGEST_LIST) : []; }
function line(value) { return String(value).slice(0, LONGEST_TEXT).replace(STEERING, ' ').trim(); }

// The answer as lines for people.
function render(answer) {
  var lines = [];
  var own = answer.own;
  var server = answer.server;
  function add(name, value) { lines.push((name + '        ').slice(0, 8) + ' ' + value); }
  add('url', answer.url);
  add('runtime', own.runtime + ', ' + own.library);
  if (own.protocol || own.cipher) { add('here', [own.protocol, own.cipher].filter(Boolean).join(', ')); }
  if (server) { add('server', [server.protocol, server.cipher, server.group].filter(Boolean).join(', ')); }
  if (answer.differs) { add('between', 'something between this client and the server re-encrypts; the fix is due there'); }
  answer.floors.forEach(function (one) { add('floor', floorLine(one)); });
  add('verdict', answer.verdict + ': ' + answer.summary);
  if (answer.error) { add('error', answer.error); }
  if (answer.fix) {
    add('fix', answer.fix.summary);
    (answer.fix.snippet || '').split('\n').filter(Boolean).forEach(function (one) { add('', one); });
    if (answer.fix.verify) { add('verify', answer.fix.verify); }
  }
  if (answer.contact) { add('help', answer.contact); }
  if (server && server.report) { add('report', server.report); }
  return lines.join('\n');
}

function floorLine(one) {
  var name = one.name || one.sunset || "the server's";
  if (one.name && one.sunset) { name = one.name + ' (' + one.sunset + ')'; }
  if (one.verdict === 'meets') { return name + ': meets'; }
  var parts = [one.verdict || 'unknown'].concat(one.because);
  if (one.needed.length) { parts.push('needs ' + one.needed.join(', ')); }
  if (one.exception_until) {
    parts.push('excepted until ' + one.exception_until);
  } else if (one.next) {
    parts.push(one.next.phase + ' from ' + one.next.at);
  }
  return name + ': ' + parts.join('; ');
}

exports.check = check;
exports.render = render;
exports.EXIT = EXIT;
