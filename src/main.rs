//! The `weightproof` program; everything is in the library.

fn main() -> std::process::ExitCode {
    weightproof::cli::main()
}
