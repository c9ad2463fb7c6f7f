//! Keeps a server busy and reads off what each operation cost it.

use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use tokio::task::{JoinSet, LocalSet};
use tokio::time::{sleep, timeout};

use crate::process::CpuTime;

/// One operation may take this long, on any machine.
const PATIENCE: Duration = Duration::from_secs(10);

/// Caches are warm after this, and the other servers' traces gone.
const WARM_UP: Duration = Duration::from_millis(200);

/// A server finishes closing connections within this.
const SETTLE: Duration = Duration::from_millis(50);

/// What a stretch of load did.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cost {
    /// CPU time of the server for each operation, microseconds.
    pub(crate) microseconds: f64,
    /// Operations that did what they should.
    pub(crate) done: u64,
    /// Operations that did not; their CPU time is spread over the others.
    pub(crate) failed: u64,
    /// Share of one CPU the server was busy, 0 to 1. Far below 1 the load is the bottleneck.
    pub(crate) busy: f64,
}

/// Repeats `operation` on every one of `states` at once for `length`, after a warm-up.
///
/// It begins and ends with no operation under way, so that CPU time and count belong together. One failure in a
/// hundred operations is an error.
pub(crate) async fn drive<S, F>(
    pid: u32,
    mut states: Vec<S>,
    length: Duration,
    operation: F,
) -> Result<Cost>
where
    S: 'static,
    F: AsyncFn(&mut S) -> Result<()> + 'static,
{
    let operation = Rc::new(operation);
    (states, _) = stretch(states, WARM_UP, &operation).await?;
    sleep(SETTLE).await;
    let (before, started) = (CpuTime::of(pid)?, Instant::now());
    let (_states, tally) = stretch(states, length, &operation).await?;
    let elapsed = started.elapsed();
    sleep(SETTLE).await;
    let used = CpuTime::of(pid)?.since(&before)?;
    ensure!(tally.done > 0, "nothing was done in {length:?}");
    #[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
    let done = tally.done as f64;
    Ok(Cost {
        microseconds: used.as_secs_f64() * 1e6 / done,
        done: tally.done,
        failed: tally.failed,
        busy: used.as_secs_f64() / elapsed.as_secs_f64(),
    })
}

#[derive(Debug, Default)]
struct Tally {
    done: u64,
    failed: u64,
    first_failure: Option<anyhow::Error>,
}

async fn stretch<S, F>(
    states: Vec<S>,
    length: Duration,
    operation: &Rc<F>,
) -> Result<(Vec<S>, Tally)>
where
    S: 'static,
    F: AsyncFn(&mut S) -> Result<()> + 'static,
{
    let local = LocalSet::new();
    let mut workers = JoinSet::new();
    let end = Instant::now() + length;
    for mut state in states {
        let operation = Rc::clone(operation);
        workers.spawn_local_on(
            async move {
                let mut tally = Tally::default();
                while Instant::now() < end {
                    match timeout(PATIENCE, operation(&mut state))
                        .await
                        .context("timed out")
                        .flatten()
                    {
                        Ok(()) => tally.done += 1,
                        Err(error) => {
                            tally.failed += 1;
                            tally.first_failure.get_or_insert(error);
                            // A server that fails at once must not be flooded.
                            sleep(Duration::from_millis(10)).await;
                        }
                    }
                }
                (state, tally)
            },
            &local,
        );
    }
    let (mut states, mut sum) = (Vec::new(), Tally::default());
    local
        .run_until(async {
            while let Some(worker) = workers.join_next().await {
                let (state, tally) = worker?;
                states.push(state);
                sum.done += tally.done;
                sum.failed += tally.failed;
                sum.first_failure = sum.first_failure.take().or(tally.first_failure);
            }
            anyhow::Ok(())
        })
        .await?;
    if sum.failed * 100 > sum.done {
        let error = sum
            .first_failure
            .take()
            .unwrap_or_else(|| anyhow::anyhow!("no cause"));
        return Err(error.context(format!(
            "{} operations failed, {} succeeded; the first",
            sum.failed, sum.done
        )));
    }
    Ok((states, sum))
}
