//! The system's crypto policy (crypto-policies(7)), as Fedora, RHEL and their kin have it.

use std::path::Path;

use super::{Override, Weight, files};

/// The policy in force, by the directory that it is kept in.
pub(super) fn read(directory: &Path) -> Vec<Override> {
    let (path, text) = ["state/current", "config"]
        .into_iter()
        .find_map(|name| {
            let path = directory.join(name);
            Some((path.clone(), files::text(&path)?))
        })
        .unwrap_or_default();
    let policy = text
        .lines()
        .map(str::trim)
        .find(|line| !line.is_empty() && !line.starts_with('#'));
    let Some(policy) = policy else {
        return Vec::new();
    };
    let told = match policy.split(':').next().unwrap_or(policy) {
        "LEGACY" => (Weight::Exposes, "lets TLSv1 and TLSv1.1 pass"),
        "DEFAULT" => (Weight::Sets, "takes TLSv1 and TLSv1.1 away"),
        "FUTURE" => (Weight::Sets, "takes TLSv1, TLSv1.1 and short keys away"),
        "FIPS" => (Weight::Sets, "leaves only what FIPS 140 approves"),
        "BSI" => (Weight::Sets, "leaves only what the BSI recommends"),
        _ => (Weight::Sets, "is a policy of this machine's own"),
    };
    vec![Override::new(
        "crypto policy",
        policy,
        files::place(&path, 1),
        told,
        "all that use the system's OpenSSL, GnuTLS, NSS and Java",
    )]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policy_is_named_with_what_it_does() {
        let directory = tempfile::tempdir().unwrap();
        assert!(read(directory.path()).is_empty());
        std::fs::write(
            directory.path().join("config"),
            "# a comment\n\nLEGACY:SHA1\n",
        )
        .unwrap();
        let found = read(directory.path());
        let one = found.first().unwrap();
        assert_eq!(
            (one.value.as_str(), one.weight),
            ("LEGACY:SHA1", Weight::Exposes)
        );
    }
}
