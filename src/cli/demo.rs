//! stub
use super::context::Context;
use super::exit::Exit;
use super::trouble::Trouble;
/// d
#[derive(Debug, clap::Args)]
pub struct Arguments {}
pub fn run(_: &Arguments, _: &Context) -> Result<Exit, Trouble> {
    Ok(Exit::Open)
}
