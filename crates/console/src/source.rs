//! Where the plan comes from.

use std::sync::Arc;

use floor::{Plan, Problem};

/// A plan, as it is in force.
#[derive(Debug)]
pub struct InForce {
    /// The plan, with its holds and its roster.
    pub plan: Plan,
    /// What it was read from, for people.
    pub name: String,
    /// Its tables as text, to begin a draft from; empty where it comes from no file.
    pub text: String,
    /// What stands behind a server's name in the address of `/ssl/`: `:8443/ssl/`.
    pub check_path: String,
    /// Why it is not the newest there is: the file that holds the newer one cannot be used.
    pub problem: Option<String>,
    /// Another number for another plan.
    pub generation: u64,
}

/// Whoever knows the plan in force.
pub trait Source: Send + Sync {
    /// The plan in force. Asked for every page: what takes long is remembered.
    fn in_force(&self) -> Arc<InForce>;

    /// Reads a draft as a configuration is read: its plan's tables, and nothing of what stands beside them.
    ///
    /// # Errors
    ///
    /// What is wrong with it, each with its place in the text and what to do.
    fn draft(&self, text: &str, share_key: [u8; 16]) -> Result<Plan, Vec<Problem>>;
}
