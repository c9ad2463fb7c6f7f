// Node.js, `https` module. Written in the JavaScript of 2012 so that the same file runs on 0.8 and on today's Node.js.
var fs = require('fs');
var https = require('https');
var url = require('url');

var target = url.parse(process.argv[2]);
var held = process.argv[4] && process.argv[4] !== '-' ? process.argv[4] : null;

function finish(answer) {
  console.log(JSON.stringify(answer));
}

function fail(error) {
  finish({ ok: false, error: String(error), code: error.code || '' });
}

var options = {
  hostname: target.hostname,
  host: target.hostname,
  port: target.port,
  path: target.path,
  method: process.argv[5] || 'GET',
  headers: process.env.API_KEY ? { 'X-Api-Key': process.env.API_KEY } : {},
  ca: fs.readFileSync(process.argv[3]),
  rejectUnauthorized: true
};
if (held) {
  // 0.8 and 0.10 know the `_method` names only; today's Node.js still honours them, TLSv1.3 excepted.
  if (held === 'TLSv1.3') {
    options.minVersion = options.maxVersion = held;
  } else {
    options.secureProtocol = held.replace('.', '_') + '_method';
  }
  // OpenSSL 3 will not sign or verify a TLSv1 handshake above level 0; releases before 1.1.0 do not know the word.
  if (parseInt(process.versions.openssl, 10) >= 3) {
    options.ciphers = 'DEFAULT@SECLEVEL=0';
  }
}
// 0.8 hands TLS options to the socket only through an agent of its own.
options.agent = new https.Agent(options);

try {
  var request = https.request(options, function (response) {
    var body = '';
    response.setEncoding('utf8');
    response.on('data', function (part) { body += part; });
    response.on('end', function () {
      finish({
        ok: true,
        status: response.statusCode,
        // 0.8 parses the reason phrase and keeps it to itself.
        reason: response.statusMessage || '',
        headers: response.headers,
        body: body
      });
      process.exit(0);
    });
  });
  request.on('error', fail);
  request.end();
} catch (error) {
  fail(error);
}
