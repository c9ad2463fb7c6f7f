//! java.security, which each Java has for itself.

use std::path::{Path, PathBuf};

use super::{Override, Weight, files};

/// From 9 on, up to 8, and up to 8 within a JDK.
const FILES: [&str; 3] = [
    "conf/security/java.security",
    "lib/security/java.security",
    "jre/lib/security/java.security",
];

/// What each of these Javas is held to.
pub(super) fn read(homes: &[PathBuf]) -> Vec<Override> {
    homes
        .iter()
        .filter_map(|home| {
            let path = FILES
                .iter()
                .map(|file| home.join(file))
                .find(|file| file.is_file())?;
            Some(of_text(&path, &files::text(&path)?))
        })
        .flatten()
        .collect()
}

fn of_text(path: &Path, text: &str) -> Vec<Override> {
    properties(text)
        .into_iter()
        .filter_map(|(line, name, value)| {
            let told = told(&name, &value)?;
            let shown = match name.as_str() {
                // The versions are what is of interest; there are forty other entries.
                "jdk.tls.disabledAlgorithms" => versions(&value).join(", "),
                _ => value,
            };
            Some(Override::new(
                name,
                &shown,
                files::place(path, line),
                told,
                "this Java",
            ))
        })
        .collect()
}

/// `name=value`, a backslash at the end joining the next line.
fn properties(text: &str) -> Vec<(usize, String, String)> {
    let mut found: Vec<(usize, String, String)> = Vec::new();
    let mut open: Option<(usize, String)> = None;
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if open.is_none() && (line.is_empty() || line.starts_with('#')) {
            continue;
        }
        let (number, before) = open.take().unwrap_or((index + 1, String::new()));
        match line.strip_suffix('\\') {
            Some(part) => open = Some((number, before + part)),
            None => {
                let whole = before + line;
                if let Some((name, value)) = whole.split_once('=') {
                    found.push((number, name.trim().to_owned(), value.trim().to_owned()));
                }
            }
        }
    }
    found
}

fn versions(list: &str) -> Vec<&str> {
    let names = list.split(',').map(str::trim);
    names
        .filter(|name| name.starts_with("TLSv1") || name.starts_with("SSLv"))
        .collect()
}

fn told(name: &str, value: &str) -> Option<(Weight, String)> {
    Some(match name {
        "jdk.tls.disabledAlgorithms" => {
            let versions = versions(value);
            let newer = versions
                .iter()
                .any(|version| matches!(*version, "TLSv1.2" | "TLSv1.3"));
            if newer {
                (Weight::Lowers, "takes newer versions away".to_owned())
            } else if versions.contains(&"TLSv1") {
                (Weight::Sets, "takes these away".to_owned())
            } else {
                (Weight::Sets, "lets TLSv1 and TLSv1.1 pass".to_owned())
            }
        }
        "jdk.tls.client.protocols" if !value.is_empty() => super::list_of_protocols(value),
        "jdk.tls.namedGroups" if !value.is_empty() => (
            Weight::Lowers,
            "names the groups that are offered".to_owned(),
        ),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_over_several_lines_is_read() {
        let text = "# jdk.tls.disabledAlgorithms=TLSv1.3\nother=1\njdk.tls.disabledAlgorithms=SSLv3, TLSv1, \\\n  TLSv1.1, RC4, \\\n  DES\n";
        let found = of_text(Path::new("/x/java.security"), text);
        let one = found.first().unwrap();
        assert_eq!(
            (one.value.as_str(), one.place.as_str(), one.weight),
            ("SSLv3, TLSv1, TLSv1.1", "/x/java.security:3", Weight::Sets)
        );
        assert_eq!(found.len(), 1);
        let held = of_text(Path::new("x"), "jdk.tls.disabledAlgorithms=TLSv1.3\\");
        assert!(
            held.is_empty(),
            "a file that ends within a line says nothing"
        );
        let held = of_text(Path::new("x"), "jdk.tls.disabledAlgorithms=TLSv1.3");
        assert_eq!(held.first().unwrap().weight, Weight::Lowers);
    }
}
