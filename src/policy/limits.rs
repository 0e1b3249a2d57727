//! stub
use serde::Deserialize;
/// stub
#[derive(Debug, Clone, Default, Deserialize)]
pub struct ExceptionLimits {}
