<?php

namespace Sundown;

/**
 * Will this PHP survive the server's next change of TLS?
 *
 * Asks a server's /ssl/ what it thinks of this client, says the same of this PHP's own TLS library, and names the fix.
 * One file, the openssl and json extensions alone, PHP 5.6 and later.
 *
 *     $answer = \Sundown\Check::run('https://api.example.com');
 *     $answer['verdict'];  // ok, at-risk, blocked, refused or unknown
 */
final class Check
{
    const VERSION = '0.1.0';

    // An answer of /ssl/ has a few KiB.
    const LONGEST_ANSWER = 1048576;
    // An advice is a few sentences, a plan has a few sunsets.
    const LONGEST_TEXT = 2000;
    const LONGEST_LIST = 32;

    const URL = '~^https://([a-z0-9._-]+|\[[0-9a-f:.]+\])(?::([0-9]{1,5}))?((?:[/?][!-\~]*)?)$~iD';
    // What steers a terminal or reorders a line (Unicode TR 9).
    const STEERING = '~[\x{00}-\x{1f}\x{7f}-\x{9f}\x{200e}\x{200f}\x{2028}\x{2029}\x{202a}-\x{202e}\x{2066}-\x{2069}]+~u';
    const EXPLANATION = 'urn:sundown:problem:tls-floor';

    const UNTRUSTED = '~certificate verify failed|did not match expected|could not be verified|no peer certificate~i';
    const OWN_REFUSAL = '~no protocols available|no ciphers available|no cipher match~i';

    public static $exit = ['ok' => 0, 'at-risk' => 1, 'blocked' => 1, 'refused' => 1, 'unknown' => 2];

    private static $survives = [true, false, null];

    // OpenSSL's names for alerts 70, 71 and 40 (RFC 8446 section 6.2).
    private static $alerts = [
        'protocol_version' => '~alert[ _]protocol[ _]version~i',
        'insufficient_security' => '~alert[ _]insufficient[ _]security~i',
        'handshake_failure' => '~alert[ _]handshake[ _]failure~i',
    ];

    private static $summaries = [
        'ok' => 'this client meets every floor of the server',
        'at-risk' => 'this client is served today and misses a floor',
        'blocked' => "the server turns this client's requests away",
    ];

    private $answer;
    private $deadline;
    private $timeout;
    private $warnings = [];

    /**
     * Asks $url (its /ssl/ where it names no path) and returns the answer, an array. Never throws.
     *
     * 'ca' is a PEM file of the authorities to trust instead of the system's, 'timeout' the seconds that all of it may
     * take. What the default stream context says of TLS is honoured, as it is by an application, but for verification.
     */
    public static function run($url, array $options = [])
    {
        $check = new self();
        return $check->finish($url, $options);
    }

    private function finish($url, array $options)
    {
        $this->timeout = isset($options['timeout']) ? $options['timeout'] : 10;
        $this->deadline = microtime(true) + $this->timeout;
        $this->answer = [
            'url' => substr(self::line($url), 0, 200), 'verdict' => 'unknown', 'survives' => null, 'summary' => null,
            'own' => [
                'runtime' => self::runtime(),
                'library' => defined('OPENSSL_VERSION_TEXT') ? OPENSSL_VERSION_TEXT : 'no openssl extension',
                'protocol' => null, 'cipher' => null,
            ],
            'server' => null, 'differs' => null, 'floors' => [], 'alert' => null, 'fix' => null, 'contact' => null,
            'error' => null,
        ];
        // The reason for a failure is in the warnings and nowhere else.
        set_error_handler(function ($level, $message) {
            $this->warnings[] = $message;
            return true;
        });
        try {
            $this->ask($url, isset($options['ca']) ? $options['ca'] : null);
        } catch (Unable $unable) {
            $this->answer['summary'] = $unable->getMessage();
            $this->answer['error'] = $unable->said;
        } catch (\Exception $error) {
            $this->answer['summary'] = 'the check itself failed';
            $this->answer['error'] = $error->getMessage();
        }
        restore_error_handler();
        if ($this->answer['error'] !== null) {
            $this->answer['error'] = self::line($this->answer['error']);
        }
        $this->answer['survives'] = self::$survives[self::$exit[$this->answer['verdict']]];
        return $this->answer;
    }

    private static function runtime()
    {
        return 'PHP ' . preg_replace('~[-+].*~', '', PHP_VERSION);
    }

