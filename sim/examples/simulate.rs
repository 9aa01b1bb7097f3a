//! Runs a scenario with its own or other policies and prints the comparison:
//! `cargo run --release -p ergometer-sim --example simulate -- thesis sjf edp edp_cap`.

use ergometer_sim::{Overrides, Scenario, SimError};

fn main() -> Result<(), SimError> {
    let mut arguments = std::env::args().skip(1);
    let name = arguments.next().unwrap_or_else(|| "thesis".to_owned());
    let policies: Vec<String> = arguments.collect();
    let overrides = Overrides { policies: (!policies.is_empty()).then_some(policies), ..Overrides::default() };
    let scenario = Scenario::load(&name, &overrides)?;
    let results = ergometer_sim::run(&scenario, &|_, _| {});
    print!("{}", results.summary().to_text());
    Ok(())
}
