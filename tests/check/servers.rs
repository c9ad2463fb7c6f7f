//! Servers to check: `openssl s_server`, which judges, and sockets that answer with bytes of our own.
//!
//! Comes in: a certificate's name, arguments, an answer. Goes out: a URL on this machine. None outlives its test.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::OnceLock;
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// How long a server of ours may take to say what a test waits for.
const PATIENCE: Duration = Duration::from_secs(20);

/// Certificates that sign themselves, with their keys: `NAME.pem` and `NAME.key`.
pub(crate) struct Certificates {
    directory: TempDir,
}

impl Certificates {
    pub(crate) fn path(&self, name: &str) -> String {
        self.directory
            .path()
            .join(name)
            .to_str()
            .expect("text")
            .to_owned()
    }
}

/// Made once; `None`, said loudly, where there is no OpenSSL.
pub(crate) fn certificates() -> Option<&'static Certificates> {
    static MADE: OnceLock<Option<Certificates>> = OnceLock::new();
    MADE.get_or_init(|| match make_certificates() {
        Ok(made) => Some(made),
        Err(error) => {
            // Not `eprintln!`: the test harness hides that where the test passes.
            let _ = writeln!(
                io::stderr(),
                "SKIPPED tests of `sundown check` with OpenSSL: `openssl` cannot be run: {error}"
            );
            None
        }
    })
    .as_ref()
}

fn make_certificates() -> io::Result<Certificates> {
    let directory = tempfile::tempdir()?;
    for (name, names) in [
        ("here", "DNS:localhost,IP:127.0.0.1"),
        ("elsewhere", "DNS:elsewhere.example"),
    ] {
        let made = Command::new("openssl")
            .current_dir(directory.path())
            .args([
                "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "3",
            ])
            .args(["-subj", &format!("/O=Sundown tests/CN={name}")])
            .args(["-addext", &format!("subjectAltName={names}")])
            .args(["-keyout", &format!("{name}.key")])
            .args(["-out", &format!("{name}.pem")])
            .output()?;
        assert!(made.status.success(), "{made:?}");
    }
    Ok(Certificates { directory })
}

/// `openssl s_server`: says what it negotiated, and answers each request with what it was given.
pub(crate) struct Judge {
    pub(crate) url: String,
    child: Child,
    lines: Receiver<String>,
}

impl Judge {
    pub(crate) fn start(certificate: &str, arguments: &[&str], answer: &str) -> Option<Judge> {
        let files = certificates()?;
        let mut child = Command::new("openssl")
            .args(["s_server", "-accept", "127.0.0.1:0"])
            .args(["-cert", &files.path(&format!("{certificate}.pem"))])
            .args(["-key", &files.path(&format!("{certificate}.key"))])
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("openssl made the certificates");
        let stdin = child.stdin.take().expect("piped");
        let stdout = BufReader::new(child.stdout.take().expect("piped"));
        let (sender, lines) = mpsc::channel();
        let answer = answer.to_owned();
        thread::spawn(move || {
            let mut stdin: ChildStdin = stdin;
            for line in stdout.lines().map_while(Result::ok) {
                // The request is over with its empty line, which follows at once.
                if line.starts_with("GET ") && stdin.write_all(answer.as_bytes()).is_err() {
                    break; // the server is gone
                }
                if sender.send(line).is_err() {
                    break; // the test is over
                }
            }
        });
        let mut judge = Judge {
            url: String::new(),
            child,
            lines,
        };
        let listening = judge.says("ACCEPT ");
        let port = listening.rsplit(':').next().expect("a port");
        judge.url = format!("https://localhost:{port}");
        Some(judge)
    }

    /// The rest of the next line that begins so.
    #[track_caller]
    pub(crate) fn says(&mut self, beginning: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let line = self.lines.recv_timeout(left);
            let line = line.unwrap_or_else(|_| panic!("s_server does not say {beginning:?}"));
            if let Some(rest) = line.strip_prefix(beginning) {
                return rest.trim().to_owned();
            }
        }
    }
}

impl Drop for Judge {
    fn drop(&mut self) {
        // It may have ended by itself; either way it is gone.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The most connections that a canned server takes; no check makes more.
const MOST_CONNECTIONS: usize = 4;

/// Answers the first bytes of every connection with `bytes`, then closes; or, with `None`, never says anything.
pub(crate) fn canned(bytes: Option<&'static [u8]>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    thread::spawn(move || {
        for stream in listener.incoming().take(MOST_CONNECTIONS).flatten() {
            thread::spawn(move || say(stream, bytes));
        }
    });
    format!("https://localhost:{port}")
}

fn say(mut stream: TcpStream, bytes: Option<&[u8]>) {
    let limit = stream.set_read_timeout(Some(PATIENCE));
    let mut hello = [0; 16 * 1024];
    if limit.is_err() || stream.read(&mut hello).is_err() {
        return;
    }
    if let Some(bytes) = bytes {
        // The other side may have gone; its own report is what the test looks at.
        let _ = stream
            .write_all(bytes)
            .and_then(|()| stream.shutdown(Shutdown::Write));
    }
    // Read to the end: a close with unread bytes is a reset.
    let _ = io::copy(&mut stream, &mut io::sink());
}

/// An HTTP answer in JSON.
pub(crate) fn http(status: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}
