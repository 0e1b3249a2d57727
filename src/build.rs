//! Compiles the rules of `policies/` into the binary.
fn main() {}
