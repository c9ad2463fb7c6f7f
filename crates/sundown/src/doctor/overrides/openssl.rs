//! What openssl.cnf holds every program on OpenSSL to: the settings of its system default (`SSL_CONF_cmd(3)`, config(5)).

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use hello::Version;

use super::{Override, Variables, Weight, files};

/// Whom a version in the file holds.
const VERSIONS_AFFECT: &str = "Python, Perl, openssl and all else on this OpenSSL; not curl, Node.js, PHP's streams and \
    Ruby's Net::HTTP, which choose versions themselves";

/// Files that one may include.
const MOST_FILES: usize = 50;

/// A value and where it stands.
struct Set {
    value: String,
    place: String,
}

/// Sections, and what is set in each; the last of a name counts.
type Sections = BTreeMap<String, BTreeMap<String, Set>>;

/// The settings in force in these files, and in the one that `OPENSSL_CONF` names.
pub(super) fn read(variables: &Variables, configs: &[PathBuf]) -> Vec<Override> {
    let named = variables
        .get("OPENSSL_CONF")
        .filter(|path| !path.is_empty())
        .map(PathBuf::from);
    // It takes the place of the others.
    let paths = match &named {
        Some(named) => std::slice::from_ref(named),
        None => configs,
    };
    let mut seen = BTreeSet::new();
    paths
        .iter()
        .filter(|path| seen.insert(path.canonicalize().unwrap_or_else(|_| path.to_path_buf())))
        .flat_map(|path| of_file(path))
        .collect()
}

fn of_file(path: &Path) -> Vec<Override> {
    let mut sections = Sections::new();
    let mut left = MOST_FILES;
    gather(path, &mut String::new(), &mut sections, &mut left);
    let Some(settings) = system_default(&sections) else {
        return Vec::new();
    };
    settings
        .iter()
        .filter_map(|(name, set)| {
            // `TLS.MinProtocol` and `MinProtocol` are one.
            let plain = name.rsplit('.').next().unwrap_or(name);
            if name.starts_with("DTLS") {
                return None;
            }
            let told = told(plain, &set.value)?;
            // Seen with each of them: some choose versions for themselves, and overrule the file.
            let affects = match plain.to_ascii_lowercase().ends_with("protocol") {
                true => VERSIONS_AFFECT,
                false => "all on the OpenSSL that reads this file; not Node.js",
            };
            Some(Override::new(
                plain,
                &set.value,
                set.place.clone(),
                told,
                affects,
            ))
        })
        .collect()
}

/// `openssl_conf` names a section, that one's `ssl_conf` the next, that one's `system_default` the one that counts.
fn system_default(sections: &Sections) -> Option<&BTreeMap<String, Set>> {
    let start = &sections.get("")?.get("openssl_conf")?.value;
    let ssl = &sections.get(start)?.get("ssl_conf")?.value;
    let default = &sections.get(ssl)?.get("system_default")?.value;
    sections.get(default)
}

fn told(name: &str, value: &str) -> Option<(Weight, String)> {
    let version = Version::from_name(value);
    Some(match name.to_ascii_lowercase().as_str() {
        "maxprotocol" => match version {
            Some(version) if version < Version::TLSV1_3 => {
                (Weight::Lowers, format!("holds them to {version} at most"))
            }
            _ => (Weight::Sets, "names the highest version".to_owned()),
        },
        "minprotocol" => match version {
            Some(version) if version < Version::TLSV1_2 => {
                (Weight::Exposes, format!("lets them go down to {version}"))
            }
            _ => (Weight::Sets, "takes older versions away".to_owned()),
        },
        "protocol" => (
            Weight::Lowers,
            "names the versions that are offered".to_owned(),
        ),
        "groups" | "curves" => (
            Weight::Lowers,
            "names the groups that are offered; post-quantum ones only where they are named"
                .to_owned(),
        ),
        "cipherstring" if value.contains("SECLEVEL=0") => (
            Weight::Exposes,
            "brings back what is no longer safe".to_owned(),
        ),
        "cipherstring" => (
            Weight::Sets,
            "names the cipher suites up to TLSv1.2".to_owned(),
        ),
        "ciphersuites" => (
            Weight::Sets,
            "names the cipher suites of TLSv1.3".to_owned(),
        ),
        "options" if value.contains("UnsafeLegacy") => (
            Weight::Exposes,
            "allows renegotiation that is not safe".to_owned(),
        ),
        _ => return None,
    })
}

