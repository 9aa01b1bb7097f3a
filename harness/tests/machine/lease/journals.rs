//! Journals that are torn, damaged, newer, or out of date.

use super::*;

#[test]
fn a_value_clipped_just_before_a_kill_is_put_back_and_said() {
    let tree = server();
    run(&tree, "alone", Some("after-write:2"));
    // As if the hardware had made 1.9 GHz of the 2.0 that were written.
    tree.file(BEFORE[1].0, "1900000\n");
    let report = lease::restore(&tree.path().join("state"), &tree.roots()).unwrap();
    assert!(matches!(outcome(&report, MAX), Outcome::Replaced { found, .. } if found == "1900000"), "{report}");
    assert_eq!(tree.text(BEFORE[1].0), "3600000");
}

fn journal(tree: &Tree) -> std::path::PathBuf {
    std::fs::read_dir(tree.path().join("state/leases")).unwrap().next().unwrap().unwrap().path()
}

#[test]
fn after_a_restart_the_machines_own_values_are_left_alone() {
    let tree = server();
    run(&tree, "alone", Some("during-restore:1"));
    let path = journal(&tree);
    let text = std::fs::read_to_string(&path).unwrap();
    let boot = text.split("\"boot_id\":\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    std::fs::write(&path, text.replace(&boot, "another-boot")).unwrap();
    tree.file(BEFORE[1].0, "3000000\n");
    let report = lease::restore(&tree.path().join("state"), &tree.roots()).unwrap();
    assert_eq!(outcome(&report, MAX), &Outcome::Rebooted { found: "3000000".into(), old: "3600000".into() });
    // What still holds our value was kept across the restart by somebody, and goes back.
    assert_eq!(tree.text(BEFORE[2].0), "135000000");
}

#[test]
fn a_torn_last_line_is_ignored_and_a_damaged_one_is_told() {
    for (damage, complete) in [("{\"event\":\"write\",\"n\":9,\"kn", true), ("garbage\n", false)] {
        let tree = server();
        run(&tree, "alone", Some("during-restore:1"));
        let path = journal(&tree);
        let text = std::fs::read_to_string(&path).unwrap() + damage;
        std::fs::write(&path, text).unwrap();
        let report = lease::restore(&tree.path().join("state"), &tree.roots()).unwrap();
        assert_eq!((report.is_complete(), path.exists()), (complete, !complete), "{report}");
        for (file, value) in BEFORE {
            assert_eq!(tree.text(file), value);
        }
    }
}

/// The journal's text as another boot's, without the lines that only repeat values: what a power cut can leave.
fn as_after_a_power_cut(text: &str, keep: usize) -> String {
    let boot = text.split("\"boot_id\":\"").nth(1).unwrap().split('"').next().unwrap();
    text[..keep].replace(boot, "another-boot")
}

#[test]
fn a_power_cut_that_takes_the_end_of_the_journal_loses_no_setting() {
    let tree = server();
    run(&tree, "alone again", Some(&format!("after-write:{}", WRITES.len() + AGAIN.len())));
    let path = journal(&tree);
    let text = std::fs::read_to_string(&path).unwrap();
    // Everything up to the last new value was synced before that value was written.
    let synced = text.find(r#""n":6,"#).unwrap();
    let synced = synced + text[synced..].find('\n').unwrap() + 1;
    assert!(text[synced..].contains(r#""n":10,"#), "{text}");
    let left = [[GOVERNOR, "powersave"], [GOVERNOR, "ondemand"], [MAX, "2000000"]];
    for (i, keep) in (synced..=text.len()).step_by(3).enumerate() {
        // Whatever the last write was, its value is found.
        let [knob, value] = left[i % left.len()];
        let file = BEFORE[usize::from(knob == MAX)].0;
        tree.file(file, format!("{value}\n"));
        std::fs::write(&path, as_after_a_power_cut(&text, keep)).unwrap();
        let report = lease::restore(&tree.path().join("state"), &tree.roots()).unwrap();
        assert!(matches!(outcome(&report, knob), Outcome::Restored { from, .. } if from == value), "{keep}: {report}");
        assert_as_before(&tree, &format!("a journal of {keep} bytes"));
    }
}

#[test]
fn a_value_that_ergometer_never_set_is_left_after_a_power_cut() {
    let tree = server();
    run(&tree, "alone again", Some("before-write:9"));
    let path = journal(&tree);
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, as_after_a_power_cut(&text, text.len())).unwrap();
    tree.file(BEFORE[0].0, "conservative\n");
    let report = lease::restore(&tree.path().join("state"), &tree.roots()).unwrap();
    assert!(matches!(outcome(&report, GOVERNOR), Outcome::Rebooted { .. }), "{report}");
    assert_eq!(tree.text(BEFORE[0].0), "conservative");
}

#[test]
fn a_torn_journal_can_be_restored_in_two_steps() {
    let tree = server();
    run(&tree, "alone", Some("during-restore:1"));
    let path = journal(&tree);
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text + "{\"event\":\"wrote\",\"n\"").unwrap();
    let file = tree.path().join(BEFORE[1].0);
    let away = file.with_extension("away");
    std::fs::rename(&file, &away).unwrap();
    let state = tree.path().join("state");
    assert!(!lease::restore(&state, &tree.roots()).unwrap().is_complete());
    std::fs::rename(&away, &file).unwrap();
    let report = lease::restore(&state, &tree.roots()).unwrap();
    assert!(report.is_complete(), "{report}");
    assert_as_before(&tree, "a torn journal");
}

#[test]
fn a_newer_journal_and_an_empty_one_are_refused_and_kept() {
    for text in ["", "{\"event\":\"begin\",\"version\":99}\n", "not json\n"] {
        let tree = server();
        let path = tree.file("state/leases/1.jsonl", text);
        let report = lease::restore(&tree.path().join("state"), &tree.roots()).unwrap();
        assert!(!report.is_complete() && report.to_string().contains("1.jsonl"), "{report}");
        assert!(path.exists());
    }
}

#[test]
fn a_knob_that_is_gone_keeps_the_journal_until_it_is_back() {
    let tree = server();
    run(&tree, "alone", Some("during-restore:1"));
    let file = tree.path().join(BEFORE[1].0);
    let away = file.with_extension("away");
    std::fs::rename(&file, &away).unwrap();
    let state = tree.path().join("state");
    let report = lease::restore(&state, &tree.roots()).unwrap();
    assert!(matches!(outcome(&report, MAX), Outcome::Failed { .. }), "{report}");
    let text = report.to_string();
    assert!(text.starts_with("test, begun 20") && text.contains(".jsonl:\n  powercap:"), "{text}");
    assert!(report.journals[0].kept && text.ends_with("1 of 1 journals remain: the command can be repeated"), "{text}");
    assert_eq!(tree.text(BEFORE[2].0), "135000000");
    std::fs::rename(&away, &file).unwrap();
    let report = lease::restore(&state, &tree.roots()).unwrap();
    assert!(report.is_complete() && report.to_string().contains("nothing remains to be restored"), "{report}");
    assert_as_before(&tree, "the second restoration");
}

#[test]
fn the_journal_is_on_the_disk_before_the_write() {
    let tree = server();
    run(&tree, "alone", Some("before-write:1"));
    let text = std::fs::read_to_string(journal(&tree)).unwrap();
    assert!(text.contains(r#""old":"schedutil","new":"powersave""#), "{text}");
    assert_eq!(tree.text(BEFORE[0].0), "schedutil");
}

#[test]
fn no_journal_no_write() {
    let tree = server();
    let nowhere = LeaseOptions { state_dir: "/proc/ergometer".into(), ..options(tree.path(), false) };
    let error = Lease::acquire(&nowhere, knobs(tree.path())).unwrap_err();
    assert!(error.to_string().contains("ERGOMETER_STATE_DIR"), "{error}");
    // A guardian that is none: a program that ends without answering.
    let command = GuardianCommand { program: "/bin/true".into(), args: vec![] };
    let unguarded = LeaseOptions { guardian: Some(command), ..options(tree.path(), false) };
    assert!(matches!(Lease::acquire(&unguarded, knobs(tree.path())), Err(LeaseError::Guardian { .. })));
    assert_as_before(&tree, "a lease that was never taken");
}