    private function ask($url, $ca)
    {
        list($host, $port, $path) = self::target($url);
        $place = $port === 443 ? $host : "$host:$port";
        $this->answer['url'] = "https://$place$path";
        if (!extension_loaded('openssl')) {
            throw new Unable('this runtime cannot speak TLS; it takes the openssl extension');
        }
        $context = self::context(trim($host, '[]'), $ca);
        $left = $this->left();
        $stream = stream_socket_client("tcp://$host:$port", $number, $said, $left, STREAM_CLIENT_CONNECT, $context);
        if (!$stream) {
            $this->left();
            throw new Unable("cannot reach $place", $said ? $said : $this->warned());
        }
        if ($this->shake($stream)) {
            list($head, $body) = $this->exchange($stream, $place, $path);
            $this->read($head, $body);
        }
        fclose($stream);
    }

    private static function target($url)
    {
        if (preg_match('~^http://~i', $url)) {
            throw new Unable('the URL is plain HTTP; write https:// to check TLS');
        }
        $port = 0;
        if (preg_match(self::URL, $url, $match)) {
            $port = $match[2] === '' ? 443 : (int) $match[2];
        }
        if ($port < 1 || $port > 65535) {
            throw new Unable('the URL is not one to check; write https://host[:port][/path]');
        }
        $path = preg_replace('~^\?~', '/?', explode('#', $match[3])[0]);
        return [strtolower($match[1]), $port, $path === '' || $path === '/' ? '/ssl/' : $path];
    }

    private static function context($host, $ca)
    {
        $defaults = stream_context_get_options(stream_context_get_default());
        $ssl = ['verify_peer' => true, 'verify_peer_name' => true, 'allow_self_signed' => false, 'peer_name' => $host,
            'capture_session_meta' => true];
        if ($ca !== null) {
            $text = @file_get_contents($ca, false, null, 0, self::LONGEST_ANSWER);
            if ($text === false || strpos($text, '-----BEGIN ') === false) {
                throw new Unable('the file of authorities cannot be read', "no certificate in $ca");
            }
            $ssl['cafile'] = $ca;
            unset($defaults['ssl']['capath']);
        }
        return stream_context_create(['ssl' => $ssl + (isset($defaults['ssl']) ? $defaults['ssl'] : [])]);
    }

    // The library's words for a handshake that failed, turned into the answer they stand for.
    private function shake($stream)
    {
        $options = stream_context_get_options($stream);
        // Every version that https:// streams of this PHP offer: up to 7.1 the name "TLS" stands for TLSv1 alone, from
        // 7.4 on the other leaves out TLSv1.3.
        $method = PHP_VERSION_ID < 70200 ? STREAM_CRYPTO_METHOD_SSLv23_CLIENT : STREAM_CRYPTO_METHOD_TLS_CLIENT;
        if (isset($options['ssl']['crypto_method'])) {
            $method = $options['ssl']['crypto_method'];
        }
        stream_set_blocking($stream, false);
        $this->warnings = [];
        while (($done = stream_socket_enable_crypto($stream, true, $method)) === 0) {
            $this->wait($stream);
        }
        if ($done) {
            $about = stream_get_meta_data($stream);
            $options = stream_context_get_options($stream);
            $crypto = isset($about['crypto']) ? $about['crypto'] : [];
            if (!$crypto && isset($options['ssl']['session_meta'])) {
                $crypto = $options['ssl']['session_meta'];
            }
            $this->answer['own']['protocol'] = isset($crypto['protocol']) ? $crypto['protocol'] : null;
            $this->answer['own']['cipher'] = isset($crypto['cipher_name']) ? $crypto['cipher_name'] : null;
            return true;
        }
        $said = $this->warned();
        if (preg_match(self::UNTRUSTED, $said)) {
            throw new Unable("the server's certificate is not trusted; --ca FILE names an authority to trust", $said);
        }
        if (preg_match(self::OWN_REFUSAL, $said)) {
            $this->answer['fix'] = self::fix('protocol_version', $this->answer['url']);
            throw new Unable('this runtime refuses by itself, before the server can', $said);
        }
        foreach (self::$alerts as $alert => $pattern) {
            if (preg_match($pattern, $said)) {
                $this->answer['alert'] = $alert;
                $this->answer['verdict'] = 'refused';
                $this->answer['error'] = $said;
                $this->answer['fix'] = self::fix($alert, $this->answer['url']);
                $this->answer['summary'] = self::refusal($alert) . "; this runtime's library is " . OPENSSL_VERSION_TEXT;
                return false;
            }
        }
        throw new Unable('the handshake failed', $said);
    }

    private static function refusal($alert)
    {
        return $alert === 'protocol_version'
            ? 'the server needs a later TLS version than this client offers'
            : 'the server accepts no cipher suite or group that this client offers';
    }

