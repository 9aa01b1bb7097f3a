//! Every way to end a measuring process, at every point.

use super::*;

/// Every point, as often as the process passes it.
fn kill_points() -> Vec<String> {
    Point::ALL
        .iter()
        .flat_map(|point| {
            let passages = match point {
                Point::DuringRestore => BEFORE.len(),
                // Putting back is writing, too.
                Point::DuringWrite => WRITES.len() + BEFORE.len(),
                _ => WRITES.len(),
            };
            (1..=passages).map(move |n| format!("{}:{n}", point.name()))
        })
        .collect()
}

#[test]
fn the_guardian_restores_after_sigkill_at_every_point() {
    for point in kill_points() {
        let tree = server();
        let output = run(&tree, "guarded", Some(&point));
        assert_eq!(output.status.signal(), Some(libc::SIGKILL), "{point}: the process was not killed");
        assert_as_before(&tree, &point);
    }
}

#[test]
fn restore_undoes_a_power_cut_at_every_point() {
    let mut changed = 0;
    for point in kill_points() {
        let tree = server();
        let output = run(&tree, "alone", Some(&point));
        assert_eq!(output.status.signal(), Some(libc::SIGKILL), "{point}");
        changed += BEFORE.iter().filter(|(file, value)| tree.text(file) != *value).count();
        let report = lease::restore(&tree.path().join("state"), &tree.roots()).unwrap();
        assert!(report.is_complete(), "{point}: {report}");
        assert_as_before(&tree, &point);
        // Harmless to repeat.
        assert_eq!(lease::restore(&tree.path().join("state"), &tree.roots()).unwrap(), RestoreReport::default());
    }
    // Otherwise there would have been nothing to restore, and the test would show nothing.
    assert!(changed > 20, "{changed}");
}

#[test]
fn a_restoration_that_is_killed_itself_is_finished_by_the_next() {
    for n in 1..=BEFORE.len() {
        let tree = server();
        assert!(run(&tree, "alone", Some("during-restore:1")).status.signal().is_some());
        let killed = run(&tree, "restore", Some(&format!("during-restore:{n}")));
        assert_eq!(killed.status.signal(), Some(libc::SIGKILL), "{n}");
        assert!(run(&tree, "restore", None).status.success());
        assert_as_before(&tree, "two killed restorations");
    }
}

#[test]
fn a_normal_end_and_a_panic_restore() {
    let tree = server();
    let normal = run(&tree, "guarded", None);
    assert!(normal.status.success(), "{}", String::from_utf8_lossy(&normal.stderr));
    assert_as_before(&tree, "a normal end");
    assert!(!run(&tree, "panic", None).status.success());
    assert_as_before(&tree, "a panic");
}

fn hold(tree: &Tree) -> Child {
    let mut command = child(tree, "wait", None);
    // A process group of its own, as a shell gives to a job.
    let mut child = command.process_group(0).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.as_mut().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains("holding")));
    child
}

fn end(mut child: Child) -> std::process::ExitStatus {
    let status = child.wait().unwrap();
    // The guardian holds standard error until it is done.
    child.stderr.take().unwrap().read_to_end(&mut Vec::new()).unwrap();
    status
}

#[test]
fn interrupt_and_termination_restore_and_tell_the_shell() {
    for signal in [libc::SIGINT, libc::SIGTERM] {
        let tree = server();
        let held = hold(&tree);
        assert_eq!(tree.text(BEFORE[1].0), "2000000");
        // SAFETY: kill takes two integers; the process is our own child and not yet reaped.
        unsafe { libc::kill(held.id() as libc::pid_t, signal) };
        assert_eq!(end(held).code(), Some(128 + signal));
        assert_as_before(&tree, "a signal");
    }
}

#[test]
fn killing_the_whole_process_group_does_not_reach_the_guardian() {
    let tree = server();
    let held = hold(&tree);
    // SAFETY: kill takes two integers; a negative one names the group that our unreaped child leads.
    unsafe { libc::kill(-(held.id() as libc::pid_t), libc::SIGKILL) };
    assert_eq!(end(held).signal(), Some(libc::SIGKILL));
    assert_as_before(&tree, "SIGKILL to the group");
}
