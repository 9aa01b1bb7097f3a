//! The `ergometer` command.
fn main() {}
