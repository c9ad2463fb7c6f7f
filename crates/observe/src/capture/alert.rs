//! What an alert means for a handshake.

/// What an alert means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// The handshake goes on.
    Warning,
    /// close_notify: the sender is done.
    Close,
    /// The handshake has failed.
    Fatal,
}

impl Meaning {
    const WARNING: u8 = 1;
    const CLOSE_NOTIFY: u8 = 0;
    const USER_CANCELED: u8 = 90;

    /// Levels count before TLS 1.3 only (RFC 8446 section 6).
    pub(super) const fn of(level: u8, description: u8, modern: bool) -> Self {
        match description {
            Self::CLOSE_NOTIFY => Self::Close,
            Self::USER_CANCELED => Self::Warning,
            _ if level == Self::WARNING && !modern => Self::Warning,
            _ => Self::Fatal,
        }
    }
}

/// How an alert that a server sends in the middle of a handshake reads in a report, which has room for a fixed text only.
pub(super) const fn of_server(description: u8) -> &'static str {
    match description {
        10 => "the server sent unexpected_message",
        20 => "the server sent bad_record_mac",
        40 => "the server sent handshake_failure",
        42 => "the server sent bad_certificate",
        43 => "the server sent unsupported_certificate",
        44 => "the server sent certificate_revoked",
        45 => "the server sent certificate_expired",
        46 => "the server sent certificate_unknown",
        47 => "the server sent illegal_parameter",
        48 => "the server sent unknown_ca",
        49 => "the server sent access_denied",
        50 => "the server sent decode_error",
        51 => "the server sent decrypt_error",
        70 => "the server sent protocol_version",
        71 => "the server sent insufficient_security",
        80 => "the server sent internal_error",
        116 => "the server sent certificate_required",
        _ => "the server sent an alert",
    }
}
