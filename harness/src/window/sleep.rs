//! Idle windows with sleeping threads (table 3.14 of the thesis): does it cost energy that threads exist?

use super::{MeasureError, Options, Rig, Stretch, rows};
use crate::sweep::order::idle_spec;
use ergometer_record::measurement::point_id;
use ergometer_record::{Row, Seconds};
use std::sync::{Condvar, Mutex, PoisonError};

/// Idle windows of every length with every number of threads asleep, the measuring one among them; `block` tells windows
/// before the work from those after it. One row a window and component, whose time is that of the whole window.
///
/// # Errors
/// A sensor failed.
pub fn sleep(
    rig: &mut Rig,
    lengths: &[Seconds],
    threads: &[u32],
    block: u32,
    options: &Options,
) -> Result<Vec<Row>, MeasureError> {
    let (executor, device) = (rig.executor.name(), rig.executor.device());
    let mut result: Vec<Row> = Vec::new();
    for &threads in threads {
        let measured: Result<Vec<Stretch>, MeasureError> = beside(threads.saturating_sub(1), || {
            lengths.iter().map(|length| rig.instruments(options).idle(*length)).collect()
        });
        for (length, stretch) in lengths.iter().zip(measured?) {
            let spec = idle_spec(*length);
            let mut row = Row::timed(spec, executor, &device, Seconds(1.0));
            row.point_id = point_id(&spec, "", threads, &row.setting);
            (row.threads, row.block) = (threads, block);
            row.order = result.iter().map(|r| r.order + 1).max().unwrap_or(0);
            // One execution of an idle specification is the whole window.
            result.extend(rows(&row, &Stretch { iterations: 1, ..stretch }, 0));
        }
    }
    Ok(result)
}

/// Runs `work` while so many threads sleep.
fn beside<T>(sleepers: u32, work: impl FnOnce() -> T) -> T {
    let over = (Mutex::new(false), Condvar::new());
    std::thread::scope(|scope| {
        for _ in 0..sleepers {
            scope.spawn(|| {
                let guard = over.0.lock().unwrap_or_else(PoisonError::into_inner);
                drop(over.1.wait_while(guard, |over| !*over).unwrap_or_else(PoisonError::into_inner));
            });
        }
        let result = work();
        *over.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
        over.1.notify_all();
        result
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::{idle, idle_threads};
    use crate::vnode::{self, Pace, Truth, Vnode};

    #[test]
    fn idle_windows_by_threads_give_the_virtual_nodes_idle_power() {
        let folder = tempfile::tempdir().unwrap();
        let physics = vnode::preset("vnode-xeon").unwrap();
        let node = Vnode::open(&physics, &folder.path().join("state.json"), 1, Pace::Virtual).unwrap();
        let mut rig = Rig::vnode(&node).unwrap();
        let lengths = [1.0, 2.0, 4.0].map(Seconds);
        let rows = sleep(&mut rig, &lengths, &[1, 2, 4], 0, &Options::default()).unwrap();
        let table = idle_threads::tables(&rows).remove(0);
        assert_eq!(table.cells.len(), 9);
        assert!(table.grid().title.starts_with("VIRTUAL"));
        // The device idles at its power, however many threads sleep.
        let slope: f64 = idle::tables(&rows).iter().map(|t| t.line.unwrap().slope).sum();
        let truth = Truth::of(&physics).idle_w;
        assert!((slope / truth - 1.0).abs() < 0.05, "{slope} {truth}");
    }

    #[test]
    fn sleepers_are_gone_when_the_work_is_done() {
        assert_eq!(beside(3, || 7), 7);
        assert_eq!(beside(0, || 8), 8);
    }
}
