//! How much of the machine others took while something was measured, from the kernel's own accounts.

use std::fs;
use std::path::Path;
use std::time::Instant;

/// Share of one core above which a time is no longer the machine's own.
pub const LIMIT: f64 = 0.12;

/// Linux counts CPU time for user space in hundredths of a second on every architecture.
const TICKS_PER_S: f64 = 100.0;

/// Accounts at one moment.
#[derive(Debug, Clone, Copy)]
struct Accounts {
    /// CPU time of everything but idling, hypervisor steal included, in s.
    busy_s: f64,
    /// CPU time of this process, its threads included, in s.
    own_s: f64,
    at: Instant,
}

/// Measures from one call of [`Watch::share`] to the next.
#[derive(Debug)]
pub struct Watch {
    last: Option<Accounts>,
}

impl Watch {
    /// Begins now.
    pub fn start() -> Self {
        Self { last: accounts(Path::new("/proc")) }
    }

    /// Cores that other processes (and the hypervisor's other guests) took since the last call: 1 is one whole core.
    /// `None` where the kernel does not tell.
    pub fn share(&mut self) -> Option<f64> {
        let now = accounts(Path::new("/proc"));
        let then = std::mem::replace(&mut self.last, now)?;
        let now = now?;
        let elapsed = now.at.duration_since(then.at).as_secs_f64();
        let others = (now.busy_s - then.busy_s) - (now.own_s - then.own_s);
        // Two ticks of rounding would look like a lot in a short time.
        (elapsed > 5.0 / TICKS_PER_S).then(|| (others / elapsed).max(0.0))
    }
}

fn accounts(proc: &Path) -> Option<Accounts> {
    let at = Instant::now();
    let all = fs::read_to_string(proc.join("stat")).ok()?;
    let own = fs::read_to_string(proc.join("self/stat")).ok()?;
    Some(Accounts { busy_s: busy_ticks(&all)? / TICKS_PER_S, own_s: own_ticks(&own)? / TICKS_PER_S, at })
}

/// The first line of /proc/stat: user nice system idle iowait irq softirq steal guest guest_nice. Guest time is in user.
fn busy_ticks(stat: &str) -> Option<f64> {
    let fields: Vec<f64> =
        stat.lines().next()?.strip_prefix("cpu ")?.split_whitespace().map_while(|f| f.parse().ok()).collect();
    let busy = [0, 1, 2, 5, 6, 7];
    (fields.len() > 6).then(|| busy.iter().filter_map(|&i| fields.get(i)).sum())
}

/// Fields 14 and 15 of /proc/self/stat, counted after the name, which may hold spaces and brackets.
fn own_ticks(stat: &str) -> Option<f64> {
    let after = stat.rsplit_once(')')?.1;
    let fields: Vec<&str> = after.split_whitespace().collect();
    Some(fields.get(11)?.parse::<f64>().ok()? + fields.get(12)?.parse::<f64>().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_are_read_by_place_and_guests_are_not_counted_twice() {
        assert_eq!(busy_ticks("cpu  10 1 5 1000 7 2 3 4 9 9\ncpu0 1 1 1\n"), Some(25.0));
        assert_eq!(busy_ticks("intr 1\n"), None);
        let own = "42 (a) b) R 1 2 3 4 5 6 7 8 9 10 70 30 0 0";
        assert_eq!(own_ticks(own), Some(100.0));
        assert_eq!(own_ticks("nonsense"), None);
    }

    #[test]
    fn a_missing_proc_is_unknown_not_zero() {
        assert!(accounts(Path::new("/nonexistent")).is_none());
    }
}
