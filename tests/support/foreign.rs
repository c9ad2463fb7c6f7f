//! HAProxy and nginx beside a gate, for tests.
//!
//! Comes in: a configuration, in which `{dir}` is a directory of its own with `both.pem`, `cert.pem` and `key.pem` in it.
//! Goes out: the running program, or a loud line that says why it is not there. It ends only what it started.
#![allow(
    dead_code,
    reason = "each test that includes this file uses its own part of it"
)]

use std::io::Write;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::edge::eventually;

/// The program, running.
pub(crate) struct Foreign {
    child: Child,
    pub(crate) address: SocketAddr,
    _directory: tempfile::TempDir,
}

/// An address that was free a moment ago.
pub(crate) fn free() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap()
}

/// Starts HAProxy with these sections; it has to listen on `address`.
pub(crate) fn haproxy(address: SocketAddr, sections: &str) -> Option<Foreign> {
    let configuration = format!(
        "global\n  maxconn 1000\n  nbthread 1\ndefaults\n  timeout connect 5s\n  timeout client 30s\n  timeout server 30s\n{sections}\n"
    );
    start(address, &configuration, |file| {
        let mut command = Command::new("haproxy");
        command.arg("-db").arg("-f").arg(file);
        command
    })
}

/// Starts nginx with these blocks inside `http`; it has to listen on `address`.
pub(crate) fn nginx(address: SocketAddr, blocks: &str) -> Option<Foreign> {
    let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|kind| format!("  {kind}_temp_path {{dir}}/{kind};\n"))
        .concat();
    let configuration = format!(
        "daemon off;\nmaster_process off;\npid {{dir}}/nginx.pid;\nerror_log {{dir}}/error.log;\nevents {{}}\nhttp {{\n  access_log off;\n{temporary}{blocks}\n}}\n"
    );
    start(address, &configuration, |file| {
        let directory = file.parent().unwrap();
        let mut command = Command::new("nginx");
        command.arg("-e").arg(directory.join("error.log"));
        command.arg("-p").arg(directory).arg("-c").arg(file);
        command
    })
}

fn start(
    address: SocketAddr,
    configuration: &str,
    command: impl FnOnce(&Path) -> Command,
) -> Option<Foreign> {
    let directory = tempfile::tempdir().unwrap();
    certificate(directory.path());
    let file = directory.path().join("configuration");
    let configuration = configuration.replace("{dir}", &directory.path().display().to_string());
    std::fs::write(&file, configuration).unwrap();
    let mut command = command(&file);
    let program = command.get_program().to_string_lossy().into_owned();
    let child = match command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::inherit())
        .spawn()
    {
        Ok(child) => child,
        Err(error) => {
            // Past the capture of the test harness: it is to be seen however the tests are run.
            writeln!(std::io::stderr(), "SKIPPED {program}: {error}").ok();
            return None;
        }
    };
    let foreign = Foreign {
        child,
        address,
        _directory: directory,
    };
    eventually("it listens", || TcpStream::connect(address).is_ok());
    Some(foreign)
}

impl Drop for Foreign {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// A certificate for `foreign.example` and `localhost`, and its key.
fn certificate(directory: &Path) {
    let (cert, key) = (directory.join("cert.pem"), directory.join("key.pem"));
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes"])
        .args(["-days", "2", "-subj", "/CN=foreign.example"])
        .args([
            "-addext",
            "subjectAltName=DNS:foreign.example,DNS:localhost",
        ])
        .arg("-out")
        .arg(&cert)
        .arg("-keyout")
        .arg(&key)
        .output()
        .expect("openssl");
    assert!(made.status.success(), "{made:?}");
    let read = |path| std::fs::read(path).unwrap();
    std::fs::write(
        directory.join("both.pem"),
        [read(&cert), read(&key)].concat(),
    )
    .unwrap();
}
