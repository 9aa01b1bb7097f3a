//! Runs a scenario and prints its summary: `cargo run -p ergometer-sim --example simulate -- thesis`.

use ergometer_sim::{Overrides, Scenario};

fn main() -> Result<(), ergometer_sim::SimError> {
    let name = std::env::args().nth(1).unwrap_or_else(|| "thesis".to_owned());
    let policies: Vec<String> = std::env::args().skip(2).collect();
    let overrides = Overrides { policies: (!policies.is_empty()).then_some(policies), ..Overrides::default() };
    let scenario = Scenario::load(&name, &overrides)?;
    let results = ergometer_sim::run(&scenario, &|_, _| {});
    print!("{}", results.summary().to_text());
    Ok(())
}
