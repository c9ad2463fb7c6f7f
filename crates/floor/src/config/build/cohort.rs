//! Cohorts from their tables.

use toml::Spanned;

use super::Builder;
use crate::Cohort;
use crate::config::CohortTable;
use crate::config::names::did_you_mean;

impl Builder {
    pub(super) fn cohort(&mut self, index: usize, table: Spanned<CohortTable>) -> Cohort {
        let at = format!("cohort[{index}]");
        let table = self.value(&at, table);
        let name = self.text(
            &format!("{at}.name"),
            Some(table.name),
            "give it a name, such as \"new\"",
        );
        let accounts = table.accounts.map(|accounts| {
            let key = format!("{at}.accounts");
            let accounts = self.value(&key, accounts);
            if accounts.is_empty() {
                self.error(
                    &key,
                    "an empty list lets nobody in",
                    "name the accounts, or leave the key out",
                );
            }
            let accounts = accounts.into_iter().enumerate();
            accounts
                .map(|(index, account)| {
                    let key = format!("{key}[{index}]");
                    self.text(&key, Some(account), "name the account, or remove it")
                })
                .collect()
        });
        let first_seen_after = table
            .first_seen_after
            .map(|when| self.moment(&format!("{at}.first_seen_after"), when));
        let requests_a_month_below = table.requests_a_month_below.map(|bound| {
            let key = format!("{at}.requests_a_month_below");
            let bound = self.value(&key, bound);
            if bound == 0 {
                self.error(
                    key,
                    "no account makes fewer than no requests",
                    "write a number above 0",
                );
            }
            bound
        });
        let cohort = Cohort {
            name,
            accounts,
            first_seen_after,
            requests_a_month_below,
        };
        if cohort.accounts.is_none() && !cohort.needs_roster() {
            self.error(
                at,
                "this cohort does not say who is in it",
                "add `accounts`, `first_seen_after` or `requests_a_month_below`",
            );
        }
        cohort
    }

    /// The index of the cohort that a sunset names.
    pub(super) fn cohort_of(
        &mut self,
        key: &str,
        name: Spanned<String>,
        cohorts: &[Cohort],
    ) -> Option<usize> {
        let name = self.value(key, name);
        let found = cohorts.iter().position(|cohort| cohort.name == name);
        if found.is_none() {
            let names = cohorts.iter().map(|cohort| cohort.name.as_str());
            let help = did_you_mean(
                &name,
                names,
                "write the `name` of one of the [[cohort]] tables",
            );
            self.error(key, format!("there is no cohort `{name}`"), help);
        }
        found
    }
}
