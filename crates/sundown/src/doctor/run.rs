//! One program, run to its end or to a bound: of time, or of what it prints. Whatever becomes of it, it and all that it
//! started is gone afterwards.

use std::io;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep_until, timeout};

use super::kind::Asking;

/// Most that is read of each stream of a program; an answer of `/ssl/` has a few kilobytes.
const MOST_OUTPUT: usize = 1 << 20;

/// How long the streams of a program that has ended may stay open in something that it started.
const LINGER: Duration = Duration::from_millis(500);

/// What a program left.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) stdout: Vec<u8>,
    pub(super) stderr: Vec<u8>,
    pub(super) end: End,
}

/// How it ended.
#[derive(Debug)]
pub(super) enum End {
    /// By itself, with this code.
    Code(i32),
    /// By a signal that was not ours.
    Signal(i32),
    /// It was ended when its time was over.
    TimedOut,
    /// It was ended when it had printed more than anybody reads.
    TooMuch,
    /// It could not be started.
    NotStarted(io::Error),
}

impl Ended {
    fn not_started(error: io::Error) -> Self {
        Self {
            stdout: Vec::new(),
            stderr: Vec::new(),
            end: End::NotStarted(error),
        }
    }

    /// Whether it did all that it was to do.
    pub(super) fn is_success(&self) -> bool {
        matches!(self.end, End::Code(0))
    }

    #[cfg(test)]
    pub(super) fn said(stdout: &str, stderr: &str) -> Self {
        Self {
            stdout: stdout.into(),
            stderr: stderr.into(),
            end: End::Code(0),
        }
    }
}

/// A child whose whole group is killed when this goes, unless it has been reaped.
struct Group(Child);

impl Drop for Group {
    fn drop(&mut self) {
        // The id cannot have been given to another while the child is not reaped; it is `None` afterwards.
        end_group(self.0.id());
    }
}

fn end_group(id: Option<u32>) {
    let id = id.and_then(|id| i32::try_from(id).ok());
    if let Some(group) = id.and_then(Pid::from_raw) {
        // Where it has no member any more, nothing is left to end.
        let _ = kill_process_group(group, Signal::KILL);
    }
}

/// Runs a program in `directory`, in a group of its own.
pub(super) async fn run(asking: &Asking, directory: &Path, limit: Duration) -> Ended {
    let deadline = Instant::now() + limit;
    let mut command = Command::new(&asking.program);
    command
        .args(&asking.arguments)
        .current_dir(directory)
        // What it writes for a while goes where it is removed.
        .env("TMPDIR", directory)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true);
    for (name, value) in &asking.environment {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    let mut group = match command.spawn() {
        Ok(child) => Group(child),
        Err(error) => return Ended::not_started(error),
    };
    let id = group.0.id();
    let child = &mut group.0;
    if let Some(mut stdin) = child.stdin.take() {
        let input = asking.input.clone();
        // One that does not read must not keep the others waiting; it is dropped with the pipe.
        tokio::spawn(async move {
            let _ = timeout(limit, stdin.write_all(input.as_bytes())).await;
        });
    }
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    let (out, err) = (child.stdout.take(), child.stderr.take());
    let end = {
        let streams = async {
            tokio::join!(read(out, &mut stdout), read(err, &mut stderr));
        };
        tokio::pin!(streams);
        let too_much = tokio::select! {
            () = &mut streams => None,
            status = child.wait() => {
                // What it printed before it ended may still be in the pipe.
                if timeout(LINGER, &mut streams).await.is_err() {
                    // Something that it started holds the pipe: as long as that lives, the group's id is no other's.
                    end_group(id);
                }
                Some(of_status(status))
            }
            () = sleep_until(deadline) => Some(End::TimedOut),
        };
        match too_much {
            Some(end) => end,
            None => tokio::select! {
                status = child.wait() => of_status(status),
                () = sleep_until(deadline) => End::TimedOut,
            },
        }
    };
    let end = if stdout.len() >= MOST_OUTPUT || stderr.len() >= MOST_OUTPUT {
        End::TooMuch
    } else {
        end
    };
    Ended {
        stdout,
        stderr,
        end,
    }
}

fn of_status(status: io::Result<ExitStatus>) -> End {
    use std::os::unix::process::ExitStatusExt;
    match status {
        Ok(status) => match (status.code(), status.signal()) {
            (Some(code), _) => End::Code(code),
            (None, signal) => End::Signal(signal.unwrap_or_default()),
        },
        Err(error) => End::NotStarted(error),
    }
}

/// Reads a stream as far as anybody reads. Past that its pipe is closed, and a program that goes on printing ends by
/// itself or by its deadline.
async fn read(stream: Option<impl AsyncRead + Unpin>, kept: &mut Vec<u8>) {
    let Some(stream) = stream else {
        return;
    };
    let most = u64::try_from(MOST_OUTPUT).unwrap_or(u64::MAX);
    // A stream that breaks has said what it had to say.
    let _ = stream.take(most).read_to_end(kept).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn shell(line: &str, limit: Duration) -> Ended {
        let directory = tempfile::tempdir().unwrap();
        let asking = Asking::new(Path::new("/bin/sh")).args(["-c", line]);
        run(&asking, directory.path(), limit).await
    }

    const LONG: Duration = Duration::from_secs(30);

    #[tokio::test]
    async fn what_is_printed_is_kept_and_the_end_is_known() {
        let ended = shell("echo out; echo err >&2; exit 3", LONG).await;
        assert_eq!(
            (ended.stdout.as_slice(), ended.stderr.as_slice()),
            (&b"out\n"[..], &b"err\n"[..])
        );
        assert!(matches!(ended.end, End::Code(3)) && !ended.is_success());
        assert!(matches!(
            shell("kill -SEGV $$", LONG).await.end,
            End::Signal(11)
        ));
    }

    #[tokio::test]
    async fn one_that_hangs_is_ended_with_all_that_it_started() {
        let ended = shell(
            "echo $$; sleep 1000 & echo $!; wait",
            Duration::from_millis(300),
        )
        .await;
        assert!(matches!(ended.end, End::TimedOut), "{ended:?}");
        for pid in String::from_utf8(ended.stdout).unwrap().lines() {
            let gone = (0..500).any(|_| {
                std::thread::sleep(Duration::from_millis(10));
                let status =
                    std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
                status.is_empty() || status.contains(") Z")
            });
            assert!(gone, "{pid} is still there");
        }
    }

    #[tokio::test]
    async fn one_that_prints_without_end_is_cut_short() {
        let ended = shell("yes", LONG).await;
        assert!(matches!(ended.end, End::TooMuch));
        assert_eq!(ended.stdout.len(), MOST_OUTPUT);
    }

    #[tokio::test]
    async fn one_that_leaves_a_pipe_open_does_not_hold_us_up() {
        let ended = shell("sleep 5 & echo done", LONG).await;
        assert!(matches!(ended.end, End::Code(0)));
        assert_eq!(ended.stdout, b"done\n");
    }

    #[tokio::test]
    async fn what_is_no_program_says_so() {
        let directory = tempfile::tempdir().unwrap();
        let asking = Asking::new(Path::new("/nonexistent/python"));
        let ended = run(&asking, directory.path(), LONG).await;
        assert!(matches!(ended.end, End::NotStarted(_)));
    }
}
