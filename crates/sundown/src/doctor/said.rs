//! What runtimes say: the marked lines of the scripts in `kinds/`, and versions in the words of programs. All of it is
//! bounded and shown without what steers a terminal; whatever else a program prints is passed over.

use std::path::PathBuf;

use super::kind::About;
use crate::check::text::printable;

/// What begins a line that a script means for us.
const MARK: &[u8] = b"sundown:";

/// Longest word that is kept of one line; versions and names of ciphers are far shorter.
const LONGEST: usize = 300;

/// Longest version believed. Nothing real comes near it.
const LONGEST_VERSION: usize = 32;

/// What a script says of the handshake.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Own {
    pub(super) protocol: Option<String>,
    pub(super) cipher: Option<String>,
    pub(super) error: Option<String>,
    /// What the server sent back, as it came; `None` where nothing was asked.
    pub(super) answer: Option<Vec<u8>>,
}

/// A marked line: what, and what is said of it.
type Line<'o> = (&'o [u8], String);

/// The marked lines, in order. The answer is the rest of the output.
fn marked(output: &[u8]) -> (Vec<Line<'_>>, Option<&[u8]>) {
    let mut lines = Vec::new();
    let mut rest = output;
    while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
        let (line, after) = rest.split_at(end);
        rest = after.get(1..).unwrap_or_default();
        let Some(said) = line.strip_prefix(MARK) else {
            continue;
        };
        let space = said.iter().position(|byte| *byte == b' ');
        let (what, word) = said.split_at(space.unwrap_or(said.len()));
        if what == b"answer" {
            return (lines, Some(rest));
        }
        let word = word.get(..LONGEST.min(word.len())).unwrap_or_default();
        let word = printable(&String::from_utf8_lossy(word));
        lines.push((what, word.trim().to_owned()));
    }
    (lines, None)
}

/// What a script says of its runtime.
pub(super) fn about(output: &[u8]) -> Option<About> {
    let (lines, _) = marked(output);
    let find = |wanted: &[u8]| {
        let found = lines.iter().find(|(what, _)| *what == wanted);
        found
            .map(|(_, said)| said.clone())
            .filter(|said| !said.is_empty())
    };
    Some(About {
        version: first_version(&find(b"version")?)?,
        library: find(b"library").and_then(|library| named_library(&library)),
        config: find(b"config").map(PathBuf::from),
        mute: find(b"error"),
        known_as: None,
    })
}

/// What a script says of a handshake.
pub(super) fn own(output: &[u8]) -> Own {
    let (lines, answer) = marked(output);
    let mut own = Own {
        answer: answer.map(<[u8]>::to_owned),
        ..Own::default()
    };
    for (what, said) in lines.into_iter().filter(|(_, said)| !said.is_empty()) {
        let slot = match what {
            b"protocol" => &mut own.protocol,
            b"cipher" => &mut own.cipher,
            b"error" => &mut own.error,
            _ => continue,
        };
        *slot = Some(said);
    }
    own
}

/// `OpenSSL 1.1.1w  11 Sep 2023`, as the knowledge base calls it: `OpenSSL 1.1.1w`.
fn named_library(said: &str) -> Option<String> {
    let mut words = said.split_whitespace();
    let name = words.next()?;
    Some(match words.next().and_then(first_version) {
        Some(version) => format!("{name} {version}"),
        None => name.to_owned(),
    })
}

/// What stands after `words`.
pub(super) fn after<'t>(text: &'t str, words: &str) -> Option<&'t str> {
    text.split_once(words).map(|(_, rest)| rest)
}

/// The version that a text begins with: digits first, letters within.
pub(super) fn first_version(text: &str) -> Option<String> {
    let text = text.trim_start();
    let end = text
        .find(|c: char| !(c.is_ascii_alphanumeric() || c == '.' || c == '_'))
        .unwrap_or(text.len());
    let version = text.get(..end)?.trim_end_matches(['.', '_']);
    let fits =
        version.len() <= LONGEST_VERSION && version.starts_with(|c: char| c.is_ascii_digit());
    fits.then(|| version.to_owned())
}

/// Whether a version is this one or a later one.
pub(super) fn at_least(version: &str, least: &[u32]) -> bool {
    let numbers = version.split('.').map(|part| {
        part.trim_end_matches(|c: char| !c.is_ascii_digit())
            .parse()
            .unwrap_or(0)
    });
    let numbers: Vec<u32> = numbers.take(least.len()).collect();
    numbers.as_slice() >= least
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marked_lines_are_read_whatever_stands_between() {
        let said = b"Picked up something\nsundown:version 3.11.7\r\nnoise \xff\nsundown:library OpenSSL 3.0.2 15 Mar 2022\n\
            sundown:config /usr/lib/ssl/openssl.cnf\n";
        let about = about(said).unwrap();
        assert_eq!(
            (about.version.as_str(), about.library.as_deref()),
            ("3.11.7", Some("OpenSSL 3.0.2"))
        );
        assert!(about.mute.is_none() && about.config.is_some());
    }

    #[test]
    fn the_answer_is_all_that_follows() {
        let said = b"sundown:protocol TLSv1.3\nsundown:cipher X\nsundown:answer \nHTTP/1.1 200 OK\r\n\r\nsundown:error no\n";
        let own = own(said);
        assert_eq!(own.protocol.as_deref(), Some("TLSv1.3"));
        assert!(own.error.is_none());
        assert!(own.answer.unwrap().starts_with(b"HTTP/1.1"));
    }

    #[test]
    fn garbage_is_no_answer() {
        for garbage in [
            &b""[..],
            b"\n\n\n",
            b"sundown:",
            b"sundown:version",
            b"sundown:version x.y\n",
            &[0xff; 70_000],
        ] {
            assert!(about(garbage).is_none());
            assert_eq!(own(garbage), Own::default());
        }
        let steering = own(b"sundown:error \x1b[2J\x1b]0;x\x07gone\n");
        assert_eq!(steering.error.as_deref(), Some("[2J]0;xgone"));
        let long = [b"sundown:error ".as_slice(), &[b'x'; 100_000], b"\n"].concat();
        assert!(own(&long).error.unwrap().len() <= LONGEST);
    }

    #[test]
    fn versions_are_taken_from_words() {
        for (text, version) in [
            ("1.1.1w  11 Sep 2023", Some("1.1.1w")),
            ("8.15.0-DEV (sys", Some("8.15.0")),
            ("25-ea\"", Some("25")),
            (" 3.0.2", Some("3.0.2")),
            ("v1", None),
            ("", None),
            ("1111111111111111111111111111111111", None),
        ] {
            assert_eq!(first_version(text).as_deref(), version, "{text}");
        }
        assert!(
            at_least("1.21.3", &[1, 17])
                && at_least("1.0.2k", &[1, 0, 2])
                && at_least("3.0", &[1, 17])
        );
        assert!(
            !at_least("1.16.3", &[1, 17])
                && !at_least("", &[1])
                && !at_least("0.9.8zh", &[1, 0, 2])
        );
    }
}
