//! How a receiver says that it wants no more letters: the addresses that mail programs make a button of (RFC 2369
//! section 3.2, RFC 8058).

use lettre::message::header::{Header, HeaderName, HeaderValue};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

/// What stands for the account in an address.
const ACCOUNT: &str = "{account}";
/// The longest address: with an account in it, a line of a mail holds it (998 letters, RFC 5322 section 2.1.1).
const LONGEST: usize = 400;

/// One address, as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address(String);

impl std::str::FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let rest = text
            .strip_prefix("mailto:")
            .or_else(|| text.strip_prefix("https://"));
        // What has a meaning in the header itself stands in no address.
        let plain = |byte: u8| byte.is_ascii_graphic() && !b"<>,\"\\".contains(&byte);
        let braces = text.replace(ACCOUNT, "");
        let plain = text.bytes().all(plain) && !braces.contains(['{', '}']);
        if plain && text.len() <= LONGEST && rest.is_some_and(|rest| !rest.is_empty()) {
            Ok(Self(text.to_owned()))
        } else {
            Err(
                "write it like mailto:api@example.com?subject=stop or https://example.com/stop?who={account}"
                    .to_owned(),
            )
        }
    }
}

impl Address {
    pub(super) fn takes_posts(&self) -> bool {
        self.0.starts_with("https://")
    }

    fn of(&self, account: &str) -> String {
        let account = utf8_percent_encode(account, NON_ALPHANUMERIC).to_string();
        format!("<{}>", self.0.replace(ACCOUNT, &account))
    }
}

/// What a letter says of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Unsubscribe {
    pub(super) list: List,
    /// The `https://` address takes a POST, without a page in between.
    pub(super) one_click: bool,
}

impl Unsubscribe {
    /// `None` where there is no address.
    pub(super) fn of(account: &str, addresses: &[Address], one_click: bool) -> Option<Self> {
        let list: Vec<String> = addresses
            .iter()
            .map(|address| address.of(account))
            .collect();
        (!list.is_empty()).then(|| Self {
            list: List(list.join(", ")),
            one_click,
        })
    }
}

/// `List-Unsubscribe`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct List(String);

impl Header for List {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("List-Unsubscribe")
    }

    fn parse(text: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self(text.to_owned()))
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), self.0.clone())
    }
}

/// `List-Unsubscribe-Post`, whose one value is this.
#[derive(Clone, Debug)]
pub(super) struct OneClick;

impl Header for OneClick {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("List-Unsubscribe-Post")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "List-Unsubscribe=One-Click".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_in_an_address_is_no_more_than_a_part_of_it() {
        let address: Address = "https://example.com/stop?who={account}".parse().unwrap();
        assert_eq!(
            address.of("a>, <b&c=ü\r\nBcc: x"),
            "<https://example.com/stop?who=a%3E%2C%20%3Cb%26c%3D%C3%BC%0D%0ABcc%3A%20x>"
        );
        for wrong in [
            "http://example.com/",
            "mailto:",
            "https://",
            "mailto:a@b.example>",
            "https://a.example/ x",
            "https://a.example/{id}",
            "javascript:alert(1)",
        ] {
            assert!(wrong.parse::<Address>().is_err(), "{wrong}");
        }
    }
}
