<?php
// A program that pins TLSv1 for all of its streams.
stream_context_set_default(['ssl' => [
    'crypto_method' => STREAM_CRYPTO_METHOD_TLSv1_0_CLIENT, 'ciphers' => 'DEFAULT@SECLEVEL=0',
]]);
