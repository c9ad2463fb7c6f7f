//! Proxy hygiene: what must not pass, and what is added for the application.

use std::net::IpAddr;
use std::sync::OnceLock;

use hyper::header::{
    CONNECTION, CONTENT_LENGTH, EXPECT, FORWARDED, HOST, HeaderMap, HeaderName, HeaderValue, TE,
    TRAILER, TRANSFER_ENCODING, UPGRADE,
};
use hyper::{Request, StatusCode, Version};
use ledger::Negotiated;

/// Hop-by-hop fields (RFC 9110 section 7.6.1, RFC 9112 section 6.1), and those of old that RFC 2616 listed.
const HOP_BY_HOP: [HeaderName; 8] = [
    CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    HeaderName::from_static("proxy-authenticate"),
    HeaderName::from_static("proxy-authorization"),
    TE,
    HeaderName::from_static("transfer-encoding"),
    UPGRADE,
];

/// Removes what belongs to one hop only, the fields that Connection names included. Expect too, which the edge
/// answers itself: it sends 100 Continue when it begins to read the body.
pub(crate) fn strip_hop_by_hop(headers: &mut HeaderMap) {
    let mut gone: Vec<HeaderName> = headers
        .keys()
        .filter(|name| *name == EXPECT || HOP_BY_HOP.contains(name))
        .cloned()
        .collect();
    if gone.contains(&CONNECTION) {
        let named = options(headers)
            .filter_map(|name| name.parse().ok())
            // A client must not be able to name away what the edge adds or relies on.
            .filter(|name| name != HOST && name != CONTENT_LENGTH && !is_ours(name));
        gone.extend(named);
    }
    for name in &gone {
        headers.remove(name);
    }
}

/// The options that Connection names.
fn options(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    headers
        .get_all(CONNECTION)
        .iter()
        // What nearly every client says that says anything; the field of this name never passes.
        .filter(|value| !value.as_bytes().eq_ignore_ascii_case(b"keep-alive"))
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
}

/// Whether the sender of a request takes trailers (RFC 9110 section 10.1.4).
pub(crate) fn takes_trailers(headers: &HeaderMap) -> bool {
    headers
        .get_all(TE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|coding| coding.trim().eq_ignore_ascii_case("trailers"))
}

/// Removes from trailers what is not for there (RFC 9110 section 6.5.1): what frames or routes a message, what belongs
/// to one hop, and what the edge alone may say. Some servers merge trailers into the head.
pub(crate) fn clean_trailers(trailers: &mut HeaderMap) {
    strip_hop_by_hop(trailers);
    strip_forged(trailers);
    for name in [HOST, CONTENT_LENGTH] {
        trailers.remove(name);
    }
}

/// The protocol that an HTTP/1.1 message wants to switch to (RFC 9110 section 7.8), if it does.
pub(crate) fn upgrade(headers: &HeaderMap) -> Option<HeaderValue> {
    let switches = options(headers).any(|option| option.eq_ignore_ascii_case("upgrade"));
    if switches {
        headers.get(UPGRADE).cloned()
    } else {
        None
    }
}

/// Removes every field by which the application learns about the client, so that a client cannot forge one.
/// Applications behind CGI, WSGI or Rack cannot tell `_` from `-`, so neither does this.
pub(crate) fn strip_forged(headers: &mut HeaderMap) {
    let forged: Vec<HeaderName> = headers
        .keys()
        .filter(|name| is_ours(name))
        .cloned()
        .collect();
    for name in forged {
        headers.remove(name);
    }
    // Trailers come when this has been done, and a server may merge them into the head. A body's trailers are
    // passed on only as far as Trailer announces them; they may be dropped (RFC 9110 section 6.5.1).
    headers.remove(TRAILER);
}

/// Whether it is the edge alone that may say this to the application.
fn is_ours(name: &HeaderName) -> bool {
    let name = name.as_str().as_bytes();
    let begins = |with: &[u8]| {
        name.len() >= with.len()
            && name
                .iter()
                .zip(with)
                .all(|(byte, with)| byte == with || (*byte == b'_' && *with == b'-'))
    };
    let is = |whole: &[u8]| name.len() == whole.len() && begins(whole);
    begins(b"sundown-") || begins(b"x-forwarded-") || is(b"forwarded") || is(b"x-real-ip")
}