    private static function fix($alert, $url)
    {
        $snippet = null;
        if ($alert !== 'protocol_version') {
            $summary = 'Remove ciphers and CURLOPT_SSL_CIPHER_LIST from code and CipherString from the file that OPENSSL_CONF '
                . 'names, or move to a current PHP on a current OpenSSL.';
        } elseif (OPENSSL_VERSION_NUMBER < 0x10001000) {
            $summary = self::runtime() . ' runs on ' . OPENSSL_VERSION_TEXT . ', which ends at TLSv1, and no setting changes '
                . 'that: install a current PHP on a current OpenSSL.';
        } else {
            $summary = OPENSSL_VERSION_TEXT . ' offers TLSv1.2 and later unless something holds it to less: search code and '
                . 'vendor/ for CURLOPT_SSLVERSION, crypto_method and tls://, then php.ini and auto_prepend_file, and leave the '
                . 'version unset. For TLSv1.3 it takes PHP 7.4 and OpenSSL 1.1.1.';
            $snippet = "grep -rnE 'CURLOPT_SSLVERSION|CURL_SSLVERSION|crypto_method|TLSv1_[01]_CLIENT' . --include='*.php'";
        }
        return ['summary' => $summary, 'snippet' => $snippet, 'verify' => "sundown-check $url"];
    }

    // HTTP/1.0, so that the answer is never chunked.
    private function exchange($stream, $place, $path)
    {
        $request = "GET $path HTTP/1.0\r\nHost: $place\r\nAccept: application/json\r\nConnection: close\r\n"
            . 'User-Agent: sundown-check/' . self::VERSION . ' ' . str_replace(' ', '/', self::runtime()) . "\r\n\r\n";
        $this->warnings = [];
        while ($request !== '') {
            $sent = fwrite($stream, $request);
            if ($sent === false || feof($stream)) {
                throw new Unable('the connection ended before the answer was complete', $this->warned());
            }
            $request = (string) substr($request, $sent);
            if ($sent === 0) {
                $this->wait($stream, true);
            }
        }
        $all = '';
        while (!self::isComplete($all)) {
            $part = fread($stream, 16384);
            if ($part === false || ($part === '' && feof($stream))) {
                break;
            }
            $all .= $part;
            if (strlen($all) > self::LONGEST_ANSWER) {
                throw new Unable('the answer is longer than 1 MiB');
            }
            if ($part === '') {
                $this->wait($stream);
            }
            $this->left();
        }
        return $this->split($all);
    }

    private function split($all)
    {
        $parts = explode("\r\n\r\n", $all, 2);
        if ($all !== '' && !preg_match('~^HTTP/1\.[01] [0-9]{3}\b~', $all)) {
            throw new Unable('the answer is not HTTP');
        }
        $length = self::field($parts[0], 'content-length');
        $expected = $length !== null && ctype_digit($length) ? (int) $length : 0;
        if (count($parts) < 2 || strlen($parts[1]) < $expected) {
            throw new Unable('the connection ended before the answer was complete', $this->warned());
        }
        return $parts;
    }

    private static function isComplete($all)
    {
        $end = strpos($all, "\r\n\r\n");
        $length = $end === false ? null : self::field(substr($all, 0, $end), 'content-length');
        return $length !== null && ctype_digit($length) && strlen($all) >= $end + 4 + (int) $length;
    }

    private static function field($head, $name)
    {
        return preg_match("~\r\n$name:[ \t]*([^\r\n]*)~i", $head, $found) ? trim($found[1]) : null;
    }

    private function wait($stream, $write = false)
    {
        $left = $this->left();
        $readers = $write ? [] : [$stream];
        $writers = $write ? [$stream] : [];
        $others = [];
        // A tenth of a second at most: what TLS has in its own buffer, select does not see.
        stream_select($readers, $writers, $others, 0, (int) (min($left, 0.1) * 1000000));
    }

    private function left()
    {
        $left = $this->deadline - microtime(true);
        if ($left <= 0) {
            throw new Unable(sprintf('no complete answer within %s s', $this->timeout));
        }
        return $left;
    }

    private function warned()
    {
        return $this->warnings ? implode('; ', $this->warnings) : null;
    }

