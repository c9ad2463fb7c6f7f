//! Filling a verify command with the address to call.

/// Puts `check_url` where a command says `{url}`, and its host and port where it says `{host}`.
///
/// The address may come from a request, and the reader pastes the command into a shell: every byte that
/// means something to a shell, or to the string literal of a language, is percent-encoded.
pub(crate) fn fill(command: &str, check_url: &str) -> String {
    let url = harmless(check_url);
    command
        .replace("{host}", &authority(&url))
        .replace("{url}", &url)
}

/// Longest address put into a command, in bytes; none that works is near it.
const URL_LIMIT: usize = 2048;

fn harmless(url: &str) -> String {
    let mut safe = String::with_capacity(url.len().min(URL_LIMIT));
    for byte in url.bytes().take(URL_LIMIT) {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => safe.push(char::from(byte)),
            b'-' | b'.' | b'_' | b'~' | b':' | b'/' | b'?' | b'[' | b']' | b'@' | b'+' | b','
            | b'=' | b'%' => safe.push(char::from(byte)),
            _ => safe.push_str(&format!("%{byte:02X}")),
        }
    }
    safe
}

/// `host:port` of an address, with 443 where it names no port.
fn authority(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?']).next().unwrap_or(rest);
    let host = authority
        .rsplit_once('@')
        .map_or(authority, |(_, host)| host);
    let after_address = host.rsplit_once(']').map_or(host, |(_, port)| port);
    if after_address.contains(':') {
        host.to_owned()
    } else {
        format!("{host}:443")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_cannot_break_out_of_its_quotes() {
        let hostile = "https://x/'\"`$(reboot)\\;&|<>\n #{}";
        let command = fill("curl '{url}'", hostile);
        let inside = command
            .strip_prefix("curl '")
            .unwrap()
            .strip_suffix('\'')
            .unwrap();
        assert!(
            !inside.contains([
                '\'', '"', '`', '$', '(', '\\', ';', '&', '|', '<', '\n', ' ', '{'
            ]),
            "{command}"
        );
    }

    #[test]
    fn the_host_has_a_port() {
        assert_eq!(
            fill("{host}", "https://api.example.com/ssl/"),
            "api.example.com:443"
        );
        assert_eq!(
            fill("{host}", "https://localhost:8443/ssl/"),
            "localhost:8443"
        );
        assert_eq!(fill("{host}", "https://[::1]:8443/ssl/"), "[::1]:8443");
        assert_eq!(fill("{host}", "https://[::1]/ssl/"), "[::1]:443");
    }
}