/// Reads a file into the sections; what it includes goes on in the section where it is included.
fn gather(path: &Path, section: &mut String, sections: &mut Sections, left: &mut usize) {
    if *left == 0 {
        return;
    }
    *left -= 1;
    let Some(text) = files::text(path) else {
        return;
    };
    for (index, line) in text.lines().enumerate() {
        let line = line.split('#').next().unwrap_or_default().trim();
        if let Some(name) = line
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'))
        {
            name.trim().clone_into(section);
            continue;
        }
        if let Some(included) = line.strip_prefix(".include") {
            let included = included.trim_start_matches([' ', '\t', '=']).trim();
            for file in included_files(Path::new(included)) {
                gather(&file, section, sections, left);
            }
            continue;
        }
        let Some((name, value)) = line.split_once('=') else {
            continue;
        };
        // `section::name` sets it there (config(5)).
        let name = name.trim();
        let (place_of, name) = name.split_once("::").unwrap_or((section, name));
        let place_of = if place_of == "default" { "" } else { place_of };
        let set = Set {
            value: value.trim().trim_matches(['"', '\'']).to_owned(),
            place: files::place(path, index + 1),
        };
        sections
            .entry(place_of.to_owned())
            .or_default()
            .insert(name.to_owned(), set);
    }
}

/// A file, or those of a directory that end so (config(5)).
fn included_files(path: &Path) -> Vec<PathBuf> {
    if !path.is_absolute() || !path.is_dir() {
        return vec![path.to_owned()];
    }
    let entries = fs::read_dir(path).into_iter().flatten().flatten();
    let mut files: Vec<PathBuf> = entries
        .take(MOST_FILES)
        .map(|entry| entry.path())
        .filter(|file| {
            file.extension()
                .is_some_and(|end| end == "cnf" || end == "conf")
        })
        .collect();
    files.sort();
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    fn in_force(text: &str) -> Vec<String> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("openssl.cnf");
        fs::write(directory.path().join("more.cnf"), "MaxProtocol = TLSv1.2\n").unwrap();
        let text = text.replace(
            "{more}",
            &directory.path().join("more.cnf").display().to_string(),
        );
        fs::write(&path, text).unwrap();
        let found = read(&Variables::new(), &[path.clone(), path]);
        let words = |one: Override| {
            let place = one.place.rsplit('/').next().unwrap_or_default().to_owned();
            format!("{:?} {}={} {place}", one.weight, one.name, one.value)
        };
        found.into_iter().map(words).collect()
    }

    const DEBIAN: &str = "openssl_conf = default_conf\n[default_conf]\nssl_conf = ssl_sect\n[ssl_sect]\n\
        system_default = system_default_sect\n[system_default_sect]\n";

    #[test]
    fn what_the_system_default_says_is_in_force() {
        let text = format!(
            "{DEBIAN}MinProtocol = TLSv1.2 # as shipped\nCipherString = DEFAULT@SECLEVEL=2\nOther = 1\n"
        );
        assert_eq!(
            in_force(&text),
            [
                "Sets CipherString=DEFAULT@SECLEVEL=2 openssl.cnf:8",
                "Sets MinProtocol=TLSv1.2 openssl.cnf:7"
            ]
        );
        let text = format!(
            "{DEBIAN}TLS.MinProtocol = TLSv1\nDTLS.MaxProtocol = DTLSv1\nCipherString = ALL:@SECLEVEL=0\n"
        );
        assert_eq!(
            in_force(&text),
            [
                "Exposes CipherString=ALL:@SECLEVEL=0 openssl.cnf:9",
                "Exposes MinProtocol=TLSv1 openssl.cnf:7"
            ]
        );
    }

    #[test]
    fn what_no_section_leads_to_is_not() {
        assert!(in_force("[system_default_sect]\nMaxProtocol = TLSv1\n").is_empty());
        assert!(in_force("MaxProtocol = TLSv1\nopenssl_conf = nowhere\n").is_empty());
        assert!(in_force("").is_empty());
    }

    #[test]
    fn files_are_included_where_they_are_named() {
        let text = format!("{DEBIAN}.include = {{more}}\n");
        assert_eq!(in_force(&text), ["Lowers MaxProtocol=TLSv1.2 more.cnf:1"]);
    }

    #[test]
    fn a_file_that_includes_itself_comes_to_an_end() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("openssl.cnf");
        fs::write(&path, format!(".include {}\n", path.display())).unwrap();
        assert!(read(&Variables::new(), &[path]).is_empty());
        assert!(
            read(
                &Variables::new(),
                &[PathBuf::from("/dev/zero"), PathBuf::from("/nonexistent")]
            )
            .is_empty()
        );
    }
}