    // What the server says of this connection: an answer of /ssl/, an explanation, or the header that warns.
    private function read($head, $body)
    {
        $told = json_decode(self::utf8($body), false, 128);
        if (!is_object($told)) {
            $told = new \stdClass();
        }
        $status = (int) substr($head, 9, 3);
        $notice = self::field($head, 'sundown-notice');
        if (isset($told->type) && $told->type === self::EXPLANATION) {
            $this->explained($told);
        } elseif (self::text($told, 'protocol')) {
            $this->answered($told);
        } elseif ($notice) {
            $this->noticed($status, self::line($notice));
        } else {
            $kind = self::field($head, 'content-type');
            $kind = self::line(explode(';', $kind === null || $kind === '' ? 'no content type' : $kind)[0]);
            throw new Unable("the server does not say how it sees this client (HTTP $status, $kind)");
        }
        $this->compare(isset($told->cipher_iana) ? $told->cipher_iana : null);
    }

    private function answered($told)
    {
        $client = isset($told->client) && is_object($told->client) ? $told->client : new \stdClass();
        $names = [self::text($client, 'runtime'), self::text($client, 'version'), self::text($client, 'library')];
        $this->answer['server'] = self::seen($told);
        $this->answer['server']['client'] = implode(', ', array_filter($names)) ?: null;
        $this->answer['server']['report'] = self::text($told, 'report');
        foreach (array_filter(self::items($told, 'floors'), 'is_object') as $floor) {
            $this->answer['floors'][] = self::floor($floor);
            if (self::text($floor, 'verdict') === 'misses' && $this->answer['contact'] === null) {
                $this->answer['contact'] = self::text($floor, 'contact');
            }
        }
        $this->answer['fix'] = self::advice($told);
        $verdict = isset($told->verdict) && is_string($told->verdict) ? $told->verdict : '';
        if (isset(self::$summaries[$verdict])) {
            $this->conclude($verdict);
        } else {
            $this->answer['summary'] = 'the server gives no verdict';
        }
    }

    private function explained($told)
    {
        $this->answer['server'] = self::seen(isset($told->seen) && is_object($told->seen) ? $told->seen : new \stdClass());
        $this->answer['floors'] = [self::floor((object) [
            'sunset' => self::text($told, 'sunset'), 'verdict' => 'misses', 'needed' => self::items($told, 'needed'),
        ])];
        $this->answer['contact'] = self::text($told, 'contact');
        $this->answer['fix'] = self::advice($told);
        $this->conclude('blocked');
    }

    private function noticed($status, $notice)
    {
        preg_match_all('~([a-z-]+)="([^"]*)"~', $notice, $found);
        $fields = array_combine($found[1], $found[2]) + [
            'seen' => null, 'seen-cipher' => null, 'seen-group' => null,
            'needed' => null, 'needed-cipher' => null, 'needed-group' => null,
        ];
        $this->answer['server'] = self::seen((object) [
            'protocol' => $fields['seen'], 'cipher' => $fields['seen-cipher'], 'group' => $fields['seen-group'],
        ]);
        $needed = array_values(array_filter([$fields['needed'], $fields['needed-cipher'], $fields['needed-group']]));
        $this->answer['floors'] = [self::floor((object) ['verdict' => 'misses', 'needed' => $needed])];
        $this->conclude($status >= 400 ? 'blocked' : 'at-risk');
    }

    private function conclude($verdict)
    {
        $this->answer['verdict'] = $verdict;
        $this->answer['summary'] = self::$summaries[$verdict];
    }

    private static function seen($told)
    {
        return [
            'protocol' => self::text($told, 'protocol'), 'cipher' => self::text($told, 'cipher'),
            'group' => self::text($told, 'group'), 'client' => null, 'report' => null,
        ];
    }

    private static function floor($told)
    {
        $next = isset($told->next) && is_object($told->next) ? $told->next : new \stdClass();
        $next = ['phase' => self::text($next, 'phase'), 'at' => self::text($next, 'at')];
        return [
            'name' => self::text($told, 'name'), 'sunset' => self::text($told, 'sunset'),
            'phase' => self::text($told, 'phase'), 'verdict' => self::text($told, 'verdict'),
            'because' => self::texts($told, 'because'), 'needed' => self::texts($told, 'needed'),
            'next' => $next['phase'] && $next['at'] ? $next : null,
            'exception_until' => self::text($told, 'exception_until'),
        ];
    }

    private static function advice($told)
    {
        $advice = isset($told->advice) && is_object($told->advice) ? $told->advice : new \stdClass();
        if (!self::text($advice, 'summary')) {
            return null;
        }
        $snippet = null;
        if (isset($advice->snippet) && is_string($advice->snippet)) {
            $lines = explode("\n", self::cut($advice->snippet));
            $snippet = implode("\n", array_map([__CLASS__, 'line'], $lines));
        }
        return ['summary' => self::text($advice, 'summary'), 'snippet' => $snippet, 'verify' => self::text($advice, 'verify')];
    }

