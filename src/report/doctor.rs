//! Section: what can be measured and controlled on this machine, and the command that fixes what can't.

use super::Section;
use super::html::{Cell, Table, escape};
use super::plot::PlotError;
use serde::{Deserialize, Serialize};

/// The checks of `ergometer doctor`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Doctor {
    /// The machine in one line: processor, cores, instruction sets, memory.
    pub machine: String,
    /// The checks, in the order in which they are shown; equal `group`s should stand together.
    pub checks: Vec<Check>,
}

/// One thing looked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Check {
    /// Heading that it stands under, such as "sensors".
    pub group: String,
    /// What was looked for, such as "RAPL package energy".
    pub name: String,
    /// What came of it.
    pub state: State,
    /// What was found, or what is in the way.
    pub detail: String,
    /// The exact command that makes it available, where one exists.
    pub fix: Option<String>,
}

/// What came of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// There and usable.
    Found,
    /// Not there.
    Missing,
    /// There, but this user may not use it.
    NotPermitted,
}

impl State {
    /// The words shown.
    pub fn label(self) -> &'static str {
        match self {
            Self::Found => "found",
            Self::Missing => "missing",
            Self::NotPermitted => "not permitted",
        }
    }
}

impl Section for Doctor {
    fn id(&self) -> &'static str {
        "doctor"
    }

    fn title(&self) -> &'static str {
        "What can be measured here"
    }

    fn html(&self) -> Result<String, PlotError> {
        let mut out = String::new();
        if !self.machine.is_empty() {
            out.push_str(&format!("<p>{}</p>\n", escape(&self.machine)));
        }
        let count = |state| self.checks.iter().filter(|c| c.state == state).count();
        let caption = format!(
            "{} found, {} missing, {} not permitted",
            count(State::Found),
            count(State::Missing),
            count(State::NotPermitted)
        );
        let mut table = Table::new(caption, &["What", "State", "Detail", "Command that fixes it"]);
        let mut group = "";
        for check in &self.checks {
            if check.group != group {
                group = &check.group;
                table.heading(group);
            }
            let state = check.state.label();
            let class = state.replace(' ', "-");
            table.row(vec![
                Cell::text(&check.name),
                Cell::html(format!(r#"<span class="state {class}">{state}</span>"#)),
                Cell::text(&check.detail).wide(),
                check.fix.as_ref().map_or_else(|| Cell::text(""), Cell::code),
            ]);
        }
        out.push_str(&table.finish());
        Ok(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_have_words_and_fixes_are_escaped() {
        let check = |name: &str, state, fix: Option<&str>| Check {
            group: "sensors".into(),
            name: name.into(),
            state,
            detail: "a < b".into(),
            fix: fix.map(str::to_owned),
        };
        let doctor = Doctor {
            machine: "cpu".into(),
            checks: vec![
                check("RAPL", State::NotPermitted, Some("sudo chmod a+r /sys & echo <ok>")),
                check("TSC", State::Found, None),
            ],
        };
        let html = doctor.html().unwrap();
        assert!(html.contains("1 found, 0 missing, 1 not permitted"));
        assert!(html.contains("a &lt; b") && html.contains("/sys &amp; echo &lt;ok&gt;"));
        assert_eq!(html.matches("sensors").count(), 1, "the group's heading stands once");
    }
}
