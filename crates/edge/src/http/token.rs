//! OAuth 2 token requests: which client asks. Where a platform gives out tokens, its clients fail there first.

use std::sync::Arc;

use form_urlencoded::parse;
use hyper::header::{CONTENT_TYPE, EXPECT};
use hyper::{HeaderMap, Method, Request};
use tokio::time::timeout;

use super::peeked::Peeked;
use crate::core::Live;
use accounts::{basic_user, plain};

/// How much of a token request is looked at. A `client_id` after a longer `code` or assertion is not found.
const MOST: usize = 8 << 10;

/// The client that a token request names (RFC 6749 section 2.3.1): the user of HTTP Basic, or `client_id` in the form.
/// The secret beside it is not looked at, and the body goes on as it came.
pub(crate) async fn client(
    live: &Live,
    request: &mut Request<Peeked>,
    before: Option<&Arc<str>>,
) -> Option<Arc<str>> {
    if request.method() != Method::POST || !live.accounts.issues_tokens(request.uri().path()) {
        return None;
    }
    if let Some(user) = basic_user(request.headers()) {
        // Encoded as in a form, says RFC 6749. Not all do that, and then `&` and `=` are letters like others.
        let user = user.replace('&', "%26").replace('=', "%3D");
        let decoded = parse(user.as_bytes()).next()?.0;
        return (!decoded.is_empty()).then(|| plain(&decoded, before));
    }
    if !is_form(request.headers()) {
        return None;
    }
    let mut form = Vec::new();
    let looking = request.body_mut().look(MOST, &mut form);
    // What does not come in time is passed on as far as it came, and stalls there as any body does.
    let whole = timeout(live.settings.limits.stall, looking)
        .await
        .unwrap_or(false);
    // Looking at it has told the client to send it.
    request.headers_mut().remove(EXPECT);
    client_id(&form, whole).map(|id| plain(&id, before))
}

fn is_form(headers: &HeaderMap) -> bool {
    headers
        .get(CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok()?.split(';').next())
        .is_some_and(|kind| {
            kind.trim()
                .eq_ignore_ascii_case("application/x-www-form-urlencoded")
        })
}

fn client_id(form: &[u8], whole: bool) -> Option<String> {
    let form = if whole {
        form
    } else {
        // The last pair may be cut.
        let end = form.iter().rposition(|&byte| byte == b'&')?;
        form.get(..end)?
    };
    parse(form)
        .find(|(name, _)| name == "client_id")
        .map(|(_, id)| id.into_owned())
        .filter(|id| !id.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_form_names_the_client_unless_it_is_cut_off_in_the_name() {
        let whole = |form: &str| client_id(form.as_bytes(), true);
        let cut = |form: &str| client_id(form.as_bytes(), false);
        let acme = || Some("acme & sons".to_owned());
        let form = "grant_type=client_credentials&client_id=acme+%26+sons";
        assert_eq!(whole(form), acme());
        assert_eq!(cut(form), None, "it may go on");
        assert_eq!(cut(&format!("{form}&client_secret=x")), acme());
        assert_eq!(whole("client_id=&grant_type=password"), None);
        assert_eq!(whole("grant_type=password&xclient_id=a"), None);
        assert_eq!(whole(""), None);
        assert_eq!(whole("\u{fffd}&%&client_id=acme+%26+sons"), acme());
    }

    proptest! {
        #[test]
        fn any_form_names_a_client_or_none(form in prop::collection::vec(any::<u8>(), 0..200), whole: bool) {
            prop_assert_ne!(client_id(&form, whole), Some(String::new()));
        }
    }
}
