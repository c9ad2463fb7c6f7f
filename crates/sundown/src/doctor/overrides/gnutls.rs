//! The system-wide settings of GnuTLS ("System-wide configuration of the library" in its manual).

use std::path::PathBuf;

use super::{Override, Variables, Weight, files};

/// What they take away, or choose.
pub(super) fn read(variables: &Variables) -> Vec<Override> {
    let named = variables
        .get("GNUTLS_SYSTEM_PRIORITY_FILE")
        .filter(|path| !path.is_empty());
    let path = named.map_or_else(|| PathBuf::from("/etc/gnutls/config"), PathBuf::from);
    let text = files::text(&path).unwrap_or_default();
    let lines = text.lines().enumerate().filter_map(|(index, line)| {
        let (name, value) = line.trim().split_once('=')?;
        Some((index + 1, name.trim(), value.trim()))
    });
    lines
        .filter_map(|(line, name, value)| {
            let told = told(name, value)?;
            Some(Override::new(
                name,
                value,
                files::place(&path, line),
                told,
                "Wget and all else on GnuTLS",
            ))
        })
        .collect()
}

fn told(name: &str, value: &str) -> Option<(Weight, String)> {
    let value = value.to_ascii_lowercase();
    Some(match name {
        "disabled-version" if value.contains("tls1.3") || value.contains("tls1.2") => {
            (Weight::Lowers, format!("takes {value} away"))
        }
        "disabled-version" => (Weight::Sets, format!("takes {value} away")),
        "default-priority-string"
            if value.contains("-vers-tls1.3") || value.contains("-vers-tls1.2") =>
        {
            (Weight::Lowers, "takes newer versions away".to_owned())
        }
        "default-priority-string" => (
            Weight::Sets,
            "chooses versions and cipher suites".to_owned(),
        ),
        "tls-disabled-cipher" | "tls-disabled-kx" | "tls-disabled-group" | "tls-disabled-curve" => {
            (Weight::Sets, format!("takes {value} away"))
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_taken_away_are_told() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("config");
        std::fs::write(
            &path,
            "[overrides]\ndisabled-version = tls1.0\ndisabled-version = tls1.3\nodd\n",
        )
        .unwrap();
        let variables = Variables::from([(
            "GNUTLS_SYSTEM_PRIORITY_FILE".to_owned(),
            path.display().to_string(),
        )]);
        let weights: Vec<Weight> = read(&variables).into_iter().map(|one| one.weight).collect();
        assert_eq!(weights, [Weight::Sets, Weight::Lowers]);
    }
}
