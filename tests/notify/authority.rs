//! A certificate authority of a test's own, made by OpenSSL, and servers that show certificates of it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// An authority in a directory.
pub(crate) struct Authority {
    directory: PathBuf,
}

#[track_caller]
fn openssl(directory: &Path, arguments: &[&str]) {
    let output = Command::new("openssl")
        .current_dir(directory)
        .args(arguments)
        .output()
        .unwrap();
    assert!(output.status.success(), "{arguments:?}: {output:?}");
}

impl Authority {
    pub(crate) fn new(directory: &Path, name: &str) -> Self {
        let directory = directory.join(name);
        fs::create_dir(&directory).unwrap();
        let subject = format!("/CN={name}");
        let key = ["-keyout", "ca.key", "-out", "ca.pem"];
        let request = [
            "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
        ];
        let of_ca = [
            "-subj",
            &subject,
            "-addext",
            "keyUsage=critical,keyCertSign,cRLSign",
        ];
        openssl(&directory, &[&request[..], &key, &of_ca].concat());
        Self { directory }
    }

    /// What trusts it.
    pub(crate) fn file(&self) -> String {
        self.directory.join("ca.pem").display().to_string()
    }

    /// A certificate for a name, and its key.
    pub(crate) fn issue(&self, name: &str) -> [String; 2] {
        let subject = format!("/CN={name}");
        let request = ["req", "-newkey", "rsa:2048", "-nodes", "-subj", &subject];
        let (key, csr, pem) = (
            format!("{name}.key"),
            format!("{name}.csr"),
            format!("{name}.pem"),
        );
        let out = ["-keyout", &key, "-out", &csr];
        openssl(&self.directory, &[&request[..], &out].concat());
        let extensions = format!("subjectAltName=DNS:{name}\nextendedKeyUsage=serverAuth\n");
        fs::write(self.directory.join("extensions"), extensions).unwrap();
        let sign = [
            "x509", "-req", "-days", "2", "-CA", "ca.pem", "-CAkey", "ca.key",
        ];
        let more = ["-CAcreateserial", "-extfile", "extensions"];
        let files = ["-in", &csr, "-out", &pem];
        openssl(&self.directory, &[&sign[..], &more, &files].concat());
        [pem, key].map(|file| self.directory.join(file).display().to_string())
    }
}