    // Whether the server saw another connection than the one that was made here.
    private function compare($iana)
    {
        $own = $this->answer['own'];
        $server = $this->answer['server'];
        $differs = [];
        if ($own['protocol'] && $server['protocol']) {
            $differs[] = $own['protocol'] !== $server['protocol'];
        }
        if ($own['cipher'] && $server['cipher']) {
            $names = [preg_replace('~^EDH-~', 'DHE-', $server['cipher']), $iana];
            $differs[] = !in_array(preg_replace('~^EDH-~', 'DHE-', $own['cipher']), $names, true);
        }
        if ($differs) {
            $this->answer['differs'] = in_array(true, $differs, true);
        }
    }

    private static function text($told, $name)
    {
        $value = isset($told->$name) && is_string($told->$name) ? self::line($told->$name) : '';
        return $value === '' ? null : $value;
    }

    private static function items($told, $name)
    {
        return isset($told->$name) && is_array($told->$name) ? array_slice($told->$name, 0, self::LONGEST_LIST) : [];
    }

    private static function texts($told, $name)
    {
        return array_map([__CLASS__, 'line'], array_values(array_filter(self::items($told, $name), 'is_string')));
    }

    private static function line($text)
    {
        return trim(preg_replace(self::STEERING, ' ', self::cut($text)));
    }

    private static function cut($text)
    {
        preg_match('~^.{0,' . self::LONGEST_TEXT . '}~us', self::utf8($text), $found);
        return $found[0];
    }

    // UTF-8, with what is not replaced.
    private static function utf8($bytes)
    {
        return htmlspecialchars_decode(htmlspecialchars($bytes, ENT_NOQUOTES | ENT_SUBSTITUTE, 'UTF-8'), ENT_NOQUOTES);
    }

    /** The answer as lines for people. */
    public static function render(array $answer)
    {
        $lines = [];
        $add = function ($name, $value) use (&$lines) {
            $lines[] = sprintf('%-8s %s', $name, $value);
        };
        $own = $answer['own'];
        $server = $answer['server'];
        $add('url', $answer['url']);
        $add('runtime', $own['runtime'] . ', ' . $own['library']);
        if ($own['protocol'] || $own['cipher']) {
            $add('here', implode(', ', array_filter([$own['protocol'], $own['cipher']])));
        }
        if ($server) {
            $add('server', implode(', ', array_filter([$server['protocol'], $server['cipher'], $server['group']])));
        }
        if ($answer['differs']) {
            $add('between', 'something between this client and the server re-encrypts; the fix is due there');
        }
        foreach ($answer['floors'] as $floor) {
            $add('floor', self::floorLine($floor));
        }
        $add('verdict', $answer['verdict'] . ': ' . $answer['summary']);
        if ($answer['error'] !== null) {
            $add('error', $answer['error']);
        }
        if ($answer['fix']) {
            $add('fix', $answer['fix']['summary']);
            foreach (array_filter(explode("\n", (string) $answer['fix']['snippet']), 'strlen') as $line) {
                $add('', $line);
            }
            if ($answer['fix']['verify']) {
                $add('verify', $answer['fix']['verify']);
            }
        }
        if ($answer['contact']) {
            $add('help', $answer['contact']);
        }
        if ($server && $server['report']) {
            $add('report', $server['report']);
        }
        return implode("\n", $lines);
    }

    private static function floorLine(array $floor)
    {
        $name = $floor['name'] ?: ($floor['sunset'] ?: "the server's");
        if ($floor['name'] && $floor['sunset']) {
            $name = $floor['name'] . ' (' . $floor['sunset'] . ')';
        }
        if ($floor['verdict'] === 'meets') {
            return "$name: meets";
        }
        $parts = array_merge([$floor['verdict'] ?: 'unknown'], $floor['because']);
        if ($floor['needed']) {
            $parts[] = 'needs ' . implode(', ', $floor['needed']);
        }
        if ($floor['exception_until']) {
            $parts[] = 'excepted until ' . $floor['exception_until'];
        } elseif ($floor['next']) {
            $parts[] = $floor['next']['phase'] . ' from ' . $floor['next']['at'];
        }
        return $name . ': ' . implode('; ', $parts);
    }
}

/** Why the answer is `unknown`, and what the library said. */
final class Unable extends \Exception
{
    public $said;

    public function __construct($summary, $said = null)
    {
        parent::__construct($summary);
        $this->said = $said;
    }
}
