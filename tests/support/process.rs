//! One child process, run to its end or to a deadline.
//!
//! Comes in: a command, what to write to its standard input, and how long it may take. Goes out: what it printed, and
//! how it ended. It never leaves a child behind: at the deadline the child's whole process group is killed, by its id.
#![allow(
    dead_code,
    reason = "each test that includes this file uses its own part of it"
)]

use std::io::{self, Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

/// Most that is kept of each stream: a page's answer is a few KiB, a stack trace less than 100.
const MOST_OUTPUT: usize = 1 << 20;
/// How often the child is asked whether it has ended; no client starts faster.
const POLL: Duration = Duration::from_millis(5);
/// How long the streams of an ended child may stay silent and open in a grandchild.
const LINGER: Duration = Duration::from_secs(1);

/// What a child left.
#[derive(Debug)]
pub(crate) struct Ended {
    /// Whether it ended by itself with exit code 0.
    pub success: bool,
    /// Its exit code; `None` where it was killed.
    pub code: Option<i32>,
    /// Whether it had to be killed at the deadline.
    pub timed_out: bool,
    /// Its standard output, the first MiB.
    pub stdout: String,
    /// Its standard error, the first MiB.
    pub stderr: String,
}

/// Runs `command` in a process group of its own, for `limit` at most.
///
/// # Errors
/// The child could not be started or waited for.
pub(crate) fn run(command: &mut Command, input: &str, limit: Duration) -> io::Result<Ended> {
    let mut child = command
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let stdout = collect(child.stdout.take());
    let stderr = collect(child.stderr.take());
    if let Some(mut stdin) = child.stdin.take() {
        // A client that was refused ends without reading; its own error tells more than a broken pipe.
        let _ = stdin.write_all(input.as_bytes());
    }
    let deadline = Instant::now() + limit;
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break Some(status);
        }
        if Instant::now() >= deadline {
            kill_group(&mut child)?;
            break None;
        }
        thread::sleep(POLL);
    };
    Ok(Ended {
        success: status.is_some_and(|status| status.success()),
        code: status.and_then(|status| status.code()),
        timed_out: status.is_none(),
        stdout: gathered(&stdout),
        stderr: gathered(&stderr),
    })
}

/// Reads a stream to its end in a thread of its own, handing on what comes.
fn collect(stream: Option<impl Read + Send + 'static>) -> Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut kept = 0;
        let mut buffer = [0; 16 << 10];
        let mut stream = stream;
        while let Some(Ok(read @ 1..)) = stream.as_mut().map(|stream| stream.read(&mut buffer)) {
            // What is past the bound is still read, so that the child does not block on a full pipe.
            let room = MOST_OUTPUT - kept;
            let part = buffer.get(..read.min(room)).unwrap_or_default();
            kept += part.len();
            if !part.is_empty() && sender.send(part.to_vec()).is_err() {
                break; // the run is over
            }
        }
    });
    receiver
}

/// All that has come; waits for the stream's end, but not for a grandchild that keeps it open.
fn gathered(parts: &Receiver<Vec<u8>>) -> String {
    let mut all = Vec::new();
    while let Ok(part) = parts.recv_timeout(LINGER) {
        all.extend(part);
    }
    String::from_utf8_lossy(&all).into_owned()
}

/// Kills a child that is still running and everything it started, then reaps it.
fn kill_group(child: &mut Child) -> io::Result<()> {
    // The group's id is the child's, and cannot have been given to another while the child is not reaped.
    Command::new("/bin/sh")
        .args(["-c", "kill -9 -\"$0\"", &child.id().to_string()])
        .status()?;
    child.wait().map(drop)
}