/// Why a request is refused for how it is framed or addressed, where the HTTP library lets it pass.
pub(crate) fn fault<B>(request: &Request<B>) -> Option<(StatusCode, &'static str)> {
    let (mut hosts, mut codings, mut understood) = (0, 0, true);
    for (name, value) in request.headers() {
        if *name == HOST {
            hosts += 1;
        } else if *name == TRANSFER_ENCODING {
            codings += 1;
            understood &= value.as_bytes().eq_ignore_ascii_case(b"chunked");
        }
    }
    if hosts > 1 || (hosts == 0 && request.version() == Version::HTTP_11) {
        // RFC 9112 section 3.2.
        return Some((
            StatusCode::BAD_REQUEST,
            "A request has one Host field, no more and no fewer.\n",
        ));
    }
    if codings > 1 || !understood {
        // RFC 9112 section 6.1: a coding that is not understood.
        return Some((
            StatusCode::NOT_IMPLEMENTED,
            "The only transfer coding that is understood here is chunked, once.\n",
        ));
    }
    None
}

/// What the application learns of a connection with each request on it, written once.
pub(crate) struct Told {
    client: HeaderValue,
    /// RFC 7239, as far as it is the same for every request.
    forwarded: String,
    /// The first host that was asked for, and the whole of Forwarded for it: most clients ask for no other. Copies,
    /// which do not hold the buffer that the request was read into.
    first: OnceLock<(HeaderValue, Option<HeaderValue>)>,
    version: HeaderValue,
    cipher: HeaderValue,
    group: HeaderValue,
    /// Of the client's certificate.
    subject: Option<HeaderValue>,
}

impl Told {
    /// `subject` is of the client's certificate, where it showed one.
    pub(crate) fn new(client: IpAddr, negotiated: &Negotiated, subject: Option<&str>) -> Self {
        let client = client.to_canonical();
        let forwarded = match client {
            IpAddr::V4(address) => format!("for={address};proto=https"),
            IpAddr::V6(address) => format!("for=\"[{address}]\";proto=https"),
        };
        let unknown = HeaderValue::from_static("unknown");
        Self {
            client: HeaderValue::try_from(client.to_string()).unwrap_or(unknown),
            forwarded,
            first: OnceLock::new(),
            version: HeaderValue::from_static(negotiated.version.name().unwrap_or("unknown")),
            cipher: HeaderValue::from_static(negotiated.cipher),
            group: HeaderValue::from_static(negotiated.group.unwrap_or("none")),
            // ASCII; what no header can carry is left out.
            subject: subject.and_then(|subject| HeaderValue::from_str(subject).ok()),
        }
    }

    /// Adds where the request came from, in the old way and the new, and the client's TLS.
    pub(crate) fn add(&self, headers: &mut HeaderMap, host: Option<&HeaderValue>, meets: bool) {
        let first = host.map(|host| {
            self.first.get_or_init(|| {
                let copy = HeaderValue::from_bytes(host.as_bytes());
                (
                    copy.unwrap_or_else(|_| host.clone()),
                    self.forwarded(Some(host)),
                )
            })
        });
        let forwarded = match (first, host) {
            (Some((first, forwarded)), Some(host)) if first == host => {
                headers.insert(X_FORWARDED_HOST, first.clone());
                forwarded.clone()
            }
            _ => {
                if let Some(host) = host {
                    headers.insert(X_FORWARDED_HOST, host.clone());
                }
                self.forwarded(host)
            }
        };
        if let Some(forwarded) = forwarded {
            headers.insert(FORWARDED, forwarded);
        }
        headers.insert(X_FORWARDED_FOR, self.client.clone());
        headers.insert(X_FORWARDED_PROTO, HeaderValue::from_static("https"));
        headers.insert(SUNDOWN_TLS_VERSION, self.version.clone());
        headers.insert(SUNDOWN_TLS_CIPHER, self.cipher.clone());
        headers.insert(SUNDOWN_TLS_GROUP, self.group.clone());
        if let Some(subject) = &self.subject {
            headers.insert(SUNDOWN_CLIENT_CERTIFICATE_SUBJECT, subject.clone());
        }
        let verdict = if meets { "meets" } else { "misses" };
        headers.insert(SUNDOWN_VERDICT, HeaderValue::from_static(verdict));
    }

