// What this PHP's streams negotiate. PHP 5.3 and later; given to `php -r`, so without an opening tag.
function say($what, $said)
{
    echo "sundown:$what ", strtr((string) $said, "\r\n", '  '), "\n";
    flush();
}

function call()
{
    $name = getenv('SUNDOWN_NAME');
    $ssl = array('peer_name' => $name, 'SNI_enabled' => true, 'verify_peer' => true, 'capture_session_meta' => true);
    if (getenv('SUNDOWN_CA')) {
        $ssl['cafile'] = getenv('SUNDOWN_CA');
    }
    $context = stream_context_create(array('ssl' => $ssl));
    $stream = stream_socket_client('tcp://127.0.0.1:' . getenv('SUNDOWN_PORT'), $number, $said, 600, STREAM_CLIENT_CONNECT, $context);
    // Every version that https:// streams of this PHP offer: up to 7.1 the name "TLS" stands for TLSv1 alone.
    $method = PHP_VERSION_ID < 70200 ? STREAM_CRYPTO_METHOD_SSLv23_CLIENT : STREAM_CRYPTO_METHOD_TLS_CLIENT;
    $words = '';
    set_error_handler(function ($level, $message) use (&$words) {
        $words .= ' ' . $message;
        return true;
    });
    if (!$stream || !stream_socket_enable_crypto($stream, true, $method)) {
        say('error', $said . $words);
        return;
    }
    $about = stream_get_meta_data($stream);
    $options = stream_context_get_options($stream);
    $crypto = isset($about['crypto']) ? $about['crypto'] : (isset($options['ssl']['session_meta']) ? $options['ssl']['session_meta'] : array());
    if (isset($crypto['protocol'])) {
        say('protocol', $crypto['protocol']);
        say('cipher', $crypto['cipher_name']);
    }
    if (!getenv('SUNDOWN_REQUEST')) {
        return;
    }
    fwrite($stream, getenv('SUNDOWN_REQUEST'));
    say('answer', '');
    while (!feof($stream)) {
        echo fread($stream, 16384);
    }
}

say('version', PHP_VERSION);
if (!extension_loaded('openssl')) {
    say('error', 'this PHP has no openssl extension, so its streams speak no TLS');
} else {
    say('library', OPENSSL_VERSION_TEXT);
    if (function_exists('openssl_get_cert_locations')) {
        $places = openssl_get_cert_locations();
        say('config', dirname($places['default_cert_file']) . '/openssl.cnf');
    }
    if (getenv('SUNDOWN_PORT')) {
        call();
    }
}
