//! The parts of an nginx.conf that say how its logs are written.
//!
//! Syntax: <https://nginx.org/en/docs/beginners_guide.html#conf_structure> and `ngx_conf_file.c`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use hello::Version;

use super::nginx::{From, Nginx};
use crate::logs::format::{Escape, Format, FormatError, Sample, Wanted};

/// Where nginx is built to look for it: Debian and most others, from source, FreeBSD, Homebrew.
const USUAL: [&str; 5] = [
    "/etc/nginx/nginx.conf",
    "/usr/local/nginx/conf/nginx.conf",
    "/usr/local/etc/nginx/nginx.conf",
    "/opt/homebrew/etc/nginx/nginx.conf",
    "/etc/openresty/nginx.conf",
];
/// Bytes of all files together; large sites have some megabytes.
const MOST_BYTES: usize = 32 << 20;
/// Files that are included.
const MOST_FILES: usize = 10_000;
/// Files that include files that include files.
const DEEPEST: usize = 16;

/// nginx's own format where `access_log` names none.
const COMBINED: &str = "$remote_addr - $remote_user [$time_local] \"$request\" $status $body_bytes_sent \"$http_referer\" \"$http_user_agent\"";

/// What a configuration says of logs.
#[derive(Debug, Default)]
struct Conf {
    /// By name: how values are escaped, and the pattern.
    formats: BTreeMap<String, (Escape, String)>,
    /// Path and name of a format.
    logs: Vec<(String, String)>,
    /// The latest version of each `ssl_protocols`.
    latest: BTreeSet<Version>,
    bytes: usize,
    files: usize,
}

/// The format of a log that nginx on this machine is configured to write: where the path is in its configuration.
pub(crate) fn of_this_machine(sample: &Sample<'_>, wanted: &Wanted) -> Option<Box<dyn Format>> {
    let path = fs::canonicalize(sample.path?).ok()?;
    USUAL
        .iter()
        .map(Path::new)
        .filter(|conf| conf.is_file())
        .find_map(|conf| {
            let conf = read(conf).ok()?;
            conf.of_path(&path, wanted)?
                .ok()
                .filter(|format| sample.is_read_by(format))
                .map(boxed)
        })
}

/// The format that a configuration has for a log.
pub(crate) fn of_file(
    file: &Path,
    sample: &Sample<'_>,
    wanted: &Wanted,
) -> Result<Box<dyn Format>, FormatError> {
    let conf = read(file)?;
    if let Some(path) = sample.path.and_then(|path| fs::canonicalize(path).ok())
        && let Some(made) = conf.of_path(&path, wanted)
    {
        return made.map(boxed);
    }
    let (mut usable, mut why) = (Vec::new(), None);
    for (escape, pattern) in conf.formats.values() {
        match Nginx::new(
            pattern,
            *escape,
            From::Configuration,
            wanted,
            conf.server_max(),
        ) {
            Ok(made) => usable.push(made),
            Err(error) => why = Some(error),
        }
    }
    // A log that was copied here: by what its lines look like. An empty one is read by the only format there is.
    if sample.lines().next().is_none() && usable.len() == 1 {
        return usable.pop().map(boxed).ok_or_else(|| nothing(file));
    }
    let named = usable.iter().any(|_| true);
    match super::nginx::first_that_reads(sample, usable) {
        Some(made) => Ok(boxed(made)),
        None if named => Err(FormatError::Useless(format!(
            "no log_format with TLS in {} reads these lines; they may be older than the configuration",
            file.display()
        ))),
        None => Err(why.unwrap_or_else(|| nothing(file))),
    }
}

fn nothing(file: &Path) -> FormatError {
    FormatError::Configuration(format!(
        "{} has no log_format with $ssl_protocol; in `http {{}}` write\n{}",
        file.display(),
        super::nginx::REMEDY
    ))
}

fn boxed(made: Nginx) -> Box<dyn Format> {
    Box::new(made)
}

fn read(file: &Path) -> Result<Conf, FormatError> {
    let mut conf = Conf::default();
    let root = file.parent().unwrap_or(Path::new("")).to_owned();
    conf.file(file, &root, 0)?;
    Ok(conf)
}

impl Conf {
    /// The latest version that every server of the configuration speaks, where it says so at all.
    fn server_max(&self) -> Option<Version> {
        self.latest.first().copied()
    }