    fn forwarded(&self, host: Option<&HeaderValue>) -> Option<HeaderValue> {
        let mut forwarded = self.forwarded.clone();
        // A quoted-string takes any host that has no quote or backslash; no valid host has one.
        if let Some(host) = host.and_then(|host| host.to_str().ok())
            && !host.contains(['"', '\\'])
        {
            forwarded.push_str(";host=\"");
            forwarded.push_str(host);
            forwarded.push('"');
        }
        HeaderValue::try_from(forwarded).ok()
    }
}

const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const SUNDOWN_TLS_VERSION: HeaderName = HeaderName::from_static("sundown-tls-version");
const SUNDOWN_TLS_CIPHER: HeaderName = HeaderName::from_static("sundown-tls-cipher");
const SUNDOWN_TLS_GROUP: HeaderName = HeaderName::from_static("sundown-tls-group");
const SUNDOWN_CLIENT_CERTIFICATE_SUBJECT: HeaderName =
    HeaderName::from_static("sundown-client-certificate-subject");
const SUNDOWN_VERDICT: HeaderName = HeaderName::from_static("sundown-verdict");

/// Sets a field; a value that no header can carry is left out.
pub(crate) fn insert(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

/// The host the request is for: `:authority` in HTTP/2 (RFC 9113 section 8.3.1), the absolute form's in HTTP/1.1
/// (RFC 9112 section 3.2.2), else Host; HTTP/1.0 may have none.
pub(crate) fn host<B>(request: &Request<B>) -> Option<HeaderValue> {
    let authority = request
        .uri()
        .authority()
        .and_then(|authority| HeaderValue::from_str(authority.as_str()).ok());
    authority.or_else(|| request.headers().get(HOST).cloned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| {
                (
                    HeaderName::from_static(name),
                    HeaderValue::from_static(value),
                )
            })
            .collect()
    }

    #[test]
    fn hop_by_hop_fields_and_those_they_name_do_not_pass() {
        let mut map = headers(&[
            ("connection", "close, x-mine"),
            ("x-mine", "1"),
            ("te", "trailers"),
            ("keep-alive", "3"),
            ("x-kept", "1"),
        ]);
        strip_hop_by_hop(&mut map);
        assert_eq!(
            map.keys().map(HeaderName::as_str).collect::<Vec<_>>(),
            ["x-kept"]
        );
    }

    #[test]
    fn connection_cannot_name_the_host_away() {
        let mut map = headers(&[("connection", "host"), ("host", "api.example.com")]);
        strip_hop_by_hop(&mut map);
        assert!(map.contains_key("host"));
    }

    #[test]
    fn forged_fields_are_removed_in_any_spelling() {
        let mut map = headers(&[
            ("sundown-tls-version", "TLSv1.3"),
            ("sundown_tls_version", "TLSv1.3"),
            ("x_forwarded-for", "203.0.113.9"),
            ("forwarded", "for=203.0.113.9"),
            ("x-real-ip", "203.0.113.9"),
            ("x-sundown", "kept"),
        ]);
        strip_forged(&mut map);
        assert_eq!(
            map.keys().map(HeaderName::as_str).collect::<Vec<_>>(),
            ["x-sundown"]
        );
    }

    #[test]
    fn forwarded_is_written_as_rfc_7239_wants_it() {
        let mut map = HeaderMap::new();
        let negotiated = Negotiated {
            version: hello::Version::TLSV1_2,
            cipher: "AES128-SHA",
            group: None,
            alpn: None,
            resumed: false,
        };
        let told = Told::new(
            "2001:db8::7".parse().unwrap(),
            &negotiated,
            Some("CN=kiosk 7"),
        );
        told.add(
            &mut map,
            Some(&HeaderValue::from_static("api.example.com:8443")),
            true,
        );
        assert_eq!(
            map["forwarded"],
            "for=\"[2001:db8::7]\";proto=https;host=\"api.example.com:8443\""
        );
        assert_eq!(map["x-forwarded-for"], "2001:db8::7");
        assert_eq!(map["x-forwarded-host"], "api.example.com:8443");
        assert_eq!(map["sundown-tls-group"], "none");
        assert_eq!(map["sundown-client-certificate-subject"], "CN=kiosk 7");
        assert_eq!(map["sundown-verdict"], "meets");
    }
}
