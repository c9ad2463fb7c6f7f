<?php
// PHP, `file_get_contents` and the https stream wrapper.

$versions = [
    'TLSv1' => STREAM_CRYPTO_METHOD_TLSv1_0_CLIENT,
    'TLSv1.1' => STREAM_CRYPTO_METHOD_TLSv1_1_CLIENT,
    'TLSv1.2' => STREAM_CRYPTO_METHOD_TLSv1_2_CLIENT,
    'TLSv1.3' => STREAM_CRYPTO_METHOD_TLSv1_3_CLIENT,
];

[$url, $ca, $held, $method] = array_slice($argv, 1) + ['', '', '-', 'GET'];

$ssl = ['cafile' => $ca];
if (isset($versions[$held])) {
    $ssl += ['crypto_method' => $versions[$held], 'ciphers' => 'DEFAULT@SECLEVEL=0'];
}
$http = ['method' => $method, 'ignore_errors' => true, 'follow_location' => 0];
if (getenv('API_KEY')) {
    $http += ['header' => 'X-Api-Key: ' . getenv('API_KEY')];
}

// The reason for a failure is in the warnings and nowhere else: one says what, the next two that it failed.
$warnings = [];
set_error_handler(function ($level, $message) use (&$warnings) {
    $warnings[] = $message;
    return true;
});
$body = file_get_contents($url, false, stream_context_create(['ssl' => $ssl, 'http' => $http]));

if ($body === false) {
    $answer = ['ok' => false, 'error' => implode("\n", $warnings), 'code' => ''];
} else {
    preg_match('~^HTTP/\S+ (\d+) ?(.*)~', $http_response_header[0], $found);
    $headers = [];
    foreach (array_slice($http_response_header, 1) as $line) {
        [$name, $value] = explode(':', $line, 2) + ['', ''];
        $headers[strtolower($name)] = trim($value);
    }
    $answer = ['ok' => true, 'status' => (int) $found[1], 'reason' => $found[2], 'headers' => (object) $headers, 'body' => $body];
}
echo json_encode($answer, JSON_INVALID_UTF8_SUBSTITUTE), "\n";
