//! The `policykit` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    policykit_server::cli::main()
}
