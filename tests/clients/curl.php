<?php
// PHP, the curl extension.

$versions = [
    'TLSv1' => [CURL_SSLVERSION_TLSv1_0, CURL_SSLVERSION_MAX_TLSv1_0],
    'TLSv1.1' => [CURL_SSLVERSION_TLSv1_1, CURL_SSLVERSION_MAX_TLSv1_1],
    'TLSv1.2' => [CURL_SSLVERSION_TLSv1_2, CURL_SSLVERSION_MAX_TLSv1_2],
    'TLSv1.3' => [CURL_SSLVERSION_TLSv1_3, CURL_SSLVERSION_MAX_TLSv1_3],
];

[$url, $ca, $held, $method] = array_slice($argv, 1) + ['', '', '-', 'GET'];

$reason = '';
$headers = [];
$request = curl_init($url);
curl_setopt_array($request, [
    CURLOPT_RETURNTRANSFER => true,
    CURLOPT_CAINFO => $ca,
    CURLOPT_CUSTOMREQUEST => $method,
    CURLOPT_HTTPHEADER => getenv('API_KEY') ? ['X-Api-Key: ' . getenv('API_KEY')] : [],
    CURLOPT_HEADERFUNCTION => function ($request, $line) use (&$reason, &$headers) {
        if (preg_match('~^HTTP/\S+ \d+ ?(.*)~', trim($line), $found)) {
            $reason = $found[1];
        } elseif (preg_match('~^([^:]+):\s*(.*)$~', trim($line), $found)) {
            $headers[strtolower($found[1])] = $found[2];
        }
        return strlen($line);
    },
]);
if (isset($versions[$held])) {
    curl_setopt($request, CURLOPT_SSLVERSION, $versions[$held][0] | $versions[$held][1]);
    if ($held !== 'TLSv1.3') {
        curl_setopt($request, CURLOPT_SSL_CIPHER_LIST, 'DEFAULT@SECLEVEL=0');
    }
}

$body = curl_exec($request);
if ($body === false) {
    $answer = ['ok' => false, 'error' => curl_error($request), 'code' => (string) curl_errno($request)];
} else {
    $status = curl_getinfo($request, CURLINFO_RESPONSE_CODE);
    $answer = ['ok' => true, 'status' => $status, 'reason' => $reason, 'headers' => (object) $headers, 'body' => $body];
}
echo json_encode($answer, JSON_INVALID_UTF8_SUBSTITUTE), "\n";