    /// The format of the log at this path.
    fn of_path(&self, path: &Path, wanted: &Wanted) -> Option<Result<Nginx, FormatError>> {
        let is_it = |(log, _): &&(String, String)| {
            fs::canonicalize(log).is_ok_and(|log| log == path) || is_rotated(Path::new(log), path)
        };
        let (_, name) = self.logs.iter().find(is_it)?;
        let (escape, pattern) = match self.formats.get(name) {
            Some((escape, pattern)) => (*escape, pattern.as_str()),
            None if name == "combined" => (Escape::Backslash, COMBINED),
            None => return None,
        };
        Some(Nginx::new(
            pattern,
            escape,
            From::Configuration,
            wanted,
            self.server_max(),
        ))
    }

    fn file(&mut self, path: &Path, root: &Path, depth: usize) -> Result<(), FormatError> {
        let fault =
            |what: String| FormatError::Configuration(format!("{}: {what}", path.display()));
        self.files += 1;
        if depth > DEEPEST || self.files > MOST_FILES {
            return Err(fault(format!(
                "more than {MOST_FILES} files, or included in itself; give --format the log_format string"
            )));
        }
        let bytes = fs::read(path).map_err(|error| fault(format!("cannot be read ({error})")))?;
        self.bytes += bytes.len();
        if self.bytes > MOST_BYTES {
            return Err(fault(
                "the configuration is larger than 32 MiB; give --format the log_format string"
                    .to_owned(),
            ));
        }
        for directive in directives(&String::from_utf8_lossy(&bytes)) {
            let mut words = directive.iter().map(String::as_str);
            match words.next() {
                Some("log_format") => self.log_format(words),
                Some("access_log") => {
                    if let Some(log) = words.next().filter(|log| *log != "off") {
                        let format = words
                            .next()
                            .filter(|word| !word.contains('='))
                            .unwrap_or("combined");
                        let log = root.join(log).to_string_lossy().into_owned();
                        self.logs.push((log, format.to_owned()));
                    }
                }
                Some("ssl_protocols") => {
                    self.latest
                        .extend(words.filter_map(Version::from_name).max());
                }
                Some("include") => {
                    for pattern in words {
                        for included in included(root, pattern) {
                            // A file that nginx may read and we may not is no reason to give up.
                            self.file(&included, root, depth + 1).ok();
                        }
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn log_format<'a>(&mut self, mut words: impl Iterator<Item = &'a str>) {
        let Some(name) = words.next() else { return };
        let mut escape = Escape::Backslash;
        let mut pattern = String::new();
        for word in words {
            match word {
                "escape=default" if pattern.is_empty() => {}
                "escape=json" if pattern.is_empty() => escape = Escape::Json,
                "escape=none" if pattern.is_empty() => escape = Escape::None,
                // nginx puts the strings together with nothing between.
                text => pattern.push_str(text),
            }
        }
        self.formats.insert(name.to_owned(), (escape, pattern));
    }
}

/// Whether `path` is an older part of `log`: `access.log.1`, `access.log.2.gz`, `access.log-20261125.zst`.
fn is_rotated(log: &Path, path: &Path) -> bool {
    let (Some(log_name), Some(name)) = (log.file_name(), path.file_name()) else {
        return false;
    };
    let same_place = log
        .parent()
        .and_then(|parent| fs::canonicalize(parent).ok())
        .as_deref()
        == path.parent();
    let rest = name.to_string_lossy();
    same_place
        && rest
            .strip_prefix(&*log_name.to_string_lossy())
            .is_some_and(|rest| rest.starts_with(['.', '-']))
}

fn included(root: &Path, pattern: &str) -> Vec<PathBuf> {
    let pattern = root.join(pattern);
    glob::glob(&pattern.to_string_lossy())
        .map(|paths| paths.flatten().take(MOST_FILES).collect())
        .unwrap_or_default()
}

/// The directives of a configuration, whatever block they are in.
fn directives(text: &str) -> Vec<Vec<String>> {
    let mut all = Vec::new();
    let mut words: Vec<String> = Vec::new();
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '#' => while characters.next_if(|next| *next != '\n').is_some() {},
            ';' | '{' | '}' => all.push(std::mem::take(&mut words)),
            quote @ ('\'' | '"') => {
                let mut word = String::new();
                while let Some(next) = characters.next() {
                    match next {
                        '\\' => escaped(&mut word, characters.next()),
                        end if end == quote => break,
                        other => word.push(other),
                    }
                }
                words.push(word);
            }
            blank if blank.is_whitespace() => {}
            first => {
                let mut word = String::from(first);
                loop {
                    let is_variable = word.ends_with('$');
                    match characters.next_if(|next| {
                        !next.is_whitespace()
                            && !matches!(next, ';' | '}')
                            && (*next != '{' || is_variable)
                    }) {
                        Some('\\') => escaped(&mut word, characters.next()),
                        Some('{') => {
                            word.push('{');
                            while let Some(next) = characters.next_if(|next| *next != '}') {
                                word.push(next);
                            }
                        }
                        Some(next) => word.push(next),
                        None => break,
                    }
                    if word.contains("${") && characters.peek() == Some(&'}') {
                        word.extend(characters.next());
                    }
                }
                words.push(word);
            }
        }
    }
    all.push(words);
    all.retain(|words| !words.is_empty());
    all
}

/// A character behind a backslash, as nginx takes it.
fn escaped(word: &mut String, next: Option<char>) {
    match next {
        Some('t') => word.push('\t'),
        Some('r') => word.push('\r'),
        Some('n') => word.push('\n'),
        Some(quote @ ('"' | '\'' | '\\')) => word.push(quote),
        Some(other) => word.extend(['\\', other]),
        None => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directives_are_found_through_quotes_comments_and_blocks() {
        let text = r#"
            # log_format none '$nothing';
            http {
                log_format tls escape=json '{"a":"$remote_addr",'
                                           "\"t\":\"$msec\"}"; # joined
                server { listen 443 ssl; ssl_protocols TLSv1 TLSv1.2; access_log logs/a.log tls buffer=32k; }
                access_log off;
            }"#;
        let directives = directives(text);
        let words = |name: &str| {
            directives
                .iter()
                .find(|words| words[0] == name)
                .cloned()
                .unwrap_or_default()
        };
        assert_eq!(
            words("log_format"),
            [
                "log_format",
                "tls",
                "escape=json",
                "{\"a\":\"$remote_addr\",",
                "\"t\":\"$msec\"}"
            ]
        );
        assert_eq!(
            words("access_log"),
            ["access_log", "logs/a.log", "tls", "buffer=32k"]
        );
        assert_eq!(
            words("ssl_protocols"),
            ["ssl_protocols", "TLSv1", "TLSv1.2"]
        );
        assert_eq!(words("server"), ["server"]);
    }

    #[test]
    fn a_log_has_the_format_that_its_path_names() {
        let directory = tempfile::tempdir().expect("a directory of our own");
        let at = |name: &str| directory.path().join(name);
        fs::create_dir(at("sites")).expect("made");
        let conf = "http { log_format plain '$remote_addr [$time_local]'; ssl_protocols TLSv1 TLSv1.1 TLSv1.2;\n\
                    log_format tls '$remote_addr [$time_local] ${ssl_protocol}'; include sites/*.conf; }";
        fs::write(at("nginx.conf"), conf).expect("written");
        fs::write(at("sites/a.conf"), "server { access_log tls.log tls; }").expect("written");
        fs::write(
            at("sites/b.conf"),
            "server { access_log plain.log plain; ssl_protocols TLSv1.2 TLSv1.3; }",
        )
        .expect("written");
        let line = b"192.0.2.1 [25/Nov/2026:13:31:33 +0000] TLSv1\n";
        for name in ["tls.log", "tls.log.1", "plain.log", "elsewhere.log"] {
            fs::write(at(name), line).expect("written");
        }
        let found = |name: &str| {
            let path = at(name);
            let sample = Sample {
                path: Some(&path),
                head: line,
            };
            of_file(&at("nginx.conf"), &sample, &Wanted::default())
        };
        for name in ["tls.log", "tls.log.1", "elsewhere.log"] {
            let format = found(name).expect("a format");
            assert_eq!(
                format.server_max(),
                Some(Version::TLSV1_2),
                "the older of two servers"
            );
        }
        let error = found("plain.log")
            .expect_err("it says nothing of TLS")
            .to_string();
        assert!(error.contains("$ssl_protocol"), "{error}");
    }
}
