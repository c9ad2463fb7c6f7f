// The `pokitdok-nodejs` package from npm, unmodified: `apiRequest` of /ssl/, as its callers did it. Runs on any
// Node.js from 0.8. The package keeps its base URL in a private constant, so the `request` it loads is wrapped in the
// module cache; run it from, or with NODE_PATH at, the `node_modules` that holds the package.
var fs = require('fs');
var url = require('url');

var base = url.parse(process.argv[2]);
var ca = fs.readFileSync(process.argv[3]);
var held = process.argv[4] && process.argv[4] !== '-' ? process.argv[4] : null;

var last = null;
var refused = null;

function finish(answer) {
  if (last) {
    answer.status = last.statusCode;
    answer.reason = last.statusMessage || '';
    answer.headers = last.headers;
    answer.body = typeof last.body === 'string' ? last.body : JSON.stringify(last.body);
  }
  console.log(JSON.stringify(answer));
  process.exit(0);
}

var path = require.resolve('request');
var request = require(path);
require.cache[path].exports = function (options, callback) {
  var moved = url.parse(options.url || options.uri);
  delete options.uri;
  options.url = 'https://' + base.host + moved.path;
  options.ca = ca;
  options.strictSSL = true;
  if (held) {
    options.secureProtocol = held.replace('.', '_') + '_method';
    if (parseInt(process.versions.openssl, 10) >= 3) {
      options.ciphers = 'DEFAULT@SECLEVEL=0';
    }
  }
  return request(options, function (error, response, body) {
    refused = error || refused;
    last = response || last;
    callback(error, response, body);
  });
};

// The package reads `res.statusCode` before it looks at `err`, so a refused handshake kills the process with a
// TypeError and no callback; the TLS library's words are seen only by `request`.
process.on('uncaughtException', function (error) {
  var seen = refused ? '; request was told: ' + refused : '';
  finish({ ok: false, error: error + seen, code: (refused && refused.code) || '' });
});

var PokitDok = require('pokitdok-nodejs');
new PokitDok('client-id', 'client-secret').apiRequest({ path: '/ssl/', method: 'GET' }, function (error) {
  if (error) {
    finish({ ok: false, error: typeof error === 'string' ? error : JSON.stringify(error), code: '' });
  } else {
    finish({ ok: true });
  }
});
