//! The `ergometer` command: parse, dispatch, say how it ended.

use std::process::ExitCode;

fn main() -> ExitCode {
    ergometer::cli::main()
}
