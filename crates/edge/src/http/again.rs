//! What it takes to send a request once more.
//!
//! A request is given away when it is sent, and few have to be sent again. What is kept meanwhile is text: to copy a
//! map of headers, and to let go of the copy, costs several times as much.

use hyper::http::request::Parts;
use hyper::{HeaderMap, Method, Request, Uri, header::HeaderName, header::HeaderValue};

/// A request without a body.
pub(super) struct Again {
    method: Method,
    uri: Uri,
    /// Name, colon, value, line feed: no name holds the colon and no value the line feed.
    fields: Vec<u8>,
}

impl Again {
    pub(super) fn of(parts: &Parts) -> Self {
        let mut fields = Vec::with_capacity(512);
        for (name, value) in &parts.headers {
            fields.extend_from_slice(name.as_str().as_bytes());
            fields.push(b':');
            fields.extend_from_slice(value.as_bytes());
            fields.push(b'\n');
        }
        Self {
            method: parts.method.clone(),
            uri: parts.uri.clone(),
            fields,
        }
    }

    /// The same request, with this body.
    pub(super) fn request<B>(self, body: B) -> Request<B> {
        let mut request = Request::new(body);
        *request.method_mut() = self.method;
        *request.uri_mut() = self.uri;
        let headers: &mut HeaderMap = request.headers_mut();
        for line in self.fields.split(|byte| *byte == b'\n') {
            let mut parts = line.splitn(2, |byte| *byte == b':');
            if let (Some(name), Some(value)) = (parts.next(), parts.next())
                // Both were in a request before.
                && let (Ok(name), Ok(value)) =
                    (HeaderName::from_bytes(name), HeaderValue::from_bytes(value))
            {
                headers.append(name, value);
            }
        }
        request
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_same_request() {
        let request = Request::builder()
            .method("PUT")
            .uri("/a?b=c")
            .header("host", "api.example.com:8443")
            .header("x-two", "one: 1")
            .header("accept", "*/*")
            .header("x-empty", "")
            .header("x-two", HeaderValue::from_bytes(b"t\xc3\xbco\t:").unwrap())
            .body(())
            .unwrap();
        let (parts, ()) = request.into_parts();
        let again = Again::of(&parts).request(());
        assert_eq!(again.method(), parts.method);
        assert_eq!(again.uri(), &parts.uri);
        assert_eq!(again.version(), parts.version);
        assert_eq!(again.headers(), &parts.headers);
    }
}
