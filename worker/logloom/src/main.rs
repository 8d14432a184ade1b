//! The `logloom` program.

fn main() -> std::process::ExitCode {
    logloom::cli::main()
}
