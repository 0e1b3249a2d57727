//! stub
use super::syntax::Each;
/// stub
#[derive(Debug, Clone)]
pub struct When(String);
impl When {
    /// stub
    pub fn credential(text: &str) -> Self { Self(text.to_owned()) }
    /// stub
    pub fn identity(text: &str, _: Option<Each>) -> Self { Self(text.to_owned()) }
    /// stub
    pub fn document(text: &str) -> Self { Self(text.to_owned()) }
    /// stub
    pub fn check(&self) -> Result<(), String> { Ok(()) }
}
