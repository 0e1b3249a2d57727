//! tollgate, the command line.
fn main() {}
